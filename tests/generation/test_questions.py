"""Which questions are asked for, and which of those that were written may stay."""

import orjson
import pytest

from weighbridge.core.json import JsonObject
from weighbridge.errors import Invalid
from weighbridge.generation.questions import (
    Chooser,
    Source,
    clustered,
    evaluation,
    gap_slots,
    slots,
)
from weighbridge.spec import parse_spec

PASSAGE = (
    "The first weighbridge of the town was built in 1843 by Anna Lindqvist. It could weigh carts "
    "of up to four tonnes, and charged two öre a cart."
)
LONG = "\n\n".join(f"Paragraph {number}. {PASSAGE}" * 8 for number in range(10))
SLOT = {"passage": PASSAGE, "document": "town", "document_id": "doc_1", "cluster": "doc_1:0"}


def reply(question: str, answer: str, quote: str = "was built in 1843 by Anna Lindqvist") -> str:
    return orjson.dumps({"question": question, "answer": answer, "quote": quote}).decode()


BUILT = reply("When was the first weighbridge of the town built?", "1843")


def test_more_are_asked_for_than_are_wanted_with_another_aim_each_time() -> None:
    rows = slots([Source("d", "town", PASSAGE)], 10)
    assert len(rows) == 15
    assert len({row["focus"] for row in rows}) == 6
    assert {row["document_id"] for row in rows} == {"d"}


def test_all_of_a_long_document_is_asked_about() -> None:
    rows = slots([Source("d", "town", LONG)], 4)
    numbers = [int(str(row["passage"]).split()[1].rstrip(".")) for row in rows]
    assert numbers[0] == 0
    assert max(numbers) >= 8
    assert numbers == sorted(numbers)


def test_documents_that_say_nothing_are_refused() -> None:
    with pytest.raises(Invalid, match="say too little"):
        slots([Source("d", "town", "Short.")], 3)


@pytest.mark.parametrize("judge", [None, "someone"])
def test_the_evaluation_that_writes_them_is_a_good_one(judge: str | None) -> None:
    spec = parse_spec(evaluation("q", slots([Source("d", "n", PASSAGE)], 2), "writer", judge))
    made = spec.to_evaluation()
    assert made.schema is not None
    assert [scorer.key for scorer in made.scorers] == (["answerable"] if judge else [])


def test_a_question_that_the_passage_answers_stays() -> None:
    found = Chooser(5).take(SLOT, BUILT, True)
    assert found == {
        "question_num": 1,
        "question": "When was the first weighbridge of the town built?",
        "answer": "1843",
        "document_id": "doc_1",
        "quote": "was built in 1843 by Anna Lindqvist",
        "cluster": "doc_1:0",
    }


def test_a_reply_that_is_nearly_json_is_read() -> None:
    assert Chooser(5).take(SLOT, "```json\n" + BUILT[:-1], None) is not None


@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        (None, None, "no answer"),
        ("I cannot.", None, "no JSON object"),
        (reply("Who?", ""), None, "has no answer"),
        (BUILT, False, "the judge"),
        (
            reply("Who built it?", "Anna Lindqvist", "It was built by giants long ago"),
            None,
            "quote",
        ),
        (reply("Who built it?", "Some people from Malmö"), None, "its answer does not stand"),
        (reply("What does the passage say of 1843?", "1843"), None, "speaks of the passage"),
        (reply("x" * 1_001, "1843"), None, "question is too long"),
        ('{"question": ["a"], "answer": {}, "quote": 1}', None, "has no question"),
    ],
)
def test_others_are_left_out_with_the_reason(
    text: str | None, verdict: bool | None, reason: str
) -> None:
    chooser = Chooser(5)
    assert chooser.take(SLOT, text, verdict) is None
    [(told, count)] = chooser.left_out.items()
    assert (reason in told, count) == (True, 1)


def test_questions_that_are_alike_stay_once() -> None:
    chooser = Chooser(5)
    assert chooser.take(SLOT, BUILT, None) is not None
    for question in (
        "when was the  FIRST weighbridge of the town built",
        "When was the town's first weighbridge built?",
    ):
        assert chooser.take(SLOT, reply(question, "1843"), None) is None
    assert chooser.left_out == {"it is like one before": 2}
    assert chooser.take(SLOT, reply("Who built it in 1843?", "Anna Lindqvist"), None) is not None


def test_questions_of_one_passage_are_known_as_such_where_there_are_many_passages() -> None:
    def rows(questions: int, passages: int) -> list[JsonObject]:
        return [{"question_num": n, "cluster": f"d:{n % passages}"} for n in range(questions)]

    assert clustered(rows(30, 10)) == rows(30, 10)
    for few in (rows(30, 9), rows(30, 30), rows(3, 1)):
        assert all("cluster" not in row for row in clustered(few))


def test_no_more_stay_than_are_wanted() -> None:
    chooser = Chooser(1)
    assert chooser.take(SLOT, BUILT, None) is not None
    assert chooser.take(SLOT, reply("Who built it in 1843?", "Anna Lindqvist"), None) is None
    assert chooser.left_out == {}


def test_gaps_need_nobody_who_writes_and_stay_by_the_same_rules() -> None:
    rows = gap_slots([Source("d", "town", PASSAGE)], 5)
    spec = parse_spec(evaluation("q", rows, None, None))
    assert spec.to_evaluation().answers is not None
    chooser = Chooser(5)
    found = [chooser.take(row, str(row["written"]), None) for row in rows]
    assert found[0] is not None
    assert (found[0]["answer"], chooser.left_out) == ("1843", {})


def test_gaps_are_spread_over_all_of_a_long_document() -> None:
    text = "\n\n".join(f"In the year {1000 + n} nothing happened in the town." for n in range(400))
    rows = gap_slots([Source("d", "town", text)], 10)
    years = [int(orjson.loads(str(row["written"]))["answer"]) for row in rows]
    assert (len(years), years[0]) == (15, 1000)
    assert years[-1] > 1350
    with pytest.raises(Invalid, match="number or a name"):
        gap_slots([Source("d", "town", "nothing here could ever be asked for by anybody.")], 5)
