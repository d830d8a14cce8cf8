"""Forms: what was filled in, and what is wrong with it, to be shown beside the field."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from weighbridge.errors import InvalidFields, WeighbridgeError

TOKEN = "csrf"  # noqa: S105 (the field's name)
_MOST_FIELDS = 500


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it came in.

    Attributes:
        data: by the field's name.
    """

    data: FormData = field(default_factory=FormData)

    def text(self, name: str, default: str = "") -> str:
        """A field, with line ends as everywhere else; empty fields are their default."""
        value = self.data.get(name)
        text = value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
        return text or default

    def texts(self, name: str) -> list[str]:
        """All fields of a name that are not empty: ticked boxes, rows of a table."""
        return [it for it in self.data.getlist(name) if isinstance(it, str) and it]

    def file(self, name: str) -> UploadFile | None:
        """A file that was chosen."""
        value = self.data.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def ticked(self, name: str) -> bool:
        """Whether a box is."""
        return bool(self.text(name))


async def read(request: Request) -> Form:
    """The form in a request's body. Its files are closed with the request."""
    return Form(await request.form(max_fields=_MOST_FIELDS, max_files=2_000))


@dataclass(frozen=True, slots=True)
class Problems:
    """What is wrong with a form.

    Attributes:
        of: field → message.
        others: what concerns no field of the form.
    """

    of: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.of or self.others)


def problems_of(error: WeighbridgeError, fields: Iterable[str] = ()) -> Problems:
    """What an error says, sorted to the fields of a form.

    Args:
        fields: names of the form's fields: a problem of `scorers.1.regex` belongs to `scorers`.
    """
    if not isinstance(error, InvalidFields):
        return Problems(others=(error.message,))
    known = set(fields)
    of: dict[str, str] = {}
    others = []
    for problem in error.problems:
        name = next((it for it in _heads(problem.field) if it in known), None)
        if name is None:
            others.append(str(problem))
        else:
            said = (
                problem.message if name == problem.field else f"{problem.field}: {problem.message}"
            )
            of[name] = f"{of[name]}; {said}" if name in of else said
    return Problems(of, tuple(others))


def _heads(path: str) -> Iterable[str]:
    parts = path.split(".")
    return (".".join(parts[:length]) for length in range(len(parts), 0, -1))


def by_line(error: WeighbridgeError) -> dict[int, str]:
    """What is wrong with a text, by the 1-based line where it is; 0: with the text as a whole."""
    if not isinstance(error, InvalidFields):
        return {0: error.message}
    lines: dict[int, str] = {}
    for problem in error.problems:
        said = f"{problem.field}: {problem.message}" if problem.field else problem.message
        line = problem.line or 0
        lines[line] = f"{lines[line]}; {said}" if line in lines else said
    return lines
