"""The script that the `scripted` protocol plays: its rules as data, from TOML, YAML or JSONL."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import re2
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from weighbridge.errors import FieldProblem, Invalid, InvalidFields

_MAX_SCRIPT_BYTES = 64 << 20


class ScriptedUsage(BaseModel):
    """Tokens that a scripted reply claims to have used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)


class ScriptedError(BaseModel):
    """A failure to be played instead of the reply.

    Attributes:
        status: HTTP status to fail with, or `kind`: a kind of `core.outcome.Failed`.
        message: what the endpoint says.
        retry_after_s: what the endpoint asks to wait, in seconds.
        times: only the first so many matching calls fail; 0: no such limit.
        every: only each so-manieth matching call fails; 1: each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int | None = Field(None, ge=400, le=599)
    kind: str | None = None
    message: str = "scripted failure"
    retry_after_s: float | None = Field(None, ge=0)
    times: int = Field(0, ge=0)
    every: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> "ScriptedError":
        if (self.status is None) == (self.kind is None):
            raise ValueError("give either `status` (such as 429) or `kind` (such as connection)")
        return self


class Rule(BaseModel):
    """What to answer to which message.

    Attributes:
        match: RE2 pattern searched in the last user message; `contains`: literal text in it. With
            neither, the rule fits every message.
        reply: the answer; `{0}` is the matched text, `{1}` or `{name}` a group of `match`,
            `{input}` the whole message. Other braces stay as they are.
        latency_ms: how long the answer takes, in milliseconds.
        error: a failure to play instead.
        usage: tokens to report; by default a quarter of the characters.
        finish_reason: as an endpoint would give it.
        image, video: bytes in base64 that come with the answer; `dot` is a picture of one pixel.
        first_token: token → probability, of the first token: what is given where log-probabilities
            are asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: str | None = None
    contains: str | None = None
    reply: str = ""
    latency_ms: float = Field(0, ge=0)
    error: ScriptedError | None = None
    usage: ScriptedUsage | None = None
    finish_reason: str = "stop"
    image: str | None = None
    video: str | None = None
    first_token: dict[str, Annotated[float, Field(gt=0, le=1)]] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _pattern_compiles(self) -> "Rule":
        if self.match is not None:
            try:
                re2.compile(self.match)
            except re2.error as error:
                raise ValueError(f"RE2 refuses the pattern in `match`: {_text(error)}") from error
        return self


def _kind_of_item(item: Any) -> str:
    return "text" if isinstance(item, str) else "rule"


# A bare text is one of the replies that are played in turn to messages which no rule fits.
ScriptItem = Annotated[
    Annotated[str, Tag("text")] | Annotated[Rule, Tag("rule")], Discriminator(_kind_of_item)
]
_UNION_STEPS = frozenset({"text", "rule"})  # pydantic puts them into paths; a user did not
_ITEMS: TypeAdapter[list[ScriptItem]] = TypeAdapter(list[ScriptItem])


def load_script(path: Path) -> list[str | Rule]:
    """Read a script: YAML (a list) for `.yaml` and `.yml`, else JSONL (an item a line).

    Raises:
        Invalid: the file cannot be read. InvalidFields: what is in it is no script.
    """
    try:
        if path.stat().st_size > _MAX_SCRIPT_BYTES:
            raise Invalid(f"{path}: a script may have at most {_MAX_SCRIPT_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path}: the script cannot be read: {error.strerror}") from error
    items = _from_yaml(path, data) if path.suffix in {".yaml", ".yml"} else _from_jsonl(path, data)
    try:
        return _ITEMS.validate_python(items)
    except ValidationError as error:
        raise InvalidFields(problems_of(error), str(path)) from error


def problems_of(error: ValidationError, prefix: str = "") -> list[FieldProblem]:
    """Pydantic's findings as ours. Values are left out: one of them may be a secret."""
    problems = []
    for found in error.errors(include_url=False, include_input=False, include_context=False):
        path = ".".join(str(step) for step in found["loc"] if step not in _UNION_STEPS)
        message = found["msg"].removeprefix("Value error, ")
        problems.append(FieldProblem(".".join(filter(None, (prefix, path))), message))
    return problems


def _from_yaml(path: Path, data: bytes) -> Any:
    try:
        return yaml.safe_load(data)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        problem = FieldProblem("", f"not YAML: {error.problem}", line)
        raise InvalidFields([problem], str(path)) from error
    except yaml.YAMLError as error:
        raise InvalidFields([FieldProblem("", f"not YAML: {error}")], str(path)) from error


def _from_jsonl(path: Path, data: bytes) -> list[Any]:
    items = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            items.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            problem = FieldProblem("", f"not JSON: {error.msg}", number)
            raise InvalidFields([problem], str(path)) from error
    return items


def _text(error: Exception) -> str:
    argument = error.args[0] if error.args else error
    return argument.decode(errors="replace") if isinstance(argument, bytes) else str(argument)
