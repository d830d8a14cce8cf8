"""SQL over a file of rows, carried out in processes of their own (`datasets.query_process`)."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.core.versions import FrameShape, RowNumbers
from weighbridge.datasets.frame import SEGMENT, FrameIndex, segment_range
from weighbridge.errors import Invalid, OutOfSpace, TooLarge, Unavailable, WeighbridgeError

SECONDS = 30
"""How long a query may take."""

MOST_SQL = 100_000
"""How long, in characters, a query may be."""

_AT_ONCE = 2
_STARTING_S = 15  # beyond the time of the query: a process loads its libraries first
_PASSED_ON = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH"})  # without which it may not start
_LONGEST_LINE = 8 << 20
_KINDS: dict[str, type[WeighbridgeError]] = {
    kind.kind: kind for kind in (Invalid, TooLarge, OutOfSpace)
}


@dataclass(frozen=True, slots=True)
class Question:
    """A query over a file of rows.

    Attributes:
        path: of the file, on this machine.
        shape: of the file.
        sql: one SELECT statement over the table `df`.
        id_column: the name of a column that the table has beside the file's own, with the id of
            each row; None: none.
        numbers: which rows those are.
    """

    path: Path
    shape: FrameShape
    sql: str
    id_column: str | None
    numbers: RowNumbers


class Answer:
    """What a query selects, kept in a file without a name as long as this lives.

    Args:
        file: which holds it; it is opened here, and removed from its folder.

    Attributes:
        columns: name → type, in the words of arrow.
        rows: how many.
        size: in bytes.
    """

    def __init__(self, file: Path, columns: Mapping[str, str], index: FrameIndex) -> None:
        self._descriptor = os.open(file, os.O_RDONLY)
        self._index = index
        self.columns = dict(columns)
        self.rows = index.rows
        self.size = index.size

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def parts(self, start: int, stop: int) -> Iterator[bytes]:
        """The rows `start` to `stop` (exclusive) as JSON with commas in between, a few hundred at a
        time; with a comma before all parts but the first."""
        stop = min(stop, self.rows)
        for first in range(start - start % SEGMENT, stop, SEGMENT):
            begin, end = segment_range(self._index, first // SEGMENT)
            lines = os.pread(self._descriptor, end - begin, begin).rstrip(b"\n").split(b"\n")
            wanted = b",".join(lines[max(0, start - first) : stop - first])
            yield wanted if first <= start else b"," + wanted


class Querier:
    """Processes that carry out queries; a few at once, each ended when it takes too long.

    Args:
        folder: where answers are written.
        seconds: how long a query may take.
    """

    def __init__(self, folder: Path, *, seconds: int = SECONDS) -> None:
        self._folder = folder
        self._seconds = seconds
        self._idle: list[Process] = []
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def answer(self, question: Question) -> Answer:
        """Carry out a query.

        Raises:
            Invalid: it is no such query, takes too long, or the file is damaged.
            TooLarge: its answer is too large, or it needs too much memory.
        """
        if len(question.sql) > MOST_SQL:
            raise TooLarge(f"a query may have {MOST_SQL:,} characters")
        handle, name = await asyncio.to_thread(
            tempfile.mkstemp, dir=self._folder, prefix=".answer-"
        )
        os.close(handle)
        target = Path(name)
        request: JsonObject = {
            "path": str(question.path),
            "shape": asdict(question.shape),
            "sql": question.sql,
            "id_column": question.id_column,
            "numbers": asdict(question.numbers),
            "target": str(target),
            "seconds": self._seconds,
        }
        try:
            async with self._turn:
                told = orjson.loads(await self._ask(orjson.dumps(request) + b"\n"))
            if "error" in told:
                raise _KINDS.get(told["kind"], Invalid)(told["error"])
            index = told["index"]
            return Answer(
                target,
                told["columns"],
                FrameIndex(
                    index["sha256"],
                    index["rows"],
                    index["size"],
                    tuple(index["columns"]),
                    tuple(index["offsets"]),
                ),
            )
        finally:
            await asyncio.to_thread(target.unlink, missing_ok=True)

    async def close(self) -> None:
        """End the processes that wait."""
        while self._idle:
            await _end(self._idle.pop())

    async def _ask(self, line: bytes) -> bytes:
        while self._idle:
            process = self._idle.pop()
            reply = await self._asked(process, line)
            if reply:
                return reply
            if process.returncode:  # it did not merely end because nobody asked for a while
                raise self._ended(process.returncode)
        process = await _started()
        reply = await self._asked(process, line)
        if not reply:
            raise self._ended(process.returncode or 0)
        return reply

    async def _asked(self, process: Process, line: bytes) -> bytes:
        """The reply of a process, which may be asked again then; b"": it has ended."""
        assert process.stdin is not None  # noqa: S101 (both are pipes)
        assert process.stdout is not None  # noqa: S101
        reply = b""
        try:
            async with asyncio.timeout(self._seconds + _STARTING_S):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    process.stdin.write(line)
                    await process.stdin.drain()
                reply = await process.stdout.readline()
        except TimeoutError as error:
            raise self._too_slow() from error
        finally:
            if reply:
                self._idle.append(process)
            elif process.stdout.at_eof():
                await process.wait()  # for its own reason to end
            else:
                await _end(process)
        return reply

    def _ended(self, code: int) -> WeighbridgeError:
        if code == 0:
            return Unavailable("the query could not be carried out now; try again")
        if code == -signal.SIGALRM:
            return self._too_slow()
        return TooLarge("the query needs too much memory, or more than the engine can do")

    def _too_slow(self) -> WeighbridgeError:
        return Invalid(
            f"the query takes longer than {self._seconds} seconds; take fewer rows, by WHERE or "
            "LIMIT"
        )


async def _started() -> Process:
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "weighbridge.datasets.query_process",
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=kept,  # none of the server's secrets
        cwd="/",  # which some functions tell
        limit=_LONGEST_LINE,
    )


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            # Not `process.kill`, which may take away the exit code that `wait` waits for.
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()
