"""The file in which an operator declares models: its shape, and how it is read.

The file names the environment variables that hold keys and never holds a key itself.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.providers import BATCHES, PROTOCOLS, find_protocol
from weighbridge.providers.capabilities import Capabilities, Input, Output, capabilities_of
from weighbridge.providers.script import ScriptItem, problems_of
from weighbridge.providers.thinking import EFFORTS, LEAST_BUDGET, SUFFIX, Thinking
from weighbridge.providers.thinking import PROTOCOLS as THINKING_PROTOCOLS

RESERVED_NAME = "embedded"

_KEY_FIELDS = frozenset(
    {"api_key", "apikey", "key", "token", "api_token", "secret", "password", "authorization"}
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOKS_LIKE_KEY = re.compile(r"(sk|pk|gsk|xai|key)[-_][A-Za-z0-9_-]{8,}")
_EXAMPLE_ADDRESSES = {
    "openai": "http://127.0.0.1:9000/v1",
    "openai-images": "https://api.openai.com/v1",
    "openai-videos": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta",
}
_KEY_ADVICE = (
    "a key does not belong in this file: put it into an environment variable and name that "
    'variable, as in api_key_env = "HOUSE_KEY"'
)


USUAL_BATCH_DISCOUNT = 0.5
BATCH_CONCURRENCY = 10_000


class Price(BaseModel):
    """US dollars per million tokens, and the share of them that a batch saves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    batch_discount: float = Field(USUAL_BATCH_DISCOUNT, ge=0, le=1)


class DeclaredModel(BaseModel):
    """One model, as the file declares it (or as the catalogue makes it up from `provider/model`).

    Attributes:
        name: what callers say. aliases: what they may say as well.
        protocol: a row of `providers.PROTOCOLS`, or one that an installed package adds.
        base_url: the endpoint, up to and including its version (protocols over HTTP).
        model: what the endpoint calls the model; the name when left out.
        api_key_env: the environment variable that holds the key; None: no key is sent.
        max_concurrency: the most calls in flight at once.
        requests_per_minute, tokens_per_minute: 0: no limit.
        price: None: looked up in the price list.
        thinking: whether it thinks before it answers; a number: at most so many tokens; a word of
            `thinking.EFFORTS`: how hard.
        leave_out: parameters that are never sent to it, because it refuses them.
        batch: whether it is asked through the endpoint's batches: slowly, and at a lower price.
        schema_by: how `anthropic` is held to a JSON schema: `schema` or `tool`; None: by the
            model's name.
        path, sha256, context, slots, threads: of a GGUF file (`llama`): where it is, what it must
            hash to, tokens per slot, requests worked on at once, processor threads (None: one per
            usable core).
        script, replies: what the `scripted` protocol plays: a file, or the items themselves.
        input, output: what it can be given and can make, where that is less than its protocol can
            carry: words of `capabilities`.
        options: for protocols of other packages.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200)
    protocol: str = "openai"
    base_url: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    aliases: tuple[str, ...] = ()
    max_concurrency: int = Field(256, ge=1, le=100_000)
    requests_per_minute: int = Field(0, ge=0)
    tokens_per_minute: int = Field(0, ge=0)
    price: Price | None = None
    thinking: Thinking = False
    leave_out: tuple[str, ...] = ()
    batch: bool = False
    schema_by: Literal["schema", "tool"] | None = None
    path: Path | None = None
    sha256: str | None = Field(None, pattern=r"^[0-9a-fA-F]{64}$")
    context: int = Field(2048, ge=64)
    slots: int = Field(8, ge=1, le=256)
    threads: int | None = Field(None, ge=1, le=1024)
    script: Path | None = None
    replies: list[ScriptItem] | None = None
    input: tuple[Input, ...] | None = Field(None, min_length=1)
    output: tuple[Output, ...] | None = Field(None, min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def capabilities(self) -> Capabilities:
        """What it can be given, and what it can make."""
        return capabilities_of(
            self.protocol, batch=self.batch, input=self.input, output=self.output
        )

    @property
    def endpoint_model(self) -> str:
        """What the endpoint calls the model."""
        return self.model or self.name

    @model_validator(mode="before")
    @classmethod
    def _hold_no_key(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for field in data:
                if str(field).lower() in _KEY_FIELDS:
                    raise ValueError(f"`{field}`: {_KEY_ADVICE}")
        return data

    @model_validator(mode="before")
    @classmethod
    def _batches_are_large(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("batch") is True:
            return {"max_concurrency": BATCH_CONCURRENCY, **data}
        return data

    @field_validator("protocol")
    @classmethod
    def _protocol_is_known(cls, protocol: str) -> str:
        known = ", ".join(name for name in PROTOCOLS if name != RESERVED_NAME)
        if find_protocol(protocol) is None:
            raise ValueError(f"unknown protocol {protocol!r}; known are {known}")
        return protocol

    @field_validator("base_url")
    @classmethod
    def _address_is_http(cls, base_url: str | None) -> str | None:
        if base_url is None:
            return None
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http: or https: address, such as http://127.0.0.1:9000/v1")
        if parts.username or parts.password:
            raise ValueError("must not hold a user name or password; " + _KEY_ADVICE)
        return base_url

    @field_validator("api_key_env")
    @classmethod
    def _variable_is_a_name(cls, variable: str | None) -> str | None:
        if variable is None:
            return None
        if not _VARIABLE.fullmatch(variable) or _LOOKS_LIKE_KEY.fullmatch(variable):
            raise ValueError("must be the name of an environment variable; " + _KEY_ADVICE)
        return variable

    @field_validator("thinking")
    @classmethod
    def _thinking_is_understood(cls, thinking: Thinking) -> Thinking:
        if isinstance(thinking, str) and thinking not in EFFORTS:
            raise ValueError(f"must be true, a number of tokens, or one of {', '.join(EFFORTS)}")
        if isinstance(thinking, int) and not isinstance(thinking, bool) and thinking < LEAST_BUDGET:
            raise ValueError(f"a number of tokens must be at least {LEAST_BUDGET}")
        return thinking

    @model_validator(mode="after")
    def _has_what_the_protocol_needs(self) -> "DeclaredModel":
        example = _EXAMPLE_ADDRESSES.get(self.protocol)
        if example is not None and self.base_url is None:
            raise ValueError(f"protocol {self.protocol} needs `base_url`, such as {example}")
        if self.thinking and self.protocol in PROTOCOLS and self.protocol not in THINKING_PROTOCOLS:
            raise ValueError(f"`thinking`: the protocol {self.protocol} has none")
        if self.protocol == "openai" and type(self.thinking) is int:
            raise ValueError("`thinking`: the protocol openai takes true or a word, not a number")
        if self.batch and self.protocol not in BATCHES:
            raise ValueError(f"`batch` is for the protocols {' and '.join(BATCHES)} only")
        if self.schema_by is not None and self.protocol != "anthropic":
            raise ValueError("`schema_by` is for the protocol anthropic only")
        if self.protocol == "llama" and self.path is None:
            raise ValueError("protocol llama needs `path`, the GGUF file")
        if self.protocol == "scripted" and (self.script is None) == (self.replies is None):
            raise ValueError("protocol scripted needs either `script` (a file) or `replies`")
        return self


class Defaults(BaseModel):
    """Models to use where an evaluation names none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    judge: str | None = None
    generator: str | None = None


class ModelsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[DeclaredModel, ...] = ()
    defaults: Defaults = Field(default_factory=Defaults)


def load_models_file(path: Path) -> ModelsFile:
    """Read a TOML file of models. Paths in it are taken from the folder it lies in.

    Raises:
        Invalid: it cannot be read.
        InvalidFields: it is not TOML, or fields of it are wrong; with lines where they are known.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Invalid(f"{path}: the file of models cannot be read: {reason}") from error
    return parse_models_file(text, source=str(path), folder=path.parent)


def parse_models_file(text: str, *, source: str, folder: Path) -> ModelsFile:
    """As `load_models_file`, for text that was read already.

    Args:
        text: TOML. source: named in errors. folder: where relative paths begin.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFields([_syntax_problem(error)], source) from error
    try:
        file = ModelsFile.model_validate(data)
    except ValidationError as error:
        problems = [_with_line(problem, text) for problem in problems_of(error)]
        raise InvalidFields(problems, source) from error
    problems = [_with_line(problem, text) for problem in _clashes(file)]
    if problems:
        raise InvalidFields(problems, source)
    return file.model_copy(
        update={"models": tuple(_rooted(model, folder.absolute()) for model in file.models)}
    )


def _rooted(model: DeclaredModel, folder: Path) -> DeclaredModel:
    """With absolute paths."""
    update = {
        field: folder / value.expanduser()
        for field, value in (("path", model.path), ("script", model.script))
        if value is not None
    }
    return model.model_copy(update=update) if update else model


def _clashes(file: ModelsFile) -> list[FieldProblem]:
    """Names that stand for two things, and defaults that stand for none."""
    problems = []
    owners: dict[str, str] = {}
    for index, model in enumerate(file.models):
        if model.protocol == RESERVED_NAME:
            problems.append(
                FieldProblem(f"models.{index}.protocol", "the model embedded is always there")
            )
        for field, name in [("name", model.name), *(("aliases", a) for a in model.aliases)]:
            where = f"models.{index}.{field}"
            if name == RESERVED_NAME:
                problems.append(FieldProblem(where, "the name embedded is reserved"))
            elif name in owners:
                problems.append(
                    FieldProblem(where, f"{name!r} already stands for the model {owners[name]!r}")
                )
            else:
                owners[name] = model.name
    for field in ("judge", "generator"):
        name = getattr(file.defaults, field)
        known = name in owners or (name or "").removesuffix(SUFFIX) in owners
        if name is not None and not known and name != RESERVED_NAME and "/" not in name:
            problems.append(FieldProblem(f"defaults.{field}", f"no model is called {name!r}"))
    return problems


def _syntax_problem(error: tomllib.TOMLDecodeError) -> FieldProblem:
    found = re.search(r"^(.*?) \(at (?:line (\d+)|end of document)", str(error))
    if found is None:
        return FieldProblem("", f"not TOML: {error}")
    line = int(found[2]) if found[2] else None
    return FieldProblem("", f"not TOML: {found[1]}", line)


def _with_line(problem: FieldProblem, text: str) -> FieldProblem:
    """With the line of the field, found by its table's header: the parser keeps no positions."""
    steps = problem.field.split(".")
    if steps[0] == "models" and len(steps) > 1 and steps[1].isdigit():
        header, nth, key = r"\[\[\s*models\s*\]\]", int(steps[1]), steps[2] if steps[2:] else ""
    else:
        header, nth, key = rf"\[\s*{re.escape(steps[0])}\s*\]", 0, steps[1] if steps[1:] else ""
    if not key:
        named = re.match(r"`(\w+)`", problem.message)  # a finding about the model as a whole
        key = named[1] if named else ""
    line = _find_line(text.splitlines(), header, nth, key)
    return FieldProblem(problem.field, problem.message, line)


def _find_line(lines: list[str], header: str, nth: int, key: str) -> int | None:
    start: int | None = None
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if start is None:
            if re.match(header, stripped):
                nth -= 1
                start = number if nth < 0 else None
        elif stripped.startswith("["):
            break
        elif key and re.match(rf"{re.escape(key)}\s*[.=]", stripped):
            return number
    return start
