"""What stands behind the question mark of an address: filters, orders and cursors."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from starlette.datastructures import QueryParams

from weighbridge.errors import Invalid

_Choice = TypeVar("_Choice", bound=StrEnum)
_LONGEST = 500
Change = str | int | float | None


class Query:
    """The parameters of an address. What is empty, as a form sends it, is not there."""

    def __init__(self, parameters: QueryParams) -> None:
        self._all = [(name, value) for name, value in parameters.multi_items() if value != ""]

    def text(self, name: str, default: str = "") -> str:
        """A parameter as it stands.

        Raises:
            Invalid: it is longer than anything here.
        """
        return next(iter(self.texts(name)), default)

    def texts(self, name: str) -> list[str]:
        """All parameters of a name, in order.

        Raises:
            Invalid: one is longer than anything here.
        """
        found = [value for other, value in self._all if other == name]
        if any(len(value) > _LONGEST or "\0" in value for value in found):
            raise Invalid(
                f"`{name}` in the address is longer than {_LONGEST} characters, or broken"
            )
        return found

    def choice(self, name: str, kind: type[_Choice]) -> _Choice | None:
        """A parameter that is one of a few words; None: it is not there.

        Raises:
            Invalid: it is another word.
        """
        value = self.text(name)
        if not value:
            return None
        try:
            return kind(value)
        except ValueError as error:
            known = ", ".join(kind)
            raise Invalid(
                f"`{name}` in the address is {value[:60]!r}; it can be one of: {known}"
            ) from error

    def number(self, name: str) -> float | None:
        """A parameter that is a finite number; None: it is not there.

        Raises:
            Invalid: it is no number.
        """
        value = self.text(name)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise Invalid(f"`{name}` in the address is {value[:60]!r}; a number was expected")
        return number

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        """A parameter that is a whole number within bounds.

        Raises:
            Invalid: it is not.
        """
        value = self.text(name)
        if not value:
            return default
        if not value.isascii() or not value.isdecimal() or not least <= int(value[:20]) <= most:
            raise Invalid(
                f"`{name}` in the address is {value[:60]!r}; "
                f"a whole number of {least} to {most:,} was expected"
            )
        return int(value)

    def changed(self, **changes: Change) -> list[tuple[str, str]]:
        """All parameters, with some set anew, or taken out (None)."""
        return self.replaced(changes)

    def replaced(self, changes: Mapping[str, Change]) -> list[tuple[str, str]]:
        """As `changed`, for names that are not Python's."""
        kept = [(name, value) for name, value in self._all if name not in changes]
        new = [(name, str(value)) for name, value in changes.items() if value is not None]
        return kept + new
