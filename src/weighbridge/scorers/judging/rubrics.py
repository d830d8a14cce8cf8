"""Finding a rubric: a built-in one by its name, criteria in a sentence, or the object itself; and
what to say of one that is no good."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from weighbridge import yamltext
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.pin import canonical_json
from weighbridge.core.prompt import Template
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.scorers.judging.by_embedded import for_policy
from weighbridge.scorers.judging.checks import Path
from weighbridge.scorers.judging.parts import (
    ANSWER,
    FIRST,
    PROMPT,
    SECOND,
    Embedded,
    Item,
    Level,
    RubricMessage,
)
from weighbridge.scorers.judging.rubric import GIVEN, Rubric
from weighbridge.scorers.options import OptionError

MAX_BYTES = 1 << 18
"""The longest text of a rubric."""

_FOLDER = FilePath(__file__).parent.parent / "judges"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def builtin() -> tuple[str, ...]:
    """Names of the rubrics that come with weighbridge."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("[a-z]*.yaml")))


def digest(rubric: Rubric) -> str:
    """SHA-256 of everything that decides what a judge is told: the rubric and the frame."""
    plain = rubric.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(canonical_json({"rubric": plain, "frame": frame()})).hexdigest()


def looks_like_file(option: object) -> bool:
    """Whether a `rubric` option is the path of a file (which only the command line reads)."""
    return isinstance(option, str) and "\n" not in option and option.endswith((".yaml", ".yml"))


def find_rubric(option: str | JsonObject) -> Rubric:
    """The rubric that the option `rubric` of a judge stands for.

    Args:
        option: a built-in's name, criteria as a sentence (`{column}` stands for a column), or the
            object itself.

    Raises:
        OptionError: none of these; its `option` is the path of the field at fault.
    """
    if isinstance(option, str):
        return _of_text(option)
    return _of_json(orjson.dumps(option))


def parse_rubric_file(text: str, source: str) -> JsonObject:
    """The object in a rubric's YAML text, found to be a good one.

    Args:
        source: the file's name, for messages.

    Raises:
        InvalidFields: what is wrong, with field and line.
    """
    data, lines = yamltext.parse_yaml(text, source, max_bytes=MAX_BYTES)
    if not isinstance(data, Mapping):
        problem = FieldProblem("", "a rubric is an object with `purpose`, `verdict`…", 1)
        raise InvalidFields([problem], source)
    try:
        Rubric.model_validate(data)
    except ValidationError as error:
        problems = []
        for path, message in _problems(error):
            line = next((lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in lines), 1)
            problems.append(FieldProblem(".".join(map(str, path)), message, line))
        raise InvalidFields(problems, source) from error
    return data


def rubric_with(name: str, criteria: str | None, fields: JsonObject) -> Rubric:
    """The rubric in the file of that name, with other criteria and fields.

    Args:
        criteria: a template; its columns become inputs. None: those of the file.

    Raises:
        OptionError: they do not make a good rubric.
    """
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    data, _ = yamltext.parse_yaml(text, f"{name}.yaml")
    plain: dict[str, Any] = {**(data if isinstance(data, dict) else {}), **fields}
    if criteria is not None:
        plain["criteria"] = criteria
        plain["inputs"] = {**plain.get("inputs", {}), **_inputs_of(criteria)}
    return _of_json(orjson.dumps(plain))


def is_sentence(option: str) -> bool:
    """Whether a `rubric` option is criteria, and neither a name nor a file."""
    return " " in option.strip() and not looks_like_file(option)


def _inputs_of(criteria: str) -> dict[str, str]:
    try:
        names = Template(criteria).columns
    except ValueError as error:
        raise OptionError("rubric", str(error)) from error
    skip = (ANSWER, FIRST, SECOND)
    return {name: GIVEN.get(name, f"`{name}` of this case") for name in names if name not in skip}


@lru_cache(maxsize=256)
def _of_text(text: str) -> Rubric:
    if _NAME.fullmatch(text):
        if text not in builtin():
            names = ", ".join(builtin())
            raise OptionError(
                "rubric",
                f"there is no rubric `{text}`{did_you_mean(text, builtin())} (rubrics: {names}; or "
                "criteria in a sentence, or an object)",
            )
        content = (_FOLDER / f"{text}.yaml").read_text(encoding="utf-8")
        return Rubric.model_validate(parse_rubric_file(content, f"{text}.yaml"))
    if looks_like_file(text):
        raise OptionError(
            "rubric",
            f"`{text}` is a file, and files are read by the command line only (`weighbridge run "
            "FILE`); send what is in it as an object",
        )
    if not is_sentence(text):
        raise OptionError("rubric", "a rubric's name, criteria in a sentence, or an object")
    plain: dict[str, Json] = {
        "purpose": "Does the answer meet the criteria?",
        "verdict": "pass_fail",
        "criteria": text,
        "inputs": {
            PROMPT: GIVEN[PROMPT],
            **_inputs_of(text),
        },
        "levels": [
            {"label": "pass", "means": "it meets them all"},
            {"label": "fail", "means": "it does not"},
        ],
        "embedded": for_policy(text),
    }
    return _of_json(orjson.dumps(plain))


@lru_cache(maxsize=256)
def _of_json(text: bytes) -> Rubric:
    try:
        return Rubric.model_validate(orjson.loads(text))
    except ValidationError as error:
        found = _problems(error)
        path, message = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise OptionError(".".join(map(str, ("rubric", *path))), message + more) from error


@lru_cache(maxsize=1)
def frame() -> Mapping[str, str]:
    """The texts around every rubric: what a judge is, how material is fenced, how to answer."""
    return wording_file("_frame")


def wording_file(name: str) -> dict[str, str]:
    """The texts in a file of wordings that is no rubric, by their names."""
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    data, _ = yamltext.parse_yaml(text, f"{name}.yaml")
    if not isinstance(data, dict):
        raise TypeError(f"judges/{name}.yaml is not an object")
    return {key: str(value) for key, value in data.items()}


def _problems(error: ValidationError) -> list[tuple[Path, str]]:
    details = error.errors(include_url=False, include_input=False)
    return [(_path(detail), _message(detail)) for detail in details[:20]]


def _path(detail: ErrorDetails) -> Path:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _message(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        part: Any = {"levels": Level, "items": Item, "messages": RubricMessage}.get(
            str(detail["loc"][0]), Embedded if detail["loc"][0] == "embedded" else Rubric
        )
        model = part if len(detail["loc"]) > 1 else Rubric
        return f"there is no such field{did_you_mean(str(detail['loc'][-1]), model.model_fields)}"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return detail["msg"]
