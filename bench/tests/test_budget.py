"""When the check fails, and when it does not."""

from bench.budget import read_budget, savings, violations
from bench.recorder import Cost

BUDGET = {"get": Cost(reads=1, rru=1), "start": Cost(transactions=1, wru=7)}


def test_what_is_within_the_budget_passes() -> None:
    costs = {"get": Cost(reads=1, rru=0.5), "start": Cost(transactions=1, wru=7)}
    assert violations(costs, BUDGET) == []
    assert savings(costs, BUDGET) == ["get: 0.5 rru, the budget is 1"]


def test_each_excess_is_named() -> None:
    costs = {"get": Cost(reads=2, rru=2), "start": Cost(transactions=1, wru=7)}
    assert violations(costs, BUDGET) == [
        "get: 2 reads, the budget is 1",
        "get: 2 rru, the budget is 1",
    ]


def test_an_operation_needs_a_budget_and_a_budget_its_operation() -> None:
    costs = {"get": Cost(reads=1, rru=1), "copy": Cost()}
    assert violations(costs, BUDGET) == ["copy: has no budget", "start: was not measured"]


def test_the_committed_budget_keeps_the_promises_of_the_design() -> None:
    budget = read_budget()
    for name in ("get", "list of 10", "list of 100"):
        assert (budget[name].reads, budget[name].writes, budget[name].transactions) == (1, 0, 0)
    assert (budget["start"].reads, budget["start"].transactions) == (0, 1)
    cold = budget["start, key not cached"]
    assert (cold.reads, cold.transactions) == (1, 1)
    assert budget["plain chunk"] == Cost()


def test_the_committed_budget_keeps_what_model_calls_promise() -> None:
    """A read for every hundred files that are named, and one write that counts the tokens."""
    budget = read_budget()
    for name, reads in (
        ("generateContent", 0),
        ("streamGenerateContent", 0),
        ("countTokens", 0),
        ("generateContent, 1 file", 1),
        ("generateContent, 200 files", 2),
    ):
        found = budget[name]
        assert (found.reads, found.writes, found.transactions) == (reads, 1, 0)
        assert found.upstream == 1
    assert budget["list of 10 caches"] == Cost(reads=1, rru=1)
