"""weighbridge: a self-hosted evaluation server for AI systems."""

import importlib
from typing import Any

__version__ = "0.1.0"
_SDK = ("AsyncClient", "Client")


def __getattr__(name: str) -> Any:
    # The SDK is loaded by those who ask for it: every command imports this module first. What
    # type checkers see of it stands in `__init__.pyi`.
    if name in _SDK:
        return getattr(importlib.import_module("weighbridge.sdk"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_SDK]
