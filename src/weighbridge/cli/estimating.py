"""What an evaluation will take, in one line."""

import click

from weighbridge.cli.words import count, duration, money
from weighbridge.services.estimates import Estimate, Range


def say_estimate(found: Estimate) -> None:
    """Print it; nothing where no model is asked."""
    if found.parts:
        click.echo(estimate_line(found))


def estimate_line(found: Estimate) -> str:
    """What it would take, in one line."""
    cost, price = found.cost_usd, money(None)
    if cost is not None:
        price = money(cost.low)
        price += f" to {money(cost.high)}" if cost.high > cost.low else ""
        if found.unpriced:
            price += f" and the unknown price of {', '.join(found.unpriced)}"
    return (
        f"about {count(found.calls)} calls, {_from_to(found.input_tokens)} tokens in, "
        f"{_from_to(found.output_tokens)} out, {price}, {duration(found.seconds)} "
        "with the limits that are declared"
    )


def _from_to(tokens: Range) -> str:
    low, high = round(tokens.low), round(tokens.high)
    return count(low) if low == high else f"{count(low)} to {count(high)}"
