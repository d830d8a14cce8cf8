"""What stands behind the metrics is counted in one pass and bounded memory."""

from typing import Any

import pytest

from weighbridge.core.outcome import Failed, Outcome, Scored, Ungraded
from weighbridge.reports.breakdown import MOST_LABELS, OTHER, BreakdownBuilder, Scale


def said(label: str | None, confidence: float | None = None, **details: Any) -> Scored:
    return Scored(1.0, label, None, confidence, {"judge": "house-judge", **details})


def of(outcomes: list[Outcome | None], scale: Scale = "nominal") -> dict[str, Any]:
    builder = BreakdownBuilder(["s"], {"s": scale})
    for outcome in outcomes:
        builder.add(None if outcome is None else {"s": outcome})
    return dict(builder.finish().get("s", {}))


def test_judges_labels_and_confidence_are_counted() -> None:
    found = of([said("pass", 0.5), said("fail"), said("pass", 1.0, judge="other-judge"), None])
    assert found == {
        "judges": {"house-judge": 2, "other-judge": 1},
        "labels": {"pass": 2, "fail": 1},
        "confidence": 0.75,
    }


def test_expected_labels_make_a_confusion() -> None:
    found = of(
        [
            said("a", expected="a"),
            said("b", expected="a"),
            said("b", expected=["a", "b"]),
            said("c", expected=["a", "b"]),
            said("c"),
        ]
    )
    assert found["confusion"] == {"a": {"a": 1, "b": 1, "c": 1}, "b": {"b": 1}}


def test_repairs_dropped_quotes_bias_and_items_are_counted() -> None:
    found = of(
        [
            said("1/2", repaired="json", evidence_dropped=2, items={"x": True, "y": False}),
            said("2/2", repaired="retry", evidence_dropped=1, items={"x": True, "y": True}),
            said("tie", position_bias="first"),
        ]
    )
    assert found["repairs"] == {"json": 1, "retry": 1}
    assert found["evidence_dropped"] == 3
    assert found["items"] == {"x": {"met": 2, "of": 2}, "y": {"met": 1, "of": 2}}
    assert found["position_bias"] == {"first": 1}


def test_what_could_not_be_judged_is_counted_by_reason() -> None:
    found = of([Ungraded("no reference"), Ungraded("no reference"), Failed("timeout", "late")])
    assert found == {"ungraded": {"no reference": 2}}


def test_a_scorer_that_only_gives_values_has_none() -> None:
    assert of([Scored(1.0), Scored(0.0, "12")]) == {}


def vote(label: str, value: float, judge: str) -> dict[str, Any]:
    return {"judge": judge, "label": label, "value": value}


def test_a_jurys_agreement_is_krippendorffs_alpha_over_its_votes() -> None:
    """Krippendorff (2011), two observers of binary data: 1 - 19 x 4 / (14 x 6) = 0.095."""
    first, second = "0100000000", "1110010010"
    outcomes: list[Outcome | None] = [
        said("x", votes=[vote(a, float(a), "one"), vote(b, float(b), "two")])
        for a, b in zip(first, second, strict=True)
    ]
    outcomes.append(said("x", votes=[vote("1", 1.0, "one"), {"judge": "two", "status": "failed"}]))
    found = of(outcomes)
    assert found["agreement"]["alpha"] == pytest.approx(0.095, abs=5e-4)
    assert (found["agreement"]["cases"], found["agreement"]["votes"]) == (10, 20)
    assert found["judges"] == {"one": 11, "two": 10}


def test_levels_that_are_nearer_disagree_less() -> None:
    pairs = [("1", "2"), ("5", "4"), ("1", "1"), ("5", "5"), ("2", "1"), ("4", "5")]
    outcomes: list[Outcome | None] = [
        said(None, votes=[vote(a, float(a), "one"), vote(b, float(b), "two")]) for a, b in pairs
    ]
    near = of(outcomes, "ordinal")["agreement"]
    assert near["scale"] == "ordinal"
    assert near["alpha"] > of(outcomes)["agreement"]["alpha"] + 0.3


def test_labels_beyond_the_first_hundred_are_taken_together() -> None:
    found = of([said(f"label {n}", expected=f"label {n}") for n in range(MOST_LABELS + 50)])
    assert len(found["labels"]) == MOST_LABELS + 1
    assert found["labels"][OTHER] == 50
    assert len(found["confusion"]) == MOST_LABELS + 1
