"""The models that judges ask, and what stands where the name is `embedded`."""

from collections.abc import Sequence
from importlib.util import find_spec

from weighbridge.core.evaluation import Evaluation
from weighbridge.core.json import JsonObject
from weighbridge.providers.base import (
    Askable,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Reply,
)
from weighbridge.providers.catalog import INSTALL_EMBEDDED
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.failures import unsupported
from weighbridge.providers.model import Models


class EmbeddedPlace:
    """Stands where a judge's name is `embedded`.

    Classifiers judge in its name, and the small model that answers under this name is neither asked
    for a verdict nor even loaded. Texts are embedded as ever.

    Args:
        models: where the embeddings come from.
    """

    name = RESERVED_NAME
    has_price = True

    def __init__(self, models: Models) -> None:
        self._models = models
        self.identity: JsonObject = {"protocol": RESERVED_NAME}

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:  # noqa: ARG002
        """Refused."""
        raise unsupported("the embedded model is never asked to judge; declare a model as judge")

    async def complete(
        self,
        request: CompletionRequest,  # noqa: ARG002
        *,
        timeout_s: float,  # noqa: ARG002
    ) -> Reply:
        """Refused."""
        raise unsupported("the embedded model is never asked to judge; declare a model as judge")

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        """As the embedded model does."""
        model = await self._models.get(RESERVED_NAME)
        return await model.embed(texts, timeout_s=timeout_s)


async def open_judge(models: Models, evaluation: Evaluation, name: str | None) -> Askable:
    """The model that a judge means by a name; None: the evaluation's `judge`.

    Raises:
        Invalid: there is no such model, or something that it needs is missing.
    """
    meant = name or evaluation.judge or RESERVED_NAME
    return EmbeddedPlace(models) if meant == RESERVED_NAME else await models.get(meant)


def why_not_embedded() -> str | None:
    """What the embedded judge lacks to judge anything, and how to get it; None: nothing."""
    if find_spec("wordllama") is None:
        return f"the judge embedded needs wordllama; run: {INSTALL_EMBEDDED}"
    return None
