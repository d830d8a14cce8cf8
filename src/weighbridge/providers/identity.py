"""Stable ids of models, for those who want them to be UUIDs."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("6c1f3a52-7f0e-5a37-9d0c-3b1a2e5d8f41")  # any, but always the same


def model_uuid(name: str) -> UUID:
    """The UUID of the model of that name: the same on every machine and after every restart."""
    return uuid5(_NAMESPACE, name)
