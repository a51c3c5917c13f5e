"""The seeds' code samples, and what is changed in them before they run.

The files in `samples/` are the seeds' own text. Python, JavaScript and Go find base URL and key in
the environment, so nothing in them is changed; curl has no such setting. Cells of one section of
the quickstart stand in one file, between lines `# %%`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent / "samples"

QUICKSTART = (
    "install_dependencies",
    "set_up_your_api_key",
    "upload_file",
    "get_file",
    "generate_content",
    "multiple_files",
    "use_files_from_google_cloud_storage",
    "delete_files",
    "supported_text_types",
)
"""The quickstart's sections with code: one notebook, each builds on those before."""


@dataclass(frozen=True)
class Amendment:
    """A change without which a sample cannot work anywhere, and why."""

    why: str
    said: str
    meant: str

    def apply(self, text: str) -> str:
        """Return the amended text; what is amended has to be there, once."""
        assert text.count(self.said) == 1, f"not once in the sample: {self.said}"
        return text.replace(self.said, self.meant)


HOST = ("https://generativelanguage.googleapis.com", "$GOOGLE_GEMINI_BASE_URL")
"""The one change in every shell sample: the base URL."""

AMENDMENTS = {
    "files_get": (
        Amendment(
            why="jq prints a string in quotes, which are no part of a URL",
            said='name=$(jq ".file.name" file_info.json)\n# Get',
            meant='name=$(jq -r ".file.name" file_info.json)\n# Get',
        ),
        Amendment(
            why="the name begins with files/ already, and a request needs a key",
            said="/files/$name >",
            meant="/$name?key=$GEMINI_API_KEY >",
        ),
        Amendment(
            why="files.get answers a File, not an object with a File in it",
            said='got\nname=$(jq ".file.name" file_info.json)',
            meant='got\nname=$(jq ".name" file_info.json)',
        ),
        Amendment(
            why="as above",
            said='jq ".file.uri" file_info.json',
            meant='jq ".uri" file_info.json',
        ),
    )
}
"""Shell samples that do not work as they stand, by section."""


def notebook_section(section: str) -> str:
    """Return a section of the quickstart."""
    return (SAMPLES / "python" / f"{section}.ipy").read_text()


def shell_sample(section: str, *, amended: bool) -> str:
    """Return a shell sample for any host, and if asked to, such that it works."""
    text = (SAMPLES / "shell" / f"{section}.sh").read_text()
    for amendment in AMENDMENTS.get(section, ()) if amended else ():
        text = amendment.apply(text)
    return text.replace(*HOST)
