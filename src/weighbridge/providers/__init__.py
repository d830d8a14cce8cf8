"""How a model is asked: one module per wire protocol, one limiter and one retry policy for all.

Modules that open a protocol are named here as text and imported when a model is opened, so that a
run pays only for what it uses (a price list, a tokenizer and a model runtime take longer to import
than the rest of the program together). `load` is the one place in this package where that happens.
"""

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

ENTRY_POINT_GROUP = "weighbridge.providers"


def load(reference: str) -> Any:
    """The object behind `module:name`, its module imported now if it was not yet."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def find_protocol(protocol: str, *, batch: bool = False) -> str | None:
    """`module:name` of the factory for a protocol, ours or one that is installed; None: unknown.

    Args:
        protocol: its name. batch: the one that asks in batches, where there is one.

    Installed packages are only searched for a name that is not ours, so none can replace ours.
    """
    built_in = BATCHES.get(protocol) if batch else PROTOCOLS.get(protocol)
    if built_in is not None:
        return built_in
    return next(
        (entry.value for entry in entry_points(group=ENTRY_POINT_GROUP) if entry.name == protocol),
        None,
    )


# protocol -> its factory (a `providers.opening.Factory`). A package adds to it with an entry point
# in the group `weighbridge.providers`: name = protocol, value = `module:factory`.
PROTOCOLS: dict[str, str] = {
    "openai": "weighbridge.providers.openai:open_endpoint",
    "openai-images": "weighbridge.providers.openai_images:open_endpoint",
    "openai-videos": "weighbridge.providers.openai_videos:open_endpoint",
    "anthropic": "weighbridge.providers.anthropic:open_endpoint",
    "google": "weighbridge.providers.google:open_endpoint",
    "llama": "weighbridge.providers.llama:open_file",
    "embedded": "weighbridge.providers.embedded:open_embedded",
    "scripted": "weighbridge.providers.scripted:open_script",
}

# Protocols that cannot give the log-probabilities of a text they are sent, so that an evaluation
# which needs those is refused before anything is paid.
NOT_WEIGHING = frozenset({"openai-images", "openai-videos", "anthropic", "google", "scripted"})

# protocol -> its factory for models with `batch = true`.
BATCHES: dict[str, str] = {
    "openai": "weighbridge.providers.openai_batch:open_endpoint",
    "anthropic": "weighbridge.providers.anthropic_batch:open_endpoint",
}
