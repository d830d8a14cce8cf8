"""The models that judges ask, and what stands where the name is `embedded`."""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from weighbridge import scorers as scorer_table
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
from weighbridge.scorers.base import AnyScorer


class EmbeddedPlace:
    """Stands where a judge's name is `embedded`.

    Classifiers judge in its name, and the small model that answers under this name is neither asked
    for a verdict nor even loaded. Where a better one was added (`weighbridge embedded add`), that
    one weighs labels. Texts are embedded as ever.

    Args:
        models: where the embeddings come from.
        weigher: the model that weighs labels; None: there is none, or nobody asks it.
    """

    name = RESERVED_NAME
    has_price = True

    def __init__(self, models: Models, weigher: Askable | None = None) -> None:
        self._models = models
        self._weigher = weigher
        self.identity: JsonObject = {"protocol": RESERVED_NAME}
        if weigher is not None:
            self.identity = {
                "protocol": RESERVED_NAME,
                "weigher": {"model": weigher.name, "sha256": weigher.identity.get("sha256")},
            }

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        """Labels are weighed; everything else is refused."""
        if request.labels and self._weigher is not None:
            return await self._weigher.chat(request, timeout_s=timeout_s)
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


async def open_judge(
    models: Models, evaluation: Evaluation, name: str | None, scorers: Iterable[AnyScorer]
) -> Askable:
    """The model that a judge means by a name; None: the evaluation's `judge`.

    Args:
        scorers: the evaluation's. Where they ask the embedded judge nothing that a model weighs
            better, none is opened.

    Raises:
        Invalid: there is no such model, or something that it needs is missing.
    """
    meant = name or evaluation.judge or RESERVED_NAME
    if meant != RESERVED_NAME:
        return await models.get(meant)
    added = models.catalog.weigher
    if added is None or not scorer_table.weighs(scorers, name):
        return EmbeddedPlace(models)
    return EmbeddedPlace(models, await models.get(added))


def why_not_embedded() -> str | None:
    """What the embedded judge lacks to judge anything, and how to get it; None: nothing."""
    if find_spec("wordllama") is None:
        return f"the judge embedded needs wordllama; run: {INSTALL_EMBEDDED}"
    return None
