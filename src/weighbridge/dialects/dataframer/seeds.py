"""Seed datasets in the vendor's words."""

import re
from typing import Any

from weighbridge.core.synthesis import SeedFile, Seeds, Shape
from weighbridge.dialects.dataframer.access import shown_id
from weighbridge.dialects.dataframer.wire import moment
from weighbridge.dialects.multipart import Form, FormFile
from weighbridge.errors import FieldProblem, Invalid, InvalidFields

_FIELDS = {"shape": "dataset_type", "folders": "folder_names", "archive": "zip_file"}
"""Our fields → the vendor's, where they differ."""
_MOST_TEXT = 1 << 20  # bytes of all fields of a form that are no files


def dataset(seeds: Seeds, files: int | None = None) -> dict[str, Any]:
    """Seeds.

    Args:
        files: how many they have, where they are not told of one by one; None: they are.
    """
    shown: dict[str, Any] = {
        "id": shown_id(seeds.id),
        "name": seeds.name,
        "description": seeds.description,
        "dataset_type": seeds.shape.value,
        "file_count": len(seeds.files) if files is None else files,
        "folder_count": seeds.folders,
        "created_at": moment(seeds.created_at),
        "updated_at": moment(seeds.updated_at),
        "created_by_email": seeds.author,
    }
    if files is None:
        shown["sample_count"] = seeds.rows if seeds.shape is Shape.SINGLE_FILE else None
        shown["files"] = [_file(it) for it in seeds.files]
    return shown


def in_vendors_words(error: InvalidFields) -> InvalidFields:
    """The error, its fields called as the vendor calls them."""
    return InvalidFields(
        [FieldProblem(_FIELDS.get(it.field, it.field), it.message) for it in error.problems]
    )


def texts_of(form: Form, field: str) -> list[str]:
    """What was sent in a field that may be sent several times, in order: as `field`, `field[]` or
    `field[0]`."""
    return [
        text.decode("utf-8", "replace") for name, text in form.repeated if _is_one_of(name, field)
    ]


def files_of(form: Form, field: str) -> list[FormFile]:
    """The files of such a field, in order."""
    return [it for it in form.files if _is_one_of(it.field, field)]


def limit_texts(form: Form, _name: str) -> None:
    """Refuse a form whose fields hold too much beside its files, before more of it comes in.

    Raises:
        Invalid: it does.
    """
    if sum(len(text) for _, text in form.repeated) > _MOST_TEXT:
        raise Invalid(f"the fields of the form, files not counted, have over {_MOST_TEXT >> 20} MB")


def _is_one_of(name: str, field: str) -> bool:
    return name == field or re.fullmatch(rf"{field}\[\d{{0,5}}\]", name) is not None


def _file(file: SeedFile) -> dict[str, Any]:
    return {
        "id": shown_id(file.id),
        "path": file.path,
        "file_type": file.media_type,
        "size_bytes": file.size,
        "sha256": file.sha256,
    }
