"""From a record of a published data set to a case: one function for each format.

A case of multiple choice has the columns `question`, `options` (texts), `choices` (a line `A. …`
for each), `letters`, `label` (0-based number of the right option) and `answer` (its text); others
have `question` and `answer`. What else a prompt needs (`passage`, `before`…) stands beside them. A
function knows every form in which its data set is published: by its authors and on hubs.
"""

import re
from collections.abc import Callable, Sequence
from string import ascii_uppercase
from typing import Any, TypeAlias

from weighbridge.core.json import Json
from weighbridge.core.prompt import value_at
from weighbridge.datasets.rows import Row

Loader: TypeAlias = Callable[[Row], Row]


class LeftOut(Exception):
    """The record is no case (it has no answer, say); the message says why."""


class OtherFormat(Exception):
    """The record is not in this format; the message says what is missing."""


_LETTERED_LINE = re.compile(r"(?m)^[ \t]*([A-Z])\. ?")
_TAGS = re.compile(r"\[.*?\]")
_LAST_PHRASE = re.compile(r"(?<=[.!?] )([a-z][^.!?]*)$")
_NUMBER_WITH_UNIT = re.compile(r"[-−]?\$?(\d[\d,]*(?:\.\d+)?|\.\d+)\s?%?(?:[\s(][^\d]*)?")
_YES = {1: 1, 0: 0, "true": 1, "false": 0, "yes": 1, "no": 0, "1": 1, "0": 0}


def choice(record: Row) -> Row:
    """`question`, `options` (an array, an object letter → text, or lines `A. …`) and `answer` (a
    letter, a 0-based number, or the option's text); all other columns are kept."""
    options = _options(_one(record, "options"))
    made = _choice(_text(record, "question"), options, _place(_one(record, "answer"), options))
    return {**record, **made}


def answer(record: Row) -> Row:
    """`question` and `answer`; all other columns are kept."""
    if _one(record, "answer") in (None, "", []):
        raise LeftOut("it has no answer")
    return {**record, "question": _text(record, "question")}


def lettered(record: Row) -> Row:
    """`question`, `options` as lines `A. …`, and `answer` as one of these lines; with `passage` or
    without."""
    options = _options(_one(record, "options"))
    said = str(_one(record, "answer"))
    letter = _LETTERED_LINE.match(said)
    if letter is None:
        raise LeftOut("the answer has no letter")
    made = _choice(_text(record, "question"), options, ascii_uppercase.index(letter[1]))
    return _with_passage(record, made)


def mmlu(record: Row) -> Row:
    """The authors' csv files (question, four options, letter), or `question`, `choices`, `answer`
    and `subject` as on hubs."""
    if "choices" in record:
        options = _texts(record["choices"], "choices")
    else:
        options = [str(_one(record, letter)) for letter in "ABCD"]
    made = _choice(_text(record, "question"), options, _place(_one(record, "answer"), options))
    subject = record.get("subject")
    return {"subject": subject, **made} if isinstance(subject, str) and subject else made


def science(record: Row) -> Row:
    """ARC, OpenBookQA, CommonsenseQA: `answerKey`, with `question.stem`, `question.choices` as by
    the authors, or `question` (`question_stem`), `choices.text` and `choices.label` as on hubs."""
    question = record.get("question")
    whole: Any = question if isinstance(question, dict) else record
    stem = _text(whole, *(("stem",) if whole is question else ("question", "question_stem")))
    listed = _one(whole, "choices")
    if isinstance(listed, dict):
        labels, options = (
            _texts(_one(listed, "label"), "label"),
            _texts(_one(listed, "text"), "text"),
        )
    elif isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
        labels = [str(_one(one, "label")) for one in listed]
        options = [str(_one(one, "text")) for one in listed]
    else:
        raise OtherFormat("`choices` is neither an array of objects nor an object of arrays")
    key = str(record.get("answerKey") or "").strip()
    if not key:
        raise LeftOut("it has no `answerKey`: it is of a split whose answers are not published")
    if key not in labels:
        raise LeftOut(f"its `answerKey` {key[:20]} is none of the labels")
    return _with_id(record, _choice(stem, options, labels.index(key)))


def hellaswag(record: Row) -> Row:
    """`ctx_a`, `ctx_b` (or `ctx`), `activity_label`, `endings` and `label`; prepared as
    lm-evaluation-harness does: tags of WikiHow taken out, the last phrase begun with a capital."""
    if "ctx_a" in record:
        context = f"{record['ctx_a']} {str(record.get('ctx_b') or '').capitalize()}"
    else:
        context = _LAST_PHRASE.sub(lambda found: found[1].capitalize(), _text(record, "ctx"))
    label = _one(record, "label", "expected_index")
    if label in (None, ""):
        raise LeftOut("it has no label: it is of a split whose answers are not published")
    endings = [_untagged(text) for text in _texts(_one(record, "endings"), "endings")]
    topic = _text(record, "activity_label")
    made = _choice(_untagged(f"{topic}: {context}"), endings, _whole(label, "label"))
    if "ind" in record:
        return {"id": f"hellaswag-{record['ind']}", **made}
    return _with_id(record, made)


def gsm8k(record: Row) -> Row:
    """`question`, and `answer` whose last line is `#### ` and the number."""
    worked = str(_one(record, "answer", "upstream_answer"))
    _, mark, final = worked.rpartition("####")
    if not mark:
        raise LeftOut("its answer has no line `#### `")
    made: Row = {
        "question": _text(record, "question", "prompt"),
        "solution": worked.strip(),
        "answer": final.strip().replace(",", ""),
    }
    return _with_id(record, made)


def truthfulqa_mc1(record: Row) -> Row:
    """`question` and `mc1_targets`: `choices` and `labels` as on hubs, or an object answer → 0 or 1
    as by the authors."""
    targets = record.get("mc1_targets")
    if isinstance(targets, dict) and "choices" in targets:
        options = _texts(targets["choices"], "choices")
        labels = [_whole(one, "labels") for one in _list(_one(targets, "labels"), "labels")]
    elif isinstance(targets, dict):
        options, labels = list(targets), [_whole(one, "mc1_targets") for one in targets.values()]
    else:
        options = _texts(_one(record, "choices"), "choices")
        right = _whole(_one(record, "expected_index"), "expected_index")
        labels = [int(place == right) for place in range(len(options))]
    if labels.count(1) != 1:
        raise LeftOut("it has not exactly one true answer")
    return _with_id(record, _choice(_text(record, "question"), options, labels.index(1)))


def truthfulqa_gen(record: Row) -> Row:
    """`question` with true and false answers: the authors' csv file (`Correct Answers`, semicolons
    between them), or `correct_answers` and `incorrect_answers` as on hubs."""
    true = _several(_one(record, "correct_answers", "Correct Answers", "answer"))
    best = _several(record.get("best_answer") or record.get("Best Answer") or [])
    false = _several(record.get("incorrect_answers") or record.get("Incorrect Answers") or [])
    if not true:
        raise LeftOut("it has no true answer")
    made: Row = {
        "question": _text(record, "question", "Question"),
        "answer": list(dict.fromkeys([*best, *true])),
        "incorrect": list(false),
    }
    category = record.get("category") or record.get("Category")
    return {"category": category, **made} if category else made


def boolq(record: Row) -> Row:
    """`passage`, `question`, and `answer` (or `label`) that is true or false."""
    said = _one(record, "answer", "label")
    known = said.strip().lower() if isinstance(said, str) else said
    if isinstance(known, list | dict) or known not in _YES:
        raise LeftOut("its answer is neither true nor false")
    label = _YES[known]
    return {
        "passage": _text(record, "passage"),
        "question": _text(record, "question"),
        "options": ["no", "yes"],
        "label": label,
        "answer": ("no", "yes")[label],
    }


def winogrande(record: Row) -> Row:
    """`sentence` with a gap `_`, `option1`, `option2` and `answer` (1 or 2)."""
    sentence = _text(record, "sentence")
    before, gap, after = sentence.partition("_")
    if not gap or not after.strip():
        raise LeftOut("its sentence has no gap with something behind it")
    said = str(record.get("answer") or "").strip()
    if said not in ("1", "2"):
        raise LeftOut("it has no answer: it is of a split whose answers are not published")
    options = [_text(record, "option1"), _text(record, "option2")]
    made = {**_choice(sentence, options, int(said) - 1), "before": before, "after": after.strip()}
    return {"id": str(record["qID"]), **made} if record.get("qID") else made


def piqa(record: Row) -> Row:
    """`goal`, `sol1`, `sol2` and `label`."""
    if record.get("label") in (None, "", -1, "-1"):
        raise LeftOut("it has no label: the authors keep them in a file of their own")
    options = [_text(record, "sol1"), _text(record, "sol2")]
    return _choice(_text(record, "goal"), options, _whole(record["label"], "label"))


def logiqa(record: Row) -> Row:
    """`context`, `question`, `options`, and `label` as a letter or number."""
    options = _texts(_one(record, "options"), "options")
    label = _place(_one(record, "label"), options)
    made = _choice(_text(record, "question"), options, label)
    return {"passage": _text(record, "context"), **made}


def asdiv(record: Row) -> Row:
    """`body` (or `passage`), `question`, and `answer` as a number with its unit. What is no number
    (a name, a time, a ratio) is left out."""
    said = str(_one(record, "answer"))
    number = _NUMBER_WITH_UNIT.fullmatch(said.strip())
    if number is None:
        raise LeftOut("its answer is no number")
    return {
        "passage": _text(record, "body", "passage"),
        "question": _text(record, "question"),
        "answer": said.partition(" ")[0].strip(),
    }


def medqa(record: Row) -> Row:
    """`question`, `options` (an object letter → text) and `answer_idx` as by the authors, or
    `sent1`, `ending0`… and `label` as on hubs."""
    if "sent1" in record:
        options = [str(record[f"ending{n}"]) for n in range(5) if record.get(f"ending{n}")]
        made = _choice(_text(record, "sent1"), options, _whole(_one(record, "label"), "label"))
        return _with_id(record, made)
    options = _options(_one(record, "options"))
    return _choice(_text(record, "question"), options, _place(_one(record, "answer_idx"), options))


def nq_open(record: Row) -> Row:
    """`question` and `answer`, a list of which any is right."""
    answers = _several(_one(record, "answer"))
    if not answers:
        raise LeftOut("it has no answer")
    return {
        "question": _text(record, "question").removesuffix("?").strip(),
        "answer": list(answers),
    }


def ifeval(record: Row) -> Row:
    """`key`, `prompt`, `instruction_id_list` and `kwargs`, without the arguments that are null."""
    ids = _texts(_one(record, "instruction_id_list"), "instruction_id_list")
    given = _list(_one(record, "kwargs"), "kwargs")
    kwargs = [
        {name: value for name, value in (one or {}).items() if value is not None}
        if isinstance(one, dict) or one is None
        else one
        for one in given
    ]
    made: Row = {"prompt": str(_one(record, "prompt")), "instruction_id_list": list(ids)}
    made["kwargs"] = kwargs
    return {"id": str(record["key"]), **made} if record.get("key") is not None else made


FORMATS: dict[str, Loader] = {
    "answer": answer,
    "asdiv": asdiv,
    "boolq": boolq,
    "choice": choice,
    "gsm8k": gsm8k,
    "hellaswag": hellaswag,
    "ifeval": ifeval,
    "lettered": lettered,
    "logiqa": logiqa,
    "medqa": medqa,
    "mmlu": mmlu,
    "nq_open": nq_open,
    "piqa": piqa,
    "science": science,
    "truthfulqa_gen": truthfulqa_gen,
    "truthfulqa_mc1": truthfulqa_mc1,
    "winogrande": winogrande,
}
"""Name of a format → what makes a case of its records. A case may lack an `id`."""


def renamed(record: Row, fields: dict[str, str]) -> Row:
    """The record with columns under the names that a loader looks for.

    Args:
        fields: name → column, or `column.field`.

    Raises:
        OtherFormat: there is no such column.
    """
    found = dict(record)
    for name, column in fields.items():
        try:
            found[name] = value_at(record, column)
        except KeyError:
            raise OtherFormat(f"there is no column `{column}`") from None
    return found


def _choice(question: str, options: Sequence[str], label: int) -> Row:
    if len(options) < 2:
        raise LeftOut("it has fewer than two options")
    if len(options) > len(ascii_uppercase):
        raise LeftOut(f"it has {len(options)} options; 26 are the most")
    if not all(text.strip() for text in options):
        raise LeftOut("one of its options is empty")
    if not 0 <= label < len(options):
        raise LeftOut("its answer is none of its options")
    letters = ascii_uppercase[: len(options)]
    return {
        "question": question,
        "options": list(options),
        "choices": "\n".join(f"{a}. {text}" for a, text in zip(letters, options, strict=True)),
        "letters": list(letters),
        "label": label,
        "answer": options[label],
    }


def _options(value: Json) -> list[str]:
    """Texts of the options, in order, in any form that `choice` names."""
    if isinstance(value, str):
        pieces = _LETTERED_LINE.split("\n" + value)
        letters, texts = pieces[1::2], [" ".join(text.split()) for text in pieces[2::2]]
        if "".join(letters) != ascii_uppercase[: len(letters)]:
            raise LeftOut("the letters of its options are not A, B, C… in order")
        return texts
    if isinstance(value, dict):
        return [str(value[letter]) for letter in sorted(value)]
    return _texts(value, "options")


def _place(value: Json, options: Sequence[str]) -> int:
    """The 0-based number of the option that a letter, a number or a text means."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    said = str(value).strip()
    if len(said) == 1 and said.upper() in ascii_uppercase:
        return ascii_uppercase.index(said.upper())
    if said.isdecimal():
        return int(said)
    if said in options:
        return list(options).index(said)
    raise LeftOut("its answer is none of its options")


def _one(record: Any, *names: str) -> Json:
    """The first of these columns that is there."""
    for name in names:
        if name in record:
            found: Json = record[name]
            return found
    raise OtherFormat(f"there is no column {' or '.join(f'`{name}`' for name in names)}")


def _text(record: Any, *names: str) -> str:
    value = _one(record, *names)
    if not isinstance(value, str) or not value.strip():
        raise LeftOut(f"its `{names[0]}` is no text, or empty")
    return value.strip()


def _list(value: Json, name: str) -> list[Json]:
    if not isinstance(value, list):
        raise OtherFormat(f"`{name}` is no array")
    return value


def _texts(value: Json, name: str) -> list[str]:
    return [str(one) for one in _list(value, name)]


def _several(value: Json) -> list[str]:
    """Texts of a list, or those between semicolons."""
    texts = value.split(";") if isinstance(value, str) else _texts(value, "answers")
    return [text.strip() for text in texts if text.strip()]


def _whole(value: Json, name: str) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise OtherFormat(f"`{name}` is no whole number") from None


def _with_id(record: Row, made: Row) -> Row:
    given = record.get("id")
    return {"id": str(given), **made} if given not in (None, "") else made


def _with_passage(record: Row, made: Row) -> Row:
    passage = record.get("passage")
    return {"passage": passage.strip(), **made} if isinstance(passage, str) and passage else made


def _untagged(text: str) -> str:
    text = _TAGS.sub("", text.strip().replace(" [title]", ". "))
    return text.replace("  ", " ")
