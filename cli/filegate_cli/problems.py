"""Problems: what went wrong in a sentence, and what to do about it in another."""

from typing import ClassVar


class Problem(Exception):
    """The gateway refused, or something failed on the way. Ends the command with exit code 1."""

    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str, advice: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice


class Unfinished(Problem):
    """What was done so far is kept: doing it again goes on from there."""


class Misuse(Problem):
    """The command was called wrongly, and nothing was sent. Exit code 2."""

    exit_code: ClassVar[int] = 2
