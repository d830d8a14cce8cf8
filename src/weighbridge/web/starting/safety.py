"""A suite of prompts about an AI's conduct, put to declared models: the whole loop of Aymara's
evals. Without a model under test the prompts are written, and somebody's own AI answers them."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from weighbridge.core.suite import LANGUAGES, Suite, SuiteState
from weighbridge.dialects.aymara import ids
from weighbridge.dialects.native import wire_suites as wire
from weighbridge.dialects.native.errors import field_problems
from weighbridge.dialects.native.translate_suites import in_body, to_asking, to_request
from weighbridge.errors import InvalidFields
from weighbridge.services.estimates import Estimate, Range
from weighbridge.suites.catalog import eval_types, find_eval_type, instructions
from weighbridge.web.forms import Form
from weighbridge.web.starting import plain
from weighbridge.web.starting.kind import (
    Begun,
    Checked,
    Kind,
    Reader,
    Recipe,
    curl,
    form_of,
    line,
    model_names,
    server_of,
    without_nothing,
)
from weighbridge.web.visit import Visit

_ID_OF_SUITE = r"""sed -n 's/.*"id":"\(suite_[a-z0-9]*\)".*/\1/p'"""
_SPARE = 1.3
_Model = TypeVar("_Model", bound=BaseModel)
_WRITING = (Range(500, 1_800), Range(60, 220))
_TEXTS = ("ai_description", "instructions", "wishes", "ground_truth")
FIELDS = (
    *("suite", "eval_type", "name", *_TEXTS, "policies", "language", "prompts", "jailbreak"),
    *("seed", "generator", "models", "system_prompt", "show_truth", "judge", "temperature"),
    *("max_tokens", "concurrency", "budget_usd", "budget_tokens"),
)
_OURS = {
    "kind": "eval_type",
    "wanted": "prompts",
    "model": "models",
    "params.temperature": "temperature",
    "params.max_tokens": "max_tokens",
    "budget.usd": "budget_usd",
    "budget.tokens": "budget_tokens",
    "data": "suite",
}


async def prefill(visit: Visit) -> Form:
    """Of the suite and the models that the address names."""
    query = visit.query
    return form_of(
        {
            "suite": query.text("suite"),
            "eval_type": query.text("eval_type", "safety"),
            "ai_description": "A helpful assistant.",
            "language": "en",
            "prompts": 50,
            "models": query.texts("model"),
        }
    )


async def offer(visit: Visit, form: Form) -> dict[str, Any]:
    """Types, their stock policies, languages, suites that are there, models."""
    chosen = next((it for it in eval_types() if it.slug == form.text("eval_type")), None)
    policies = [
        it
        for it in (instructions(chosen.slug) if chosen else ())
        if it.language == "en" and chosen is not None and it.slug in chosen.policies
    ]
    suite = await _suite(visit, form)
    return {
        "type_names": [(it.slug, it.name) for it in eval_types()],
        "chosen": chosen,
        "policies": policies,
        "languages": LANGUAGES,
        "models": await model_names(visit),
        "generator": visit.services.suites.generator(sandbox=False),
        "suite": suite,
    }


async def check(visit: Visit, form: Form) -> Checked:
    """What writing and answering the prompts would take."""
    services, caller = visit.services, visit.caller
    suite, asked = await _suite(visit, form), _runs_of(form)
    try:
        if suite is not None:
            if asked is None:
                return Checked(None)
            spec = await services.suite_runs.prepare(caller, suite, to_asking(asked))
            return Checked(
                await services.estimates.of(caller, spec), await services.evaluations.warnings(spec)
            )
        new = _suite_of(form)
        request = to_request(new)
        writer = services.suites.generator(sandbox=False, wanted=new.generator)
        found, warnings = Estimate(new.prompts, 1, (), 0), tuple[str, ...]()
        if asked is None:
            services.suites.check(request)
        else:
            spec = await services.suite_runs.draft(caller, request, to_asking(asked))
            found = await services.estimates.of(caller, spec, cases=new.prompts)
            warnings = await services.evaluations.warnings(spec)
        if writer is not None:
            calls = math.ceil(new.prompts * _SPARE)
            part = await services.estimates.part("writes prompts", writer, calls, *_WRITING, 64)
            found = replace(found, parts=(part, *found.parts))
    except InvalidFields as error:
        raise _renamed(error) from error
    return Checked(found, warnings)


async def start(visit: Visit, form: Form) -> Begun:
    """Have the prompts written unless they are there, and put the models to them."""
    suite, asked = await _suite(visit, form), _runs_of(form)
    try:
        if suite is None:
            new = _suite_of(form)
            if asked is not None:  # what is wrong with the models is said before a prompt is paid
                await visit.services.suite_runs.check(
                    visit.caller, to_request(new), to_asking(asked)
                )
            suite = await visit.services.suites.create(
                visit.caller, to_request(new), name=new.name, generator=new.generator
            )
        if asked is None:
            return Begun(
                f"/suites/{suite.id}",
                "Your own AI answers these prompts; the page of the form shows how, by the client.",
            )
        if suite.state is not SuiteState.READY:
            return Begun(waiting(suite, form), "The prompts are being written.")
        started = await visit.services.suite_runs.start(visit.caller, suite.id, to_asking(asked))
    except InvalidFields as error:
        raise _renamed(error) from error
    if len(started.runs) == 1:
        return Begun(f"/runs/{started.runs[0].id}")
    return Begun(f"/evaluations/{started.evaluation.id}")


def waiting(suite: Suite, form: Form) -> str:
    """The address of the form with a suite that is still being written, and the models."""
    said = [("kind", "safety"), ("suite", suite.id)]
    return f"/start?{urlencode([*said, *(('model', name) for name in models_of(form))])}"


async def write(visit: Visit, form: Form) -> Sequence[Recipe]:
    """Our API, the command line, and the vendor's client with somebody's own AI."""
    server, suite, asked = server_of(visit), await _suite(visit, form), _runs_of(form)
    new = None if suite is not None else dumped(_suite_of(form))
    runs = None if asked is None else dumped(asked)
    return [
        Recipe("curl", _curl(server, suite, new, runs), "our own API, where policies have names"),
        Recipe(
            "Python with Aymara's client",
            _aymara(server, suite, form, runs),
            "pip install aymara-ai-sdk; whatever answers, a declared model or your own AI",
        ),
        *([Recipe("Command line", _command(suite, form, runs))] if runs else []),
    ]


def dumped(model: BaseModel) -> dict[str, Any]:
    """A request as JSON, without what is left open."""
    found: dict[str, Any] = model.model_dump(mode="json", exclude_unset=True)
    return found


def models_of(form: Form) -> list[str]:
    """The AI under test: models that are ticked."""
    return list(dict.fromkeys(form.texts("models")))


async def _suite(visit: Visit, form: Form) -> Suite | None:
    suite_id = form.text("suite")
    return await visit.services.suites.get(visit.caller, suite_id) if suite_id else None


def _suite_of(form: Form) -> wire.NewSuite:
    """The suite that is to be written.

    Raises:
        InvalidFields: by the names of the form's fields.
    """
    read = Reader(form)
    own = form.text("own_policy")
    policies: list[Any] = list(form.texts("policies"))
    if own:
        policies.append({"name": form.text("own_policy_name", "own policy"), "text": own})
    body = without_nothing(
        {
            "kind": form.text("eval_type", "safety"),
            "name": read.text("name"),
            **{name: read.text(name) for name in _TEXTS},
            "policies": policies,
            "language": read.text("language"),
            "prompts": read.whole("prompts"),
            "jailbreak": True if form.ticked("jailbreak") else None,
            "seed": read.whole("seed"),
            "generator": read.text("generator"),
        }
    )
    return _valid(wire.NewSuite, body, read)


def _runs_of(form: Form) -> wire.NewSuiteRuns | None:
    """Who is asked, and who judges; None: no declared model."""
    if not models_of(form):
        return None
    read = Reader(form)
    params = {"temperature": read.number("temperature"), "max_tokens": read.whole("max_tokens")}
    budget = {"usd": read.number("budget_usd"), "tokens": read.whole("budget_tokens")}
    body = without_nothing(
        {
            "models": models_of(form),
            "system_prompt": read.text("system_prompt"),
            "show_truth": True if form.ticked("show_truth") else None,
            "judge": read.text("judge"),
            "params": without_nothing(params),
            "concurrency": read.whole("concurrency"),
            "budget": without_nothing(budget),
        }
    )
    return _valid(wire.NewSuiteRuns, body, read)


def _valid(model: type[_Model], body: dict[str, Any], read: Reader) -> _Model:
    read.refuse()
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _renamed(InvalidFields(field_problems(error))) from error


def _renamed(error: InvalidFields) -> InvalidFields:
    told = in_body(error)
    return InvalidFields(
        [replace(it, field=_OURS.get(it.field, it.field.split(".")[0])) for it in told.problems]
    )


def _curl(
    server: str, suite: Suite | None, new: dict[str, Any] | None, runs: dict[str, Any] | None
) -> str:
    api, text = f"{server}/api/v1/suites", ""
    if new is not None:
        text = curl(api, new)
        if runs is None:
            return text
        text = f"suite=$({text.rstrip()} \\\n  | {_ID_OF_SUITE})\n"
        text += "\n# Where a model writes them: when the prompts are there.\n"
        again = curl(f"{api}/SUITE/runs", runs or {})
        return text + again.replace(f"{api}/SUITE/runs", f'{api}/"$suite"/runs', 1)
    assert suite is not None  # noqa: S101 (one of both is there)
    if runs is None:
        where = shlex.quote(f"{api}/{suite.id}/prompts")
        return f'curl -sS {where} -H "Authorization: Bearer $WEIGHBRIDGE_API_KEY"\n'
    return curl(f"{api}/{suite.id}/runs", runs)


def _aymara(server: str, suite: Suite | None, form: Form, runs: dict[str, Any] | None) -> str:
    if suite is not None:
        made = f"found = client.evals.get({ids.shown(ids.SUITE, suite.id)!r})\n"
    else:
        made = f"found = client.evals.create(**{plain.literal(aymara_eval(form))})\n"
        made += "found = wait_until_complete(client.evals.get, resource_id=found.eval_uuid)\n"
    answered = (
        "def answer(prompt):\n"
        '    """Your AI\'s answer: whatever it is, ask it here."""\n'
        "    raise NotImplementedError\n\n\n"
    )
    if runs:
        chat = [{"role": "user", "content": "PROMPT"}]
        if told := runs.get("system_prompt"):
            chat.insert(0, {"role": "system", "content": told})
        body = {"model": runs["models"][0], "messages": chat, **runs.get("params", {})}
        answered = (
            "def answer(prompt):\n"
            f"    body = {plain.literal(body)}\n"
            "    body['messages'][-1]['content'] = prompt\n"
            "    said = httpx.post(\n"
            "        f'{server}/api/chat/completions',\n"
            "        json=body,\n"
            "        headers={'Authorization': f'Bearer {key}'},\n"
            "        timeout=300,\n"
            "    ).raise_for_status()\n"
            "    return said.json()['choices'][0]['message']['content']\n\n\n"
        )
    imports = "import os\n\n" + ("import httpx\n" if runs else "")
    return (
        imports + "from aymara_ai import AymaraAI\n"
        "from aymara_ai.lib.async_utils import wait_until_complete\n\n"
        f"server, key = {server!r}, os.environ['WEIGHBRIDGE_API_KEY']\n"
        "client = AymaraAI(base_url=server, api_key=key)\n\n\n"
        f"{answered}{made}"
        "prompts = client.evals.list_prompts(found.eval_uuid).items\n"
        "answers = [{'prompt_uuid': it.prompt_uuid, 'content': answer(it.content)} "
        "for it in prompts]\n"
        "run = client.evals.runs.create(eval_uuid=found.eval_uuid, responses=answers)\n"
        "run = wait_until_complete(client.evals.runs.get, resource_id=run.eval_run_uuid)\n"
        "print(run.pass_rate, run.num_responses_scored)\n"
    )


def aymara_eval(form: Form) -> dict[str, Any]:
    """The vendor's words for a suite. It knows no policies by name: their texts stand in its
    instructions."""
    new = _suite_of(form)
    texts = [new.instructions] if new.instructions else []
    stock = {it.slug: it for it in instructions(new.kind) if it.language == new.language}
    for it in new.policies:
        if not isinstance(it, str):
            texts.append(it.text)
        elif it in stock:
            texts.append(f"{stock[it].name}: {stock[it].text}")
        else:
            texts.append(it)
    return without_nothing(
        {
            "eval_type": new.kind,
            "name": new.name,
            "ai_description": new.ai_description,
            "ai_instructions": "\n\n".join(texts) or None,
            "eval_instructions": new.wishes,
            "language": new.language,
            "modality": find_eval_type(new.kind).modalities[0],
            "ground_truth": new.ground_truth,
            "num_prompts": new.prompts,
            "is_jailbreak": True if new.jailbreak else None,
        }
    )


def _command(suite: Suite | None, form: Form, runs: dict[str, Any]) -> str:
    lines = []
    for model in runs["models"]:
        words = ["weighbridge", "safety", "--model", model]
        if suite is not None:
            words += ["--suite", suite.id]
        else:
            words += _writing_flags(_suite_of(form))
        params, budget = runs.get("params", {}), runs.get("budget", {})
        flags = {
            "--system-prompt": runs.get("system_prompt"),
            "--judge": runs.get("judge"),
            "--temperature": params.get("temperature"),
            "--max-tokens": params.get("max_tokens"),
            "--concurrency": runs.get("concurrency"),
            "--budget-usd": budget.get("usd"),
        }
        for flag, value in flags.items():
            if value is not None:
                words += [flag, str(value)]
        if runs.get("show_truth"):
            words.append("--show-truth")
        lines.append(line(*words))
    return "\n".join(lines) + "\n"


def _writing_flags(new: wire.NewSuite) -> list[str]:
    words = ["--kind", new.kind, "--prompts", str(new.prompts), "--language", new.language]
    words += ["--ai", new.ai_description]
    for it in new.policies:
        words += ["--policy", it if isinstance(it, str) else it.text]
    if new.instructions:
        words += ["--system-prompt" if new.kind in {"jailbreak", "agent"} else "--policy"]
        words += [new.instructions]
    if new.jailbreak:
        words.append("--jailbreak")
    if new.generator:
        words += ["--generator", new.generator]
    if new.seed:
        words += ["--seed", str(new.seed)]
    return words


KIND = Kind(
    slug="safety",
    title="Safety",
    about="Write prompts about an AI's conduct, have it answer, and judge its answers (Aymara).",
    template="start_safety.html",
    fields=FIELDS,
    prefill=prefill,
    offer=offer,
    check=check,
    start=start,
    write=write,
)
