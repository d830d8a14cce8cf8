"""What a protocol's factory is given, and what it gives back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from weighbridge.core.json import JsonObject
from weighbridge.providers.base import ChatRequest, Provider
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.transport import Transport


@dataclass(frozen=True, slots=True)
class Opening:
    """What is to be opened.

    Attributes:
        declared: the model, as declared.
        api_key: the key to send, if any.
        transport: the shared pool of connections; closed by whoever made it.
    """

    declared: DeclaredModel
    api_key: str | None = field(repr=False)
    transport: Transport


@dataclass(frozen=True, slots=True)
class Opened:
    """A provider that is ready to be asked (it may still start its engine on the first call).

    Attributes:
        provider: speaks the protocol.
        identity: what else pins the model, such as the hash of its weights.
        max_in_flight: more calls at once than this only wait at the other end; None: no such limit.
        free: a call costs nothing unless a price was declared.
        least_timeout_s: a call has at least so many seconds, whatever an evaluation says.
        check: raises `CallFailed` for a chat that cannot be sent, as `provider.chat` would, and
            sends nothing; None: it is not known before.
    """

    provider: Provider
    identity: JsonObject = field(default_factory=dict)
    max_in_flight: int | None = None
    free: bool = False
    least_timeout_s: float = 0.0
    check: Callable[[ChatRequest], object] | None = None


# Raises `errors.Invalid` for what the operator must put right before the model can be asked.
Factory: TypeAlias = Callable[[Opening], Awaitable[Opened]]
