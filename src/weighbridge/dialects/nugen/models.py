"""Models as this dialect shows them."""

from collections.abc import Iterator
from typing import Any

from weighbridge.errors import Invalid, NotFound
from weighbridge.providers.catalog import Catalog, Listing


def must_be_there(catalog: Catalog, name: str) -> None:
    """Refuse a model that cannot be asked.

    Raises:
        NotFound: there is none of that name; the message says which there are.
    """
    try:
        catalog.resolve(name)
    except Invalid as error:
        raise NotFound(error.message) from error


def listed(catalog: Catalog) -> Iterator[dict[str, Any]]:
    """Every model that can be asked now; rows that stand for all models of a provider are left
    out."""
    for row in catalog.list():
        if row.usable and "<model>" not in row.name:
            yield _shown(row)


def find(catalog: Catalog, name: str) -> dict[str, Any]:
    """One model.

    Raises:
        NotFound: there is none of that name; the message says which there are.
    """
    must_be_there(catalog, name)
    for row in catalog.list():
        if row.name == name or name in row.aliases:
            return _shown(row)
    declared = catalog.resolve(name)
    return _shown(Listing(name, declared.protocol, declared.endpoint_model, (), True, None))


def _shown(row: Listing) -> dict[str, Any]:
    return {
        "id": row.name,
        "model_id": row.name,
        "name": row.name,
        "model_name": row.model,
        "provider": row.protocol,
        "status": "DEPLOYED",
        "type": "base",
        "aliases": list(row.aliases),
    }
