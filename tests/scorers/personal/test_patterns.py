"""Patterns find what has a form of its own, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.scorers.personal.patterns import Patterns, is_iban, luhn
from weighbridge.scorers.personal.types import BY_PATTERN, by_type, meant

ALL = Patterns(tuple(sorted(BY_PATTERN)))


def found(text: str, threshold: float = 0.5) -> list[tuple[str, str]]:
    return [(text[it.start : it.end], it.label) for it in ALL.find(text, threshold)]


@pytest.mark.parametrize(
    ("text", "piece", "label"),
    [
        (
            "write to Jane.Doe+x@mail.example.co.uk, please",
            "Jane.Doe+x@mail.example.co.uk",
            "email",
        ),
        ("see https://a.example.org/b?c=d.", "https://a.example.org/b?c=d", "url"),
        ("pay with 4111-1111-1111-1111 now", "4111-1111-1111-1111", "credit_card"),
        ("378282246310005", "378282246310005", "credit_card"),
        ("IBAN: DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00", "iban"),
        ("GB82WEST12345698765432.", "GB82WEST12345698765432", "iban"),
        ("from 192.168.0.254 on", "192.168.0.254", "ip_address"),
        ("at 2001:db8::ff00:42:8329 it", "2001:db8::ff00:42:8329", "ip_address"),
        ("00:1b:44:11:3a:b7", "00:1b:44:11:3a:b7", "mac_address"),
        ("my 536-90-4399", "536-90-4399", "ssn"),
        ("Social Security: 536904399", "536904399", "ssn"),
        ("+44 20 7946 0958", "+44 20 7946 0958", "phone_number"),
        ("(212) 555-0187", "(212) 555-0187", "phone_number"),
        ("Tel. 030 1234567", "030 1234567", "phone_number"),
        ("phone: 5550187", "5550187", "phone_number"),
        ("born on 12 March 1975 in", "12 March 1975", "date_of_birth"),
        ("date_of_birth: 1975-03-12", "1975-03-12", "date_of_birth"),
        ("DOB 3/12/75", "3/12/75", "date_of_birth"),
        ("passport no. C01X00T47, 123456789", "123456789", "passport_number"),
        ("driver's license D1234567", "D1234567", "driver_license"),
        ("National Insurance number AB 12 34 56 C", "AB 12 34 56 C", "id_number"),
        ("account number 12345678", "12345678", "bank_account"),
        ("MRN: 99887766", "99887766", "medical_record_number"),
        ("ZIP code 90210", "90210", "postcode"),
        ("Beverly Hills, CA 90210", "90210", "postcode"),
    ],
)
def test_data_of_each_type_is_found(text: str, piece: str, label: str) -> None:
    assert (piece, label) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Order 12345 of 2024-05-06 costs 1,234.56 at 10:30:15",
        "version 1.2.3 of 3.14159, ISBN 978-3-16-148410-0",
        "4111 1111 1111 1112 and 0000 0000 0000 0000",
        "DE89370400440532013001",
        "000-12-3456, 666-12-3456, 900-12-3456, 536-00-4399, 536-90-0000",
        "999.10.10.10, :: and std::cafe::dead",
        "hired 2020-01-02, paid 1999",
        "a@b and @example.org",
        "",
    ],
)
def test_what_merely_looks_like_it_is_not(text: str) -> None:
    assert found(text) == []


def test_places_are_counted_in_characters() -> None:
    text = "Žluťoučký 🐎 píše na kun@example.org 🐎"
    [one] = ALL.find(text)
    assert text[one.start : one.end] == "kun@example.org"


def test_the_name_that_was_asked_for_is_the_label() -> None:
    [one] = Patterns(("e-mail", "shoe_size")).find("a@b.org 536-90-4399")
    assert one.label == "e-mail"
    assert by_type(["Phone Number", "phone"]) == {"phone_number": "Phone Number"}
    assert meant("shoe size") == "shoe_size"


def test_less_sure_finds_fall_below_the_threshold() -> None:
    assert found("Order 212-555-0187") == [("212-555-0187", "phone_number")]
    assert found("Order 212-555-0187", 0.9) == []
    assert found("Call 212-555-0187", 0.9) == [("212-555-0187", "phone_number")]


@given(st.text(st.sampled_from("0123456789-+. ()@:/aZé\n"), max_size=200))
def test_finds_lie_within_the_text_in_order_and_apart(text: str) -> None:
    at = 0
    for one in ALL.find(text):
        assert at <= one.start < one.end <= len(text)
        at = one.end


@given(st.integers(10**11, 10**14 - 1).map(lambda it: f"4{it}"))
def test_of_ten_check_digits_one_is_right(digits: str) -> None:
    assert sum(luhn(f"{digits}{last}") for last in range(10)) == 1


def test_an_iban_with_two_digits_swapped_is_none() -> None:
    assert is_iban("DE89 3704 0044 0532 0130 00")
    assert not is_iban("DE98 3704 0044 0532 0130 00")
    assert not is_iban("DE89 3704")
