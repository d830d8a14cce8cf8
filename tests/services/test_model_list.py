"""Models as people look at them: origin, price, key, how they did, and a short call."""

import pytest

from support.native import MODELS
from weighbridge.core.caller import Caller, Role
from weighbridge.errors import Forbidden, InvalidFields
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, parse_models_file
from weighbridge.providers.model import Models
from weighbridge.services.keys import Keys
from weighbridge.services.model_list import TEST_TOKENS, ModelList, Origin, Price
from weighbridge.services.runs import Runs
from weighbridge.store.engine import Store

LISTED = """
[[models]]
name = "listed"
protocol = "openai"
base_url = "https://api.openai.com/v1"
model = "gpt-4o-mini"
api_key_env = "SHOP_KEY"

[[models]]
name = "cut"
protocol = "scripted"
replies = [{reply = "ready", usage = {input_tokens = 9, output_tokens = 1}}]
price = {input = 1.0, output = 3.0}
"""


@pytest.fixture
async def caller(store: Store) -> Caller:
    return await Keys(store).operator()


def shelf(store: Store, tmp_path: object, **environ: str) -> ModelList:
    added = DeclaredModel(name="house", protocol="llama", path="house.gguf", slots=1)
    file = parse_models_file(MODELS + LISTED, source="models.toml", folder=tmp_path)
    return ModelList(store, Models(Catalog(file, environ, added=[added])), Runs(store))


async def test_every_model_says_where_it_comes_from_and_what_it_costs(
    store: Store, caller: Caller, tmp_path: object
) -> None:
    views = {it.declared.name: it for it in await shelf(store, tmp_path).views(caller)}
    assert views["parrot"].price == Price(1.0, 2.0, "declared")
    assert views["slow"].price == Price(0.0, 0.0, "runs here")
    assert views["unpriced"].price == Price(None, None, None)
    assert views["listed"].price.known_from == "price list"
    assert views["listed"].host == "api.openai.com"
    assert (views["parrot"].has_key, views["listed"].has_key) == (None, False)
    assert "SHOP_KEY" in (views["listed"].why_not or "")
    assert views["parrot"].lately is None
    origins = {name: it.origin for name, it in views.items()}
    assert origins["parrot"] is Origin.DECLARED
    assert origins["house"] is Origin.ADDED
    assert origins["embedded"] is Origin.RESERVED


async def test_a_model_is_found_by_any_of_its_names(
    store: Store, caller: Caller, tmp_path: object
) -> None:
    models = shelf(store, tmp_path, SHOP_KEY="secret")
    assert (await models.get(caller, "snail")).declared.name == "slow"
    assert (await models.get(caller, "listed")).has_key is True
    provided = await models.get(caller, "groq/llama-3")
    assert (provided.origin, provided.host) == (Origin.PROVIDER, "api.groq.com")
    with pytest.raises(InvalidFields, match="no model is called 'nobody'"):
        await models.get(caller, "nobody")
    groq = next(it for it in models.providers() if it.name == "groq")
    assert (groq.key_env, groq.usable) == ("GROQ_API_KEY", False)


async def test_a_test_call_costs_what_was_said_at_most(
    store: Store, caller: Caller, tmp_path: object
) -> None:
    models = shelf(store, tmp_path)
    most = models.most_usd(await models.get(caller, "cut"), "Reply with a word")
    tried = await models.test(caller, "cut", "Reply with a word")
    assert (tried.answer, tried.failure) == ("ready", None)
    assert tried.usage.cost_usd == pytest.approx(12e-6)
    assert most is not None
    assert TEST_TOKENS * 3e-6 < most < 1e-4
    assert models.most_usd(await models.get(caller, "unpriced"), "x") is None


async def test_a_failure_is_an_answer_and_no_error(
    store: Store, caller: Caller, tmp_path: object
) -> None:
    tried = await shelf(store, tmp_path).test(caller, "shaky", "trouble")
    assert tried.answer is None
    assert tried.failure is not None
    assert (tried.failure.kind, tried.failure.message) == ("bad_request", "no")


async def test_readers_do_not_spend(store: Store, caller: Caller, tmp_path: object) -> None:
    reader = Caller(caller.workspace_id, Role.READER)
    with pytest.raises(Forbidden):
        await shelf(store, tmp_path).test(reader, "cut")
    with pytest.raises(InvalidFields, match="SHOP_KEY"):
        await shelf(store, tmp_path).test(caller, "listed")
