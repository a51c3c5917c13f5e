"""What checkov finds is fixed, or let pass for a reason that is written down beside it."""

import itertools
import re
from pathlib import Path
from typing import Any, cast

import yaml

from apigateway_standin.template import Template

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / ".checkov.yaml"
RULE = re.compile(r"- (CKV\w*)")


def test_each_rule_that_is_left_out_has_its_reason_above_it() -> None:
    reasoned = []
    lines = CONFIGURATION.read_text().partition("skip-check:")[2].splitlines()
    for before, line in itertools.pairwise(lines):
        if rule := RULE.search(line):
            assert before.strip().startswith("#"), f"{rule[1]}: why?"
            reasoned.append(rule[1])
    skipped = yaml.safe_load(CONFIGURATION.read_text())["skip-check"]
    assert reasoned == skipped
    assert len(set(skipped)) == len(skipped)


def test_it_is_the_template_that_is_looked_at_and_nobody_is_called() -> None:
    configured = yaml.safe_load(CONFIGURATION.read_text())
    assert configured["file"] == ["template.yaml"]
    assert configured["skip-download"] is True
    # These would let findings pass without a word.
    assert not {"soft-fail", "soft-fail-on", "baseline", "check", "skip-path"} & set(configured)


def test_a_resource_that_is_let_pass_says_why() -> None:
    resources = cast(
        "dict[str, dict[str, Any]]", Template.load(ROOT / "template.yaml").resources.values
    )
    let_pass = {
        (name, skip["id"]): skip["comment"]
        for name, resource in resources.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", ())
    }
    assert set(let_pass) == {("FailedRuns", "CKV_AWS_27")}
    assert all(let_pass.values())
