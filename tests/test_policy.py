"""A policy is refused with field and line, before anything is looked at."""

from pathlib import Path

import pytest

from weighbridge.core.policy import Limit, Mode, Tier
from weighbridge.errors import InvalidFields
from weighbridge.policy import PolicySpec, load_policy

GOOD = """name: release
level: 0.9
rules:
  - metric: exact
    min: 0.8
    max_drop: 0
  - max_cost_usd: 5
    tier: advisory
    level: 0.99
"""


def refused(text: str) -> str:
    with pytest.raises(InvalidFields) as error:
        load_policy(text, "gate.yaml")
    return error.value.message


def test_a_good_policy_is_read_with_its_lines() -> None:
    spec, lines = load_policy(GOOD, "gate.yaml")
    policy = spec.to_policy()
    first, second = policy.rules
    assert (policy.name, policy.mode) == ("release", Mode.INTERVAL)
    assert (first.metric, first.limits) == ("exact", {Limit.MIN: 0.8, Limit.MAX_DROP: 0})
    assert (first.tier, first.level) == (Tier.CRITICAL, 0.9)
    assert (second.metric, second.tier, second.level) == (None, Tier.ADVISORY, 0.99)
    assert spec.needs_baseline
    assert lines["rules", 0, "max_drop"] == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "gate.yaml: line 1: a policy is an object with `rules`, not nothing"),
        ("- a", "a policy is an object"),
        ("name: x", "rules: Field required"),
        ("rules: []", "line 1: rules:"),
        ("rules:\n  - metric: exact", "line 2: rules.0: a rule needs a limit: one of min, max"),
        ("rules:\n  - min: 0.5", "line 2: rules.0.min: needs a `metric`"),
        ("rules:\n  - metric: e\n    mim: 1", "line 3: rules.0.mim: there is no such field; did"),
        ("rules:\n  - metric: e\n    min: high", "line 3: rules.0.min:"),
        ("rules:\n  - metric: e\n    min: 1\n    max: 0", "line 4: rules.0.max: is below `min`"),
        ("rules:\n  - metric: e\n    max_drop: -1", "line 3: rules.0.max_drop:"),
        ("rules:\n  - max_failed_share: 5", "line 2: rules.0.max_failed_share:"),
        ("rules:\n  - max_cost_usd: 5\n    tier: vital", "line 3: rules.0.tier:"),
        ("rules:\n  - max_cost_usd: 5\n    level: 95", "line 3: rules.0.level:"),
        ("mode: hope\nrules:\n  - max_cost_usd: 5", "line 1: mode:"),
        ("rules:\n  - max_cost_usd: .inf", "rules.0.max_cost_usd:"),
        ("rules:\n  - max_cost_usd: 1\n    max_cost_usd: 2", "is there twice"),
        ("rules: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_field_and_line(text: str, said: str) -> None:
    assert said in refused(text)


def test_the_docs_name_every_field_and_limit() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "gate.md").read_text()
    for limit in Limit:
        assert f"| `{limit.value}` |" in page
    for field in PolicySpec.model_fields:
        assert f"`{field}`" in page
