"""Models: what can be asked, what it costs, how it did lately, and whether it answers."""

from starlette.responses import Response

from weighbridge.embedded.known import ADDABLE, added_models
from weighbridge.errors import InvalidFields
from weighbridge.services.model_list import TEST_PROMPT, TEST_TOKENS, Tried
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.routing import form, page
from weighbridge.web.visit import Visit

_FIELDS = ("name", "prompt")
_MOST_SHOWN = 200

# What a kind of failure means, for somebody who has just declared a model.
MEANINGS = {
    "unauthorized": "The endpoint refused the key. Is the variable set to the right one, and may "
    "the key use this model?",
    "not_found": "The endpoint does not know a model of this name, or the address is not right: it "
    "goes up to and including the version, such as /v1.",
    "connection": "Nothing answers at this address. Is it running, and reachable from here?",
    "timeout": "The endpoint did not answer in time.",
    "rate_limited": "The endpoint wants fewer calls. Set requests_per_minute or tokens_per_minute.",
    "server_error": "The endpoint had an error of its own. It may be over in a moment.",
    "bad_request": "The endpoint did not take the request. leave_out names parameters that it does "
    "not know.",
    "malformed": "What came back is not what this protocol says. Is it the right protocol?",
    "context_length": "The prompt is longer than the model takes.",
    "content_filter": "A filter of the endpoint stopped it.",
    "unsupported": "This model cannot be asked for a chat.",
    "internal": "The provider's code broke. The server's log says more.",
}


async def show_models(visit: Visit) -> Response:
    """Everything that an evaluation can name."""
    views = await visit.services.model_list.views(visit.caller)
    there = {it.name for it in added_models(visit.services.settings.data)}
    return visit.page(
        "models.html",
        views=views[:_MOST_SHOWN],
        n_views=len(views),
        providers=visit.services.model_list.providers(),
        addable=[it for it in ADDABLE.values() if it.name not in there],
        defaults=visit.services.catalog.defaults,
        config=visit.services.settings.config,
    )


async def show_test(visit: Visit) -> Response:
    """The form of a test call, with what it costs."""
    name = visit.query.text("name")
    return await _page(visit, name, TEST_PROMPT, Problems(), None)


async def test_model(visit: Visit, form: Form) -> Response:
    """A short call, and what came of it."""
    name, prompt = form.text("name"), form.text("prompt", TEST_PROMPT)
    try:
        tried = await visit.services.model_list.test(visit.caller, name, prompt)
    except InvalidFields as error:
        return await _page(visit, name, prompt, problems_of(error, _FIELDS), None, 422)
    answer = await _page(visit, name, prompt, Problems(), tried)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _page(
    visit: Visit,
    name: str,
    prompt: str,
    problems: Problems,
    tried: Tried | None,
    status: int = 200,
) -> Response:
    view = None
    if name:
        try:
            view = await visit.services.model_list.get(visit.caller, name)
        except InvalidFields as error:
            problems = problems or problems_of(error, _FIELDS)
            status = 422
    return visit.page(
        "model_test.html",
        status=status,
        name=name,
        prompt=prompt,
        view=view,
        most=None if view is None else visit.services.model_list.most_usd(view, prompt),
        tokens=TEST_TOKENS,
        tried=tried,
        meaning=MEANINGS.get(tried.failure.kind) if tried and tried.failure else None,
        problems=problems,
    )


ROUTES = (
    page("/models", show_models),
    page("/models/test", show_test),
    form("/models/test", test_model),
)
