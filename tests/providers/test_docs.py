"""`docs/models.md` and the requirements it names: what they show works, and nothing is left out."""

import re
from pathlib import Path

import pytest

from weighbridge.providers import PROTOCOLS
from weighbridge.providers.base import CallFailed, ChatRequest, Message
from weighbridge.providers.catalog import ENDPOINTS
from weighbridge.providers.declared import DeclaredModel, parse_models_file
from weighbridge.providers.script import load_script
from weighbridge.providers.scripted import ScriptedProvider

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", blocks("toml"))
def test_every_toml_example_is_accepted(text: str) -> None:
    assert parse_models_file(text, source="docs/models.md", folder=ROOT).models


async def test_the_script_example_plays_as_described(tmp_path: Path) -> None:
    path = tmp_path / "parrot.yaml"
    (example,) = blocks("yaml")
    path.write_text(example)
    provider = ScriptedProvider(load_script(path), "parrot")

    async def say(text: str) -> str:
        return (await provider.chat(ChatRequest((Message("user", text),)))).text

    assert await say("what is 2 plus 3?") == '{"question": "2 plus 3", "first": 2}'
    for _ in range(2):
        with pytest.raises(CallFailed):
            await say("flaky")
    assert await say("flaky") == "at last"
    assert await say("hello") == "you said: hello"


def test_every_provider_protocol_and_field_is_on_the_page() -> None:
    for provider, endpoint in ENDPOINTS.items():
        assert f"| `{provider}` | `{endpoint.base_url}` | " in PAGE
        assert endpoint.api_key_env is None or f"`{endpoint.api_key_env}`" in PAGE
    for protocol in PROTOCOLS:
        assert f"`{protocol}`" in PAGE
    for field in DeclaredModel.model_fields:
        assert re.search(rf"\b{field}\b", PAGE), field


def test_every_embedded_requirement_is_pinned_and_hashed() -> None:
    text = (ROOT / "requirements" / "embedded.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 5
    for line in lines:
        assert re.fullmatch(r"[\w-]+==[\d.]+\s+--hash=sha256:[0-9a-f]{64}", line)
