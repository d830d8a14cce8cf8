"""A case: one row of the data set, as one sample of the evaluation."""

from dataclasses import dataclass

from weighbridge.core.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Case:
    """One sample.

    Attributes:
        position: 0-based place in the data set; the stable order in which cases are gone through.
        id: the name people use for it: the value of the evaluation's `id` column, or the position.
        inputs: the row, column name → value.
        target: the reference answer, where the evaluation names a target column.
        cluster: cases that share it are not independent of each other (one source document, one
            patient, one template); None where the evaluation names no cluster column.
    """

    position: int
    id: str
    inputs: JsonObject
    target: Json = None
    cluster: str | None = None
