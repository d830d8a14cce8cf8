"""BLEU, chrF and TER: sacrebleu's figures, and what keeps them from running away."""

from typing import Any

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.conftest import Grade
from weighbridge.core.outcome import Scored, Ungraded
from weighbridge.scorers import translation
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.translation import Bleu, Chrf, Ter

WORDS = st.sampled_from(["the", "cat", "sat", "on", "Mat", "a", "Ünïcode", "中文", "3.5", "it's"])
SENTENCES = st.lists(WORDS, max_size=12).map(" ".join)
TEXTS = SENTENCES | st.text(max_size=60)
REFERENCES = st.lists(TEXTS, min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    TEXTS,
    REFERENCES,
    st.sampled_from(["13a", "intl", "zh", "char", "none"]),
    st.booleans(),
    st.sampled_from(["exp", "floor", "add-k", "none"]),
    st.integers(1, 6),
)
def test_bleu_is_sacrebleus(
    grade: Grade, said: str, wanted: list[str], tokenize: Any, lower: bool, smooth: Any, order: int
) -> None:
    found = grade(Bleu(tokenize, lower, smooth, order), said, wanted)
    reference = sacrebleu.BLEU(
        tokenize=tokenize,
        lowercase=lower,
        smooth_method=smooth,
        max_ngram_order=order,
        effective_order=True,
    ).sentence_score(said, wanted)
    assert isinstance(found, Scored)
    assert found.value == pytest.approx(reference.score / 100, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(TEXTS, REFERENCES, st.integers(1, 6), st.integers(0, 2), st.integers(1, 3), st.booleans())
def test_chrf_is_sacrebleus(
    grade: Grade, said: str, wanted: list[str], chars: int, words: int, beta: int, lower: bool
) -> None:
    found = grade(Chrf(chars, words, beta, lower), said, wanted)
    measure = sacrebleu.CHRF(char_order=chars, word_order=words, beta=beta, lowercase=lower)
    reference = measure.sentence_score(said, wanted)
    assert found.value == pytest.approx(reference.score / 100, abs=1e-12)  # type: ignore[union-attr]


@settings(max_examples=60, deadline=None)
@given(TEXTS, REFERENCES, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_ter_is_sacrebleus(
    grade: Grade, said: str, wanted: list[str], case: bool, norm: bool, punct: bool, asian: bool
) -> None:
    found = grade(Ter(case, norm, punct, asian), said, wanted)
    reference = sacrebleu.sentence_ter(
        said,
        wanted,
        case_sensitive=case,
        normalized=norm,
        no_punct=punct,
        asian_support=asian,
    )
    assert found.value == pytest.approx(reference.score / 100, abs=1e-12)  # type: ignore[union-attr]


def test_a_known_sentence_has_its_known_scores(grade: Grade) -> None:
    said, wanted = "the cat is on the mat", "there is a cat on the mat"
    counts = [7, 7, *(7, 6, 5, 4), *(7, 6, 5, 4)]
    assert grade(Bleu(), wanted, wanted) == Scored(1.0, details={"counts": counts})
    assert grade(Bleu(smooth="add-k"), wanted, wanted).details == {"counts": counts}  # type: ignore[union-attr]
    assert grade(Chrf(), wanted, wanted).value == 1.0  # type: ignore[union-attr]
    assert grade(Ter(), wanted, wanted) == Scored(0.0, details={"counts": [0, 7]})
    # One word inserted, one replaced by another two: 3 edits over 7 words.
    assert grade(Ter(), said, wanted).value == pytest.approx(3 / 7)  # type: ignore[union-attr]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXTS, SENTENCES.filter(str.strip)), min_size=1, max_size=6))
def test_counts_added_up_score_the_corpus_as_sacrebleu_does(
    grade: Grade, pairs: list[tuple[str, str]]
) -> None:
    said, wanted = [one for one, _ in pairs], [[other for _, other in pairs]]
    for scorer, reference in (
        (Bleu(), sacrebleu.corpus_bleu(said, wanted)),
        (Chrf(word_order=2), sacrebleu.corpus_chrf(said, wanted, word_order=2)),
        (Ter(), sacrebleu.corpus_ter(said, wanted)),
    ):
        counts = [grade(scorer, *pair).details["counts"] for pair in pairs]  # type: ignore[union-attr, index]
        sums = [sum(column) for column in zip(*counts, strict=True)]
        assert scorer.of_counts(sums) == pytest.approx(reference.score / 100, abs=1e-9)


def test_a_threshold_makes_right_or_wrong(grade: Grade) -> None:
    assert (Bleu().metric, Bleu(threshold=0.5).metric) == ("mean", "accuracy")
    right = grade(Chrf(threshold=0.5), "the cat sat", "the cat sits")
    wrong = grade(Chrf(threshold=0.9), "the cat sat", "the cat sits")
    assert isinstance(right, Scored)
    assert isinstance(wrong, Scored)
    assert (right.value, wrong.value) == (1.0, 0.0)
    assert right.details == wrong.details
    assert right.details is not None
    assert 0.5 <= right.details["similarity"] < 0.9  # type: ignore[operator]
    assert "below 0.9" in str(wrong.explanation)


def test_long_texts_are_refused_before_they_take_minutes(grade: Grade) -> None:
    long = "word " * 251
    assert isinstance(grade(Ter(), long, "word"), Ungraded)
    assert isinstance(grade(Ter(asian=True, normalized=True), "漢" * 251, "漢"), Ungraded)
    assert isinstance(grade(Ter(), "word", ["word", long]), Ungraded)
    assert grade(Bleu(), "word " * 5_000, "word " * 5_000).value == pytest.approx(1.0)  # type: ignore[union-attr]
    assert isinstance(grade(Bleu(), "w" * 500_000, "w"), Ungraded)


def test_texts_are_not_kept(grade: Grade) -> None:
    for number in range(250):
        grade(Bleu(), f"text {number}", "text")
    assert all(keeper.cache_info().currsize <= 101 for keeper in translation._keepers())
    assert len(translation._keepers()) >= 6


@pytest.mark.parametrize(
    ("scorer", "options", "option"),
    [
        (Bleu, {"order": 0}, "order"),
        (Bleu, {"threshold": 1.5}, "threshold"),
        (Chrf, {"char_order": 10}, "char_order"),
        (Chrf, {"word_order": -1}, "word_order"),
        (Chrf, {"beta": 0}, "beta"),
        (Chrf, {"threshold": float("nan")}, "threshold"),
    ],
)
def test_bad_options_are_refused(scorer: Any, options: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionError) as caught:
        scorer(**options)
    assert caught.value.option == option


def test_a_case_without_a_reference_is_ungraded(grade: Grade) -> None:
    for scorer in (Bleu(), Chrf(), Ter()):
        assert isinstance(grade(scorer, "x", None), Ungraded)
        assert isinstance(grade(scorer, "x", " "), Ungraded)
