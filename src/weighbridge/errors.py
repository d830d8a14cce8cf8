"""What can go wrong, as seen by whoever asked.

The tree (each carries a `kind`; a dialect turns the kind into its own status and body)::

    WeighbridgeError
    ├── Invalid             the request cannot be carried out as it stands
    │   └── InvalidFields   … and here is the list of fields (and lines) that are wrong
    ├── Unauthenticated     no key, or one that is unknown or revoked
    │   └── ExpiredKey      … or was good once
    ├── Forbidden           a known key whose role does not allow this
    ├── NotFound            no such thing in the caller's workspace
    ├── Conflict            it clashes with the present state
    ├── TooLarge            a body, file or page over its limit
    ├── Unprocessable       more of it than there is room for
    ├── Busy                as much goes on as may at once; soon it may not
    ├── OutOfSpace          the disk or the database has no room left
    └── Unavailable         a part of the server cannot answer now

A call to a model that fails is not here: it is an outcome (`core.outcome.Failed`), not an error
of the request. Messages are shown to people: they say what was wrong and what would be right.
"""

from dataclasses import dataclass
from typing import ClassVar


class WeighbridgeError(Exception):
    """Anything a caller should be told about in plain words.

    Args:
        message: what was wrong, and what would be right, in one or two sentences.
    """

    kind: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that is wrong.

    Attributes:
        field: dotted path in the evaluation, such as `scorers.1.regex.pattern`; "" for the whole.
        message: what was wrong with it.
        line: 1-based line in the file it came from, where there was a file.
    """

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.field}: {self.message}" if self.field else f"{where}{self.message}"


class Invalid(WeighbridgeError):
    """The request cannot be carried out as it stands; nothing was started and nothing was paid."""

    kind = "invalid"


class InvalidFields(Invalid):
    """`Invalid`, with every field that is wrong.

    Args:
        problems: at least one.
        source: the file they were found in, shown in front of the message.
    """

    kind = "invalid_fields"

    def __init__(self, problems: list[FieldProblem], source: str | None = None) -> None:
        prefix = f"{source}: " if source else ""
        super().__init__(prefix + "; ".join(str(problem) for problem in problems))
        self.problems = problems
        self.source = source


class Unauthenticated(WeighbridgeError):
    """No key was given, or it is unknown, expired or revoked."""

    kind = "unauthenticated"


class ExpiredKey(Unauthenticated):
    """The key was good once."""


class Forbidden(WeighbridgeError):
    """The key is known, but its role does not allow this."""

    kind = "forbidden"


class NotFound(WeighbridgeError):
    """There is no such thing in the caller's workspace."""

    kind = "not_found"


class Conflict(WeighbridgeError):
    """What was asked clashes with the present state."""

    kind = "conflict"


class TooLarge(WeighbridgeError):
    """A body, a file or a field is over its limit."""

    kind = "too_large"


class Unprocessable(WeighbridgeError):
    """What was sent is more than there is room for, though the request itself is fine."""

    kind = "unprocessable"


class Busy(WeighbridgeError):
    """As much as may go on at once, or in so much time, does already.

    Args:
        retry_after_s: seconds after which the same request may succeed.
    """

    kind = "busy"

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OutOfSpace(WeighbridgeError):
    """The disk or the database has no room left; what was written so far is safe."""

    kind = "out_of_space"


class Unavailable(WeighbridgeError):
    """A part of the server cannot answer now; the same request may succeed later."""

    kind = "unavailable"
