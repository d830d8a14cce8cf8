"""Models as this dialect shows them."""

from collections.abc import Iterator
from typing import Any

from weighbridge.errors import Invalid, NotFound
from weighbridge.providers.catalog import Catalog, Listing
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.identity import model_uuid

_ORDER = ("text", "image", "video", "embeddings")


def listed(catalog: Catalog) -> Iterator[dict[str, Any]]:
    """Every model that can be asked now; rows that stand for all models of a provider are left
    out."""
    for row in catalog.list():
        if row.usable and "<model>" not in row.name:
            yield _model(catalog.resolve(row.name), row)


def shown(catalog: Catalog, name: str) -> dict[str, Any] | None:
    """A model by its name; None: it is not declared any more."""
    try:
        return _model(catalog.resolve(name), None)
    except Invalid:
        return None


def find(catalog: Catalog, wanted: str) -> dict[str, Any]:
    """A model by its UUID or name.

    Raises:
        NotFound: there is none.
    """
    for model in listed(catalog):
        if model["id"] == wanted.lower():
            return model
    found = shown(catalog, wanted)
    if found is None:
        names = ", ".join(model["name"] for model in listed(catalog))
        raise NotFound(f"there is no model {wanted[:200]!r}; these can be named: {names}")
    return found


def _model(declared: DeclaredModel, row: Listing | None) -> dict[str, Any]:
    able = declared.capabilities
    price = declared.price
    return {
        "id": str(model_uuid(declared.name)),
        "object": "model",
        "name": declared.name,
        "display_name": declared.name,
        "model_name": declared.endpoint_model,
        "provider": declared.protocol,
        "owned_by": declared.protocol,
        "aliases": list(row.aliases if row else declared.aliases),
        "capabilities": {
            "input": [word for word in _ORDER if word in able.input],
            "output": [word for word in _ORDER if word in able.output],
        },
        "pricing": None
        if price is None
        else {"input_cost_per_million": price.input, "output_cost_per_million": price.output},
    }
