"""The form of an evaluation, and the object that stands for the same: in both directions.

What the fields cannot say (conditions on rows, multiple choice by likelihood, a schema…) stands as
YAML in a field of its own, so that nothing is lost on the way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.specfile import parse_yaml, write_spec
from weighbridge.web.forms import Form
from weighbridge.web.starting.kind import Reader, form_of

MOST_SCORERS = 64
TEXTS = ("name", "data", "id", "target", "cluster", "judge", "reducer")
WHOLES = ("epochs", "concurrency", "limit")
_PARAMS = ("temperature", "max_tokens")
_ASKED = ("system", "prompt", "image")
FIELDS = (
    *TEXTS,
    *WHOLES,
    *_ASKED,
    *_PARAMS,
    *("models", "params", "budget_usd", "budget_tokens", "timeout", "cache", "more", "yaml"),
    *(f"scorer.{row}" for row in range(MOST_SCORERS)),
)
_NAMED = {
    "model": "models",
    "budget.usd": "budget_usd",
    "budget.tokens": "budget_tokens",
    "params.temperature": "temperature",
    "params.max_tokens": "max_tokens",
}


def object_of(form: Form) -> dict[str, Any]:
    """The evaluation that a form says.

    Raises:
        InvalidFields: a field is no number or no YAML, by the names of the form's fields.
    """
    read = Reader(form)
    spec = _about_data(read)
    if models := models_of(form):
        spec |= {"model": models[0]} if len(models) == 1 else {"models": models}
    spec |= _asked(form)
    if scorers := [item for _, item in _scorers(read)]:
        spec["scorers"] = scorers
    if judge := read.text("judge"):
        spec["judge"] = judge
    if params := _params(read):
        spec["params"] = params
    spec |= _limits(read)
    for name, value in _yaml(read, "more").items():
        if name in spec:
            message = f"`{name}` is said by a field above already"
            read.problems.append(FieldProblem("more", message))
        spec[name] = value
    read.refuse()
    return spec


def _about_data(read: Reader) -> dict[str, Any]:
    names = ("name", "data", "id", "target", "cluster")
    return {name: text for name in names if (text := read.text(name))}


def _limits(read: Reader) -> dict[str, Any]:
    """How often, how many at once, and where it stops."""
    numbers: dict[str, Any] = {name: read.whole(name) for name in WHOLES}
    reducer = read.text("reducer")
    budget = {"usd": read.number("budget_usd"), "tokens": read.whole("budget_tokens")}
    said = {
        **numbers,
        "reducer": None if reducer == "mean" else reducer,
        "budget": {name: value for name, value in budget.items() if value is not None} or None,
        "timeout": read.number("timeout"),
        "cache": True if read.form.ticked("cache") else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def models_of(form: Form) -> list[str]:
    """The models that are ticked, and those that are written down, each once."""
    written = form.text("more_models").replace(",", "\n").splitlines()
    return list(dict.fromkeys([*form.texts("models"), *filter(None, map(str.strip, written))]))


def form_from(spec: Mapping[str, Any]) -> Form:
    """The form that says an evaluation."""
    left = dict(spec)
    values: dict[str, object] = {}
    for name in (*TEXTS, *WHOLES, "timeout"):
        if isinstance(left.get(name), str | int | float):
            values[name] = left.pop(name)
    model, models = left.pop("model", None), left.pop("models", None)
    values["models"] = list(models) if isinstance(models, list) else [model] if model else []
    values |= _asked_in(left)
    values |= _scorers_in(left)
    budget = left.get("budget")
    if isinstance(budget, Mapping) and budget.keys() <= {"usd", "tokens"}:
        values |= {f"budget_{name}": value for name, value in budget.items()}
        left.pop("budget")
    params = left.get("params")
    if isinstance(params, Mapping):
        others = dict(params)
        for name in _PARAMS:
            if isinstance(others.get(name), int | float) and others[name] is not True:
                values[name] = others.pop(name)
        values["params"] = write_spec(others) if others else None
        left.pop("params")
    if left.get("cache") is True:
        values["cache"] = left.pop("cache")
    left = {name: value for name, value in left.items() if value is not None}
    values["more"] = write_spec(left) if left else None
    return form_of(values)


def renamed(error: InvalidFields, form: Form) -> InvalidFields:
    """What is wrong with an evaluation, said of the fields of the form that said it."""
    rows = [row for row, _ in _scorers(Reader(form))]
    more = _yaml(Reader(form), "more")
    return InvalidFields(
        [replace(it, field=_field_of(it.field, form, rows, more)) for it in error.problems]
    )


def _field_of(path: str, form: Form, rows: list[int], more: Mapping[str, Any]) -> str:
    top, _, rest = path.partition(".")
    if top in more:
        return "more"
    if path in _NAMED:
        return _NAMED[path]
    if top == "scorers":
        number, _, rest = rest.partition(".")
        if number.isdigit() and int(number) < len(rows):
            return f"scorer.{rows[int(number)]}"
        return "scorer.0"
    if top == "messages":
        number, _, rest = rest.partition(".")
        if rest.startswith("images"):
            return "image"
        return "system" if number == "0" and form.text("system") else "prompt"
    return _NAMED.get(top, path)


def _asked(form: Form) -> dict[str, Any]:
    """The prompt: one text, or a chat where there is more to it."""
    system, prompt, image = (form.text(name) for name in _ASKED)
    if not system and not image:
        return {"prompt": prompt} if prompt else {}
    message: dict[str, Any] = {"role": "user", "content": prompt}
    if image:
        message["images"] = [image if "{" in image else f"{{{image}}}"]
    first = [{"role": "system", "content": system}] if system else []
    return {"messages": [*first, message]}


def _asked_in(left: dict[str, Any]) -> dict[str, object]:
    """The fields that say the prompt; a chat that they cannot say stays where it is."""
    if isinstance(left.get("prompt"), str):
        return {"prompt": left.pop("prompt")}
    messages = left.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= 2:
        return {}
    *first, last = messages
    images = last.get("images") or []
    if last.get("role") != "user" or last.get("videos") or len(images) > 1:
        return {}
    if first and (first[0].get("role") != "system" or len(first[0].keys()) > 2):
        return {}
    if not first and not images:  # that would come back as a prompt, which is the same
        left.pop("messages")
        return {"prompt": last["content"]}
    left.pop("messages")
    return {
        "system": first[0]["content"] if first else None,
        "prompt": last["content"],
        "image": images[0] if images else None,
    }


def _scorers(read: Reader) -> Iterator[tuple[int, Any]]:
    """The scorers that are filled in, each with its row."""
    for row in range(MOST_SCORERS):
        name = read.form.text(f"scorer.{row}")
        if not name:
            continue
        options = _yaml(read, f"options.{row}", f"scorer.{row}")
        key = read.form.text(f"as.{row}")
        if not options and not key:
            yield row, name
        else:
            yield row, {name: options, **({"as": key} if key else {})}


def _scorers_in(left: dict[str, Any]) -> dict[str, object]:
    scorers = left.get("scorers")
    if not isinstance(scorers, list) or len(scorers) > MOST_SCORERS:
        return {}
    values: dict[str, object] = {}
    for row, item in enumerate(scorers):
        named = {item: {}} if isinstance(item, str) else dict(item)
        values[f"as.{row}"] = named.pop("as", None)
        [(name, options)] = named.items()
        values[f"scorer.{row}"] = name
        values[f"options.{row}"] = write_spec(options) if options else None
    left.pop("scorers")
    return values


def _params(read: Reader) -> dict[str, Any]:
    params: dict[str, Any] = {
        "temperature": read.number("temperature"),
        "max_tokens": read.whole("max_tokens"),
    }
    params = {name: value for name, value in params.items() if value is not None}
    return {**params, **_yaml(read, "params")}


def _yaml(read: Reader, name: str, field: str | None = None) -> dict[str, Any]:
    """The fields that a YAML text holds.

    Args:
        field: of which problems are said, instead of `name`.
    """
    text = read.form.text(name)
    if not text:
        return {}
    said = field or name
    try:
        value, _ = parse_yaml(text, "")
    except InvalidFields as error:
        read.problems += [FieldProblem(said, str(it)) for it in error.problems]
        return {}
    if not isinstance(value, dict):
        read.problems.append(FieldProblem(said, "named fields were expected, as `name: value`"))
        return {}
    return value
