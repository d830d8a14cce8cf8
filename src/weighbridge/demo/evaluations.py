"""The two evaluations of the demo: one small model, the same real questions, two prompts."""

from weighbridge.core.json import Json

QUESTIONS = 100
PLAIN = "openbookqa, plain prompt"
GUIDED = "openbookqa, with an example"

_QUESTION = """\
{question}
{options}
Answer with one letter."""

_EXAMPLE = """\
Which of these is a fruit?
A. stone
B. apple
C. car
D. river
Answer with one letter."""


def plain(data: str, model: str) -> dict[str, Json]:
    """The question as it stands.

    Args:
        data: the questions of `write_questions`: a file, or the id of a data set.
    """
    return _evaluation(PLAIN, data, model, {"prompt": _QUESTION})


def guided(data: str, model: str) -> dict[str, Json]:
    """After another question and its answer. Arguments as `plain`."""
    messages: list[Json] = [
        {"role": "user", "content": _EXAMPLE},
        {"role": "assistant", "content": "B"},
        {"role": "user", "content": _QUESTION},
    ]
    return _evaluation(GUIDED, data, model, {"messages": messages})


def _evaluation(name: str, data: str, model: str, asked: dict[str, Json]) -> dict[str, Json]:
    return {
        "name": name,
        "data": data,
        "id": "id",
        "model": model,
        **asked,
        "target": "answer",
        "scorers": ["choice"],
        "params": {"temperature": 0, "max_tokens": 12, "seed": 7},
        "concurrency": 8,
        "timeout": 300,
    }
