"""Budget: the most each operation may ask for. `python -m bench --check` holds the code to it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.calls import Costs
from bench.recorder import Cost

PATH: Final = Path(__file__).with_name("budget.json")


def read_budget(path: Path = PATH) -> Costs:
    """The committed budget, by operation."""
    return {name: Cost(**limits) for name, limits in json.loads(path.read_text()).items()}


def violations(costs: Mapping[str, Cost], budget: Mapping[str, Cost]) -> list[str]:
    """What costs more than it may, one sentence each; empty if the budget is kept.

    An operation without a budget, or a budget without its operation, is a violation too.
    """
    found = []
    for name, cost in costs.items():
        limit = budget.get(name)
        if limit is None:
            found.append(f"{name}: has no budget")
            continue
        limits = asdict(limit)
        found.extend(
            f"{name}: {amount:g} {field}, the budget is {limits[field]:g}"
            for field, amount in asdict(cost).items()
            if amount > limits[field]
        )
    found.extend(f"{name}: was not measured" for name in budget if name not in costs)
    return found


def savings(costs: Mapping[str, Cost], budget: Mapping[str, Cost]) -> list[str]:
    """What costs less than it may: the budget can be lowered to it."""
    return [
        f"{name}: {asdict(cost)[field]:g} {field}, the budget is {limit:g}"
        for name, cost in costs.items()
        if name in budget
        for field, limit in asdict(budget[name]).items()
        if asdict(cost)[field] < limit
    ]
