"""What a call costs: the declared price, else the price list, else unknown (never 0 by guess)."""

import ipaddress
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from weighbridge.core.outcome import Usage
from weighbridge.providers import load
from weighbridge.providers.declared import USUAL_BATCH_DISCOUNT, DeclaredModel

# Tokens of one call → US dollars, or None where they cannot be known.
PriceOf: TypeAlias = Callable[[Usage], float | None]


def price_of(declared: DeclaredModel, *, free: bool) -> PriceOf:
    """The way to price calls of a model.

    The price list is imported only for an endpoint that may be in it: never for one on this
    machine or in a private network.

    Args:
        declared: the model. free: whether a call costs nothing when no price was declared.
    """
    full = _full_price(declared, free=free)
    if not declared.batch:
        return full
    discount = declared.price.batch_discount if declared.price else USUAL_BATCH_DISCOUNT

    def batch_price(usage: Usage) -> float | None:
        cost = full(usage)
        return None if cost is None else cost * (1 - discount)

    return batch_price


def _full_price(declared: DeclaredModel, *, free: bool) -> PriceOf:
    if declared.price is not None:
        return per_million(declared.price.input, declared.price.output)
    if free:
        return per_million(0.0, 0.0)
    if declared.base_url is not None and _is_public(declared.base_url):
        listed: Callable[[str, str], PriceOf | None] = load(
            "weighbridge.providers.price_list:listed_price"
        )
        return listed(declared.base_url, declared.endpoint_model) or _unknown
    return _unknown


def per_million(input_usd: float, output_usd: float) -> PriceOf:
    """A price per million tokens; unknown for a call whose tokens the endpoint did not tell."""
    if not input_usd and not output_usd:
        return _nothing

    def cost(usage: Usage) -> float | None:
        if not usage.input_tokens and not usage.output_tokens:
            return None
        return (usage.input_tokens * input_usd + usage.output_tokens * output_usd) / 1e6

    return cost


def _nothing(_usage: Usage) -> float | None:
    return 0.0


def _unknown(_usage: Usage) -> float | None:
    return None


def _is_public(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host
