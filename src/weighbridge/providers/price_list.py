"""Prices from the `genai-prices` package, as it was installed: it is never updated from a network.

Kept apart because importing the list takes a third of a second.
"""

from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
from genai_prices.data_snapshot import get_snapshot

from weighbridge.core.outcome import Usage
from weighbridge.providers.pricing import PriceOf, per_million


def listed_price(base_url: str, model: str) -> PriceOf | None:
    """The list's price of a model at an endpoint; None where the list does not have both.

    A model's name alone is not enough: the same weights cost different sums at different
    endpoints. Prices are list prices without discounts for cached tokens or batches.

    Args:
        base_url: of the endpoint. model: what the endpoint calls it.
    """
    try:
        _, found = get_snapshot().find_provider_model(model, None, None, base_url)
    except LookupError:
        return None
    prices = found.get_prices(datetime.now(UTC))
    given = {name for name, value in vars(prices).items() if value is not None}
    one_price = isinstance(found.prices, type(prices))
    if (
        one_price
        and "requests_kcount" not in given
        and isinstance(prices.input_mtok, Decimal)
        and isinstance(prices.output_mtok, Decimal)
    ):
        return per_million(float(prices.input_mtok), float(prices.output_mtok))
    return _calculated(base_url, model)


def _calculated(base_url: str, model: str) -> PriceOf:
    """Prices by the hour or by length: the package's own calculation, call by call."""

    def cost(usage: Usage) -> float | None:
        if not usage.input_tokens and not usage.output_tokens:
            return None
        tokens = genai_prices.Usage(
            input_tokens=usage.input_tokens, output_tokens=usage.output_tokens
        )
        try:
            result = genai_prices.calc_price(tokens, model, provider_api_url=base_url)
        except (LookupError, ValueError):
            return None
        return float(result.total_price)

    return cost
