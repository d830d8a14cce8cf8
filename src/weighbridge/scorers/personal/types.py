"""Which types of personal data there are, and what people call them."""

import re
from collections.abc import Iterable, Mapping

_NO_WORD = re.compile(r"[^a-z0-9]+")

NAMES: Mapping[str, tuple[str, ...]] = {
    "email": ("email_address", "e_mail", "mail", "email_id"),
    "phone_number": (
        *("phone", "telephone", "telephone_number", "mobile", "mobile_number", "cell", "tel"),
        *("cell_phone", "fax", "fax_number", "contact_number", "phone_no"),
    ),
    "credit_card": (
        *("credit_card_number", "card_number", "debit_card_number", "debit_card", "cc_number"),
        *("payment_card", "pan"),
    ),
    "iban": ("iban_code", "iban_number"),
    "ip_address": ("ip", "ipv4", "ipv6", "ip_addr", "ipv4_address", "ipv6_address"),
    "mac_address": ("mac",),
    "url": ("website", "web_address", "homepage", "link"),
    "ssn": ("social_security_number", "us_ssn", "social_security"),
    "date_of_birth": ("dob", "birth_date", "birthdate", "birthday", "date_birth"),
    "passport_number": ("passport", "us_passport", "passport_no"),
    "id_number": (
        *("national_id", "identity_number", "id_card", "identity_card", "identification_number"),
        *("national_identification_number", "tax_id", "tax_identification_number", "nino"),
        *("national_insurance_number", "id_card_number", "national_id_number"),
    ),
    "driver_license": (
        *("driver_license_number", "drivers_license", "drivers_license_number", "driving_licence"),
        *("us_driver_license", "license_number"),
    ),
    "bank_account": (
        *("bank_account_number", "account_number", "us_bank_number", "account_no"),
        *("routing_number", "bank_routing_number"),
    ),
    "medical_record_number": ("mrn", "medical_record", "patient_id", "health_plan_id"),
    "postcode": ("zip", "zip_code", "zipcode", "postal_code", "post_code"),
    "first_name": ("firstname", "given_name", "forename", "fname"),
    "last_name": ("lastname", "surname", "family_name", "lname"),
    "name": ("full_name", "fullname", "person", "person_name", "customer_name", "patient_name"),
    "address": ("street_address", "street", "home_address", "location", "address_line"),
    "city": ("town",),
    "username": ("user_name", "login", "user_id"),
    "password": ("passwd", "pwd"),
    "age": (),
    "gender": ("sex",),
    "company": ("company_name", "organization", "organisation", "employer"),
}
"""Type → other names of it."""

BY_PATTERN = frozenset(
    {
        *(
            "email",
            "phone_number",
            "credit_card",
            "iban",
            "ip_address",
            "mac_address",
            "url",
            "ssn",
        ),
        *("date_of_birth", "passport_number", "id_number", "driver_license", "bank_account"),
        *("medical_record_number", "postcode"),
    }
)
"""Types that patterns find in running text. Others are found by a model, or where a column or field
is named so."""

_MEANT = {other: name for name, others in NAMES.items() for other in (name, *others)}


def plain(name: str) -> str:
    """A name without case, spaces and punctuation: `First Name` is `first_name`."""
    return _NO_WORD.sub("_", name.strip().lower()).strip("_")


def meant(name: str) -> str:
    """The type that a name means; a name that we do not know means itself."""
    word = plain(name)
    return _MEANT.get(word, word)


def by_type(names: Iterable[str]) -> dict[str, str]:
    """Type → the name by which somebody asked for it; the first, where there are several."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(meant(name), name)
    return found
