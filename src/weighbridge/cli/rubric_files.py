"""Rubrics in files beside an evaluation's: read here, and put into the evaluation, so that what is
stored (or sent to a server) needs the file no more."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.scorers.judging.rubrics import MAX_BYTES, looks_like_file, parse_rubric_file
from weighbridge.spec import Path as FieldPath


def with_rubrics(
    data: Mapping[str, Any], folder: Path, lines: Mapping[FieldPath, int], source: str
) -> dict[str, Any]:
    """The object of an evaluation file with its rubrics' files read into it.

    Whatever else may be wrong with the object is left as it is, for others to find.

    Args:
        folder: where relative files are looked for.
        lines, source: of the evaluation file, for messages.

    Raises:
        InvalidFields: a file cannot be read (with the evaluation's field and line), or what is in
            it is no good rubric (with the rubric's own).
    """
    items = data.get("scorers")
    if not isinstance(items, list):
        return dict(data)
    return {
        **data,
        "scorers": [
            _with_rubrics(item, ("scorers", place), folder, lines, source)
            for place, item in enumerate(items)
        ],
    }


def _with_rubrics(
    item: Any, place: FieldPath, folder: Path, lines: Mapping[FieldPath, int], source: str
) -> Any:
    if not isinstance(item, Mapping):
        return item
    changed = dict(item)
    for name, options in item.items():
        if name == "as" or not isinstance(options, Mapping):
            continue

        def read(option: Any, *steps: str | int, name: str = name) -> Any:
            if not looks_like_file(option):
                return option
            return _read(folder / option, (*place, name, *steps), lines, source)

        changed[name] = dict(options)
        if "rubric" in options:
            changed[name]["rubric"] = read(options["rubric"], "rubric")
        several = options.get("rubrics")
        if isinstance(several, Sequence) and not isinstance(several, str):
            changed[name]["rubrics"] = [
                read(one, "rubrics", number) for number, one in enumerate(several)
            ]
    return changed


def _read(path: Path, place: FieldPath, lines: Mapping[FieldPath, int], source: str) -> Any:
    field = ".".join(str(step) for step in place)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise InvalidFields([FieldProblem(field, message, lines.get(place))], source) from error
    except UnicodeDecodeError as error:
        raise InvalidFields([FieldProblem("", "not UTF-8 text")], str(path)) from error
    return parse_rubric_file(text, str(path))
