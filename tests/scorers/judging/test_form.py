"""Replies are read or refused, whatever they are, and quickly."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.scorers.judging.form import Form, Unreadable
from weighbridge.scorers.judging.rubrics import find_rubric

PASS_OR_FAIL = Form(find_rubric("relevant"))
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.text() | JSON.map(json.dumps) | st.builds('{{"verdict": {}, "x"'.format, st.text()))
def test_any_reply_is_a_verdict_on_offer_or_none(reply: str) -> None:
    label = "pass"
    with suppress(Unreadable):
        label = PASS_OR_FAIL.read(reply, [], "j").label
    assert label in ("pass", "fail")


@given(JSON, JSON, JSON)
def test_fields_of_any_kind_do_no_harm(reason: object, evidence: object, sure: object) -> None:
    said = {"reason": reason, "evidence": evidence, "verdict": "pass", "confidence": sure}
    verdict = PASS_OR_FAIL.read(json.dumps(said), ["material"], "j")
    assert verdict.value == 1.0
    assert verdict.confidence is None or 0 <= verdict.confidence <= 1


@pytest.mark.parametrize(
    "reply",
    [
        "{" * 50_000,
        '{"a":' * 10_000,
        '{"' * 20_000,
        '{"verdict":' * 5_000,
        '{"verdict": "' + '{"x' * 10_000,
        ("{" + "1" * 100) * 60 + ' "verdict"',
        '{verdict "' + '",' * 3_000,
    ],
)
def test_a_reply_that_is_made_to_be_slow_is_not(reply: str) -> None:
    before = time.process_time()
    with pytest.raises(Unreadable):
        PASS_OR_FAIL.read(reply, [], "j")
    assert time.process_time() - before < 3


def test_a_verdict_of_another_kind_is_not_on_offer() -> None:
    for said in ([], {}, None, 1.5, True, "PASSED"):
        with pytest.raises(Unreadable, match="not on offer"):
            PASS_OR_FAIL.read(json.dumps({"verdict": said}), [], "j")


def test_long_offers_are_told_in_short() -> None:
    rubric = {"purpose": "p", "verdict": "levels", "levels": [{"range": [0, 100]}]}
    form = Form(find_rubric(rubric))
    assert 'a whole number from "0" to "100"' in form.instructions
    assert len(form.scores) == 101
