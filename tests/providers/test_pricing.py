"""What a call costs."""

import subprocess
import sys

import pytest

from weighbridge.core.outcome import Usage
from weighbridge.providers.declared import DeclaredModel, Price
from weighbridge.providers.price_list import listed_price
from weighbridge.providers.pricing import per_million, price_of

TOKENS = Usage(1_000_000, 500_000, None, 1)


def declared(**fields: object) -> DeclaredModel:
    return DeclaredModel.model_validate({"name": "m", "base_url": "http://h/v1", **fields})


def test_the_declared_price_comes_first() -> None:
    model = declared(
        base_url="https://api.openai.com/v1", model="gpt-4o", price=Price(input=3, output=4)
    )
    assert price_of(model, free=True)(TOKENS) == pytest.approx(3 + 2)


def test_the_list_knows_a_model_at_its_endpoint() -> None:
    model = declared(base_url="https://api.openai.com/v1", model="gpt-4o")
    assert price_of(model, free=False)(TOKENS) == pytest.approx(2.5 + 5)


def test_a_name_alone_is_not_a_price() -> None:
    for base_url in ("http://127.0.0.1:8000/v1", "http://10.1.2.3/v1", "http://gateway/v1"):
        assert price_of(declared(base_url=base_url, model="gpt-4o"), free=False)(TOKENS) is None
    assert listed_price("https://gateway.example.com/v1", "gpt-4o") is None


def test_a_model_that_the_list_does_not_have_has_no_price() -> None:
    model = declared(base_url="https://api.openai.com/v1", model="not-a-model-at-all")
    assert price_of(model, free=False)(TOKENS) is None


def test_a_price_that_depends_on_the_length_is_calculated_call_by_call() -> None:
    price = listed_price("https://api.openai.com/v1", "gpt-5.4")
    assert price is not None
    short, long = price(Usage(1000, 0, None, 1)), price(Usage(1_000_000, 0, None, 1))
    assert short is not None
    assert long is not None
    assert long > 1500 * short


def test_unknown_usage_is_an_unknown_cost_and_never_zero() -> None:
    nothing_told = Usage(0, 0, None, 1)
    assert per_million(1.0, 2.0)(nothing_told) is None
    price = listed_price("https://api.openai.com/v1", "gpt-5.4")
    assert price is not None
    assert price(nothing_told) is None


def test_what_costs_nothing_costs_nothing_even_with_unknown_usage() -> None:
    assert per_million(0.0, 0.0)(Usage(0, 0, None, 1)) == 0.0
    assert price_of(declared(protocol="openai"), free=True)(TOKENS) == 0.0


def test_the_price_list_is_not_imported_for_a_model_on_this_machine() -> None:
    code = (
        "import sys\n"
        "from weighbridge.providers.declared import DeclaredModel\n"
        "from weighbridge.providers.pricing import price_of\n"
        "price_of(DeclaredModel(name='m', base_url='http://127.0.0.1/v1'), free=False)\n"
        "print([m for m in ('genai_prices', 'xllamacpp', 'tokenizers', 'aiohttp')"
        " if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
