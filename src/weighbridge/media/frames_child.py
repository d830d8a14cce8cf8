"""Takes a video apart; run as a process of its own.

    python -m weighbridge.media.frames_child CONTAINER PATH

Writes to standard output a line of JSON, `{seconds, frames_per_second, width, height, frames}` with
`frames` a list of `[bytes, second]`, and after it the JPEGs, one after the other. Ends with 5 and
one line on standard error when the video cannot be read.
"""

import importlib
import json
import math
import os
import pkgutil
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

MOST_FRAMES = 16
LONGEST_SIDE = 768
MOST_PIXELS = 36_000_000
MOST_SECONDS = 2 * 3_600
REFUSED = 5
"""How the process ends when it has something to say; anything else means that it broke."""

_MEMORY = 2 << 30
_CPU_S = 60
_SEARCH_S = 40
"""CPU seconds after which no further frame is looked for."""
_QUALITY = 4  # of JPEG, as FFmpeg counts: 2 the best, 31 the worst
_AHEAD = 900
"""Frames that are decoded on the way to one that is wanted."""


class _Refused(Exception):
    """The video cannot be read; the message says why."""


def main(container: str, path: str) -> int:
    """Take a video apart.

    Args:
        container: FFmpeg's name of its format. It is never guessed: among the formats are some that
            name other files.

    Returns:
        How the process is to end.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    av: Any = importlib.import_module("av")
    for part in pkgutil.walk_packages(av.__path__, "av."):
        # It loads some of its parts when it comes across what they are for, which is too late.
        if not part.name.endswith("__main__"):
            importlib.import_module(part.name)
    numpy: Any = importlib.import_module("numpy")
    av.logging.set_level(av.logging.PANIC)
    with open(path, "rb") as file:
        # From here on the process can open nothing any more: no file, and no connection.
        fewest = os.dup(0)
        os.close(fewest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (fewest, fewest))
        try:
            about, frames = _Video(av, numpy, container, file).take()
        except _Refused as error:
            return _say(str(error))
        except MemoryError:
            return _say("it needs more memory than it may have")
        except Exception as error:  # noqa: BLE001 (decoders raise whatever they like)
            return _say(f"it is damaged ({type(error).__name__})")
    about["frames"] = [[len(data), round(second, 3)] for data, second in frames]
    out = sys.stdout.buffer
    out.write(json.dumps(about).encode() + b"\n")
    out.writelines(data for data, _ in frames)
    out.flush()
    return 0


def _say(reason: str) -> int:
    sys.stderr.write(reason + "\n")
    return REFUSED


class _Video:
    """A video that is taken apart.

    Args:
        av, numpy: the libraries.
    """

    def __init__(self, av: Any, numpy: Any, container: str, file: BinaryIO) -> None:
        self._av = av
        self._numpy = numpy
        self._container = av.open(
            file,
            format=container,
            options={"protocol_whitelist": "none"},
            metadata_errors="replace",
        )
        if not self._container.streams.video:
            raise _Refused("it has no pictures")
        self._stream = self._container.streams.video[0]
        if self._stream.codec_context is None:
            raise _Refused("its codec is not known")
        self._stream.codec_context.thread_count = 1
        self._check(self._stream.codec_context)

    def take(self) -> tuple[dict[str, Any], list[tuple[bytes, float]]]:
        """What is known about it, and its frames with their seconds."""
        seconds = self._seconds()
        if seconds is not None and seconds > MOST_SECONDS:
            raise _Refused(f"it is longer than {MOST_SECONDS // 3_600} hours; send it in parts")
        found = self._spread(seconds) if seconds else []
        if not found:
            found = self._from_the_beginning()
        if not found:
            raise _Refused("it has no frame that can be decoded")
        rate = self._stream.average_rate
        about = {
            "seconds": None if seconds is None else round(seconds, 3),
            "frames_per_second": round(float(rate), 3) if rate else None,
            "width": self._stream.codec_context.width,
            "height": self._stream.codec_context.height,
        }
        return about, found

    def _seconds(self) -> float | None:
        stream, container = self._stream, self._container
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        return container.duration / self._av.time_base if container.duration else None

    def _spread(self, seconds: float) -> list[tuple[bytes, float]]:
        """Frames at the middles of equal parts; none where one cannot jump about in the file."""
        found: list[tuple[bytes, float]] = []
        begin = float((self._stream.start_time or 0) * self._stream.time_base)
        last = -math.inf
        for part in range(MOST_FRAMES):
            wanted = begin + (part + 0.5) * seconds / MOST_FRAMES
            try:
                frame = self._frame_at(wanted)
            except self._av.FFmpegError:
                continue
            if frame is not None and frame.time > last:
                last = frame.time
                found.append((self._jpeg(frame), max(last - begin, 0.0)))
            if found and time.process_time() > _SEARCH_S:
                break
        return found

    def _frame_at(self, second: float) -> Any:
        """The last frame that begins at or before this second."""
        place = int(second / self._stream.time_base)
        self._container.seek(place, stream=self._stream, backward=True)
        before = None
        for passed, frame in enumerate(self._decoded()):
            if frame.time is None:
                continue
            if before is not None and frame.time > second:
                return before
            before = frame
            if frame.time > second or passed >= _AHEAD or time.process_time() > _SEARCH_S:
                break
        return before

    def _from_the_beginning(self) -> list[tuple[bytes, float]]:
        """Frames at equal distances, of a file that can only be read from its beginning."""
        self._container.seek(0)
        found: list[tuple[bytes, float]] = []
        step = 1
        for number, frame in enumerate(self._decoded()):
            if number % step == 0:
                found.append((self._jpeg(frame), frame.time or 0.0))
            if len(found) == 2 * MOST_FRAMES:
                found, step = found[::2], 2 * step
            if time.process_time() > _SEARCH_S:
                break
        count = min(len(found), MOST_FRAMES)
        return [found[place * len(found) // count] for place in range(count)]

    def _decoded(self) -> Iterator[Any]:
        """Frames up to the first that is damaged."""
        try:
            for frame in self._container.decode(self._stream):
                self._check(frame)
                yield frame
        except (self._av.FFmpegError, EOFError):
            return

    def _check(self, size: Any) -> None:
        if size.width * size.height > MOST_PIXELS:
            most = f"{MOST_PIXELS // 1_000_000} million"
            raise _Refused(f"its frames have over {most} pixels ({size.width} × {size.height})")

    def _jpeg(self, frame: Any) -> bytes:
        """A frame as it is to be seen: turned as it says, and no side over `LONGEST_SIDE`."""
        factor = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
        width, height = (max(1, round(side * factor)) for side in (frame.width, frame.height))
        turns = round(frame.rotation / 90) % 4
        if turns:
            pixels = frame.reformat(width, height, "rgb24").to_ndarray()
            turned = self._numpy.ascontiguousarray(self._numpy.rot90(pixels, turns))
            frame = self._av.VideoFrame.from_ndarray(turned, format="rgb24")
            height, width = turned.shape[:2]
        frame = frame.reformat(width, height, "yuvj420p", dst_color_range="JPEG")
        encoder = self._av.CodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
        encoder.time_base = self._stream.time_base
        encoder.thread_count = 1
        encoder.qmin = encoder.qmax = _QUALITY
        frame.pts = 0
        return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
