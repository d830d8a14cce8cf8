"""The scores of a run as one file: read back in a hundredth of the time that its rows take."""

import io
import zipfile
from typing import Any

import numpy as np
import orjson

from weighbridge.reports.comparison import Latencies, RunScores

FORMAT = 1
"""Files of another format are made anew."""


def pack(scores: RunScores) -> bytes:
    """The scores as bytes."""
    arrays: dict[str, Any] = {"ids": scores.ids, "positions": scores.positions}
    if scores.clusters is not None:
        arrays["clusters"] = scores.clusters
    for number, key in enumerate(scores.values):
        arrays[f"values-{number}"] = scores.values[key]
        arrays[f"states-{number}"] = scores.states[key]
    took = scores.latencies
    about = {
        "format": FORMAT,
        "scorers": list(scores.values),
        "latencies": None if took is None else [took.mean_s, took.p50_s, took.p95_s],
        "first_id": scores.first_id,
    }
    arrays["about"] = np.frombuffer(orjson.dumps(about), dtype=np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def unpack(data: bytes) -> RunScores | None:
    """What was packed; None: it is damaged, or of another format."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = orjson.loads(arrays["about"].tobytes())
            if about["format"] != FORMAT:
                return None
            keys = about["scorers"]
            return RunScores(
                ids=arrays["ids"],
                positions=arrays["positions"],
                clusters=arrays.get("clusters"),
                values={key: arrays[f"values-{number}"] for number, key in enumerate(keys)},
                states={key: arrays[f"states-{number}"] for number, key in enumerate(keys)},
                latencies=None if about["latencies"] is None else Latencies(*about["latencies"]),
                first_id=about["first_id"],
            )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return None


def size_of(scores: RunScores) -> int:
    """Bytes that its arrays take in memory."""
    clusters = 0 if scores.clusters is None else scores.clusters.nbytes
    values = sum(array.nbytes for array in scores.values.values())
    states = sum(array.nbytes for array in scores.states.values())
    return scores.ids.nbytes + scores.positions.nbytes + clusters + values + states
