"""Reads the words in a picture, with the two networks of PP-OCR that ship in `rapidocr`.

One network says for every point whether it is part of a line of writing (Liao et al. 2020,
"Real-time scene text detection with differentiable binarization"). Each line is cut out along the
tightest rectangle around it, and the other network spells it. Lines may lean; letters that stand on
each other, or are bent, are not read.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_LINES = 100
"""No more lines than this are read of a picture, so that the time it takes has a bound."""

# Sides that the finding network is shown: a multiple of 32, not so small that letters vanish, and
# not so large that it takes seconds.
_STEP = 32
_SHORT_SIDE = 736
_LONG_SIDE = 1280
# Points that count as writing, and how sure the network is of a whole line.
_IS_WRITING = 0.3
_IS_LINE = 0.6
# The network marks the middle of a line, which is widened by this share of area over circumference.
_WIDEN = 1.6
_THINNEST = 3.0
_MOST_CANDIDATES = 1_000

_LETTER_HEIGHT = 48
_LONGEST_LINE = 3_200
# A strip this much higher than wide is writing that was turned.
_UPRIGHT = 1.5
# Below this mean probability of its letters a line is noise; below the other it may be upside down.
_IS_READ = 0.7
# A letter alone is mostly a pattern in a photo.
_FEWEST_LETTERS = 2
_SURE_OF_LETTERS = 0.9


@dataclass(frozen=True, slots=True)
class Line:
    """A line of writing in a picture.

    Attributes:
        text: what it says. sure: the mean probability of its letters, 0 to 1.
    """

    text: str
    sure: float


@dataclass(frozen=True, slots=True)
class _Strip:
    """Where a line is: its corners from the upper left one, clockwise, shape (4, 2), as x and y."""

    corners: NDArray[np.float64]

    @property
    def width(self) -> float:
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    @property
    def height(self) -> float:
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))


class TextReader:
    """The two networks, opened. Not to be used by two threads at once."""

    def __init__(self, finder: Any, speller: Any) -> None:
        """Both are sessions of onnxruntime."""
        self._finder = finder
        self._speller = speller
        written = speller.get_modelmeta().custom_metadata_map["character"]
        # Number 0 of the network means "no letter here", the last one a space.
        self._letters = ["", *written.split("\n"), " "]

    def read(self, picture: Any) -> list[Line]:
        """The lines of writing in a picture, from top to bottom.

        Args:
            picture: of Pillow, in RGB.
        """
        found = (self._spell_strip(picture, strip) for strip in self._find(picture)[:MOST_LINES])
        return [line for line in found if line.sure >= _IS_READ and _says_something(line.text)]

    def _find(self, picture: Any) -> list[_Strip]:
        width, height = picture.size
        scale = min(_LONG_SIDE / max(width, height), max(1.0, _SHORT_SIDE / min(width, height)))
        shown_width, shown_height = (
            max(_STEP, round(side * scale / _STEP) * _STEP) for side in (width, height)
        )
        shown = picture.resize((shown_width, shown_height))
        (writing,) = self._finder.run(None, {self._finder.get_inputs()[0].name: _batch(shown)})
        to_picture = np.array([width / shown_width, height / shown_height])
        strips = [_Strip(corners * to_picture) for corners in _rectangles(writing[0, 0])]
        return _in_reading_order(strips)

    def _spell_strip(self, picture: Any, strip: _Strip) -> Line:
        """The other way round, too, where it makes little sense as it stands."""
        cut = _cut(picture, strip)
        line = self._spell(cut)
        if line.sure >= _SURE_OF_LETTERS:
            return line
        image: Any = importlib.import_module("PIL.Image")
        turned = self._spell(cut.transpose(image.Transpose.ROTATE_180))
        return max(line, turned, key=lambda one: one.sure)

    def _spell(self, strip: Any) -> Line:
        (found,) = self._speller.run(None, {self._speller.get_inputs()[0].name: _batch(strip)})
        places = found[0].argmax(axis=1)
        sure = found[0].max(axis=1)
        # A letter that goes on over several places counts once (connectionist temporal classes).
        new = np.concatenate([[True], places[1:] != places[:-1]]) & (places != 0)
        text = "".join(self._letters[place] for place in places[new]).strip()
        return Line(text, float(sure[new].mean()) if new.any() else 0.0)


def _says_something(text: str) -> bool:
    return sum(character.isalnum() for character in text) >= _FEWEST_LETTERS


def _batch(picture: Any) -> NDArray[np.float32]:
    """As the networks want it: one picture, blue green red, numbers from -1 to 1."""
    numbers = np.asarray(picture, dtype=np.float32)[:, :, ::-1] / 127.5 - 1
    return np.ascontiguousarray(numbers.transpose(2, 0, 1)[np.newaxis])


def _rectangles(writing: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Corners of the rectangles around what is writing, each widened to hold whole letters."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    marked = ndimage.binary_dilation(writing > _IS_WRITING, np.ones((2, 2), dtype=bool))
    numbered, count = ndimage.label(marked, np.ones((3, 3), dtype=int))
    if not count:
        return []
    sure = ndimage.mean(writing, numbered, range(1, count + 1))
    places = ndimage.find_objects(numbered)
    found = []
    for number in np.flatnonzero(np.asarray(sure) >= _IS_LINE)[:_MOST_CANDIDATES]:
        place = places[number]
        rows, columns = np.nonzero(numbered[place] == number + 1)
        points = np.stack([columns + place[1].start, rows + place[0].start], axis=1)
        corners = _tightest(points.astype(np.float64))
        strip = _Strip(corners)
        if min(strip.width, strip.height) >= _THINNEST:
            found.append(_widened(strip))
    return found


def _tightest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners of the smallest rectangle around points: one of its sides lies on their hull."""
    spatial: Any = importlib.import_module("scipy.spatial")
    try:
        hull = points[spatial.ConvexHull(points).vertices]
    except spatial.QhullError:  # all on one line
        hull = points
    sides = np.diff(np.vstack([hull, hull[:1]]), axis=0)
    turns = [
        np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for angle in np.unique(np.arctan2(sides[:, 1], sides[:, 0]) % (np.pi / 2))
    ]
    turn = min(turns, key=lambda turn: float(np.prod(np.ptp(hull @ turn, axis=0))))
    (left, top), (right, bottom) = (hull @ turn).min(axis=0), (hull @ turn).max(axis=0)
    box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
    corners = box @ turn.T
    # The first side is the one that points most to the right.
    ahead = np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum(np.linalg.norm(ahead, axis=1), 1e-9)
    first = int(np.argmax(ahead[:, 0] / lengths))
    turned: NDArray[np.float64] = np.roll(corners, -first, axis=0)
    return turned


def _widened(strip: _Strip) -> NDArray[np.float64]:
    width, height = strip.width, strip.height
    more = _WIDEN * width * height / (2 * (width + height))
    along = (strip.corners[1] - strip.corners[0]) / width * more
    down = (strip.corners[3] - strip.corners[0]) / height * more
    wide: NDArray[np.float64] = strip.corners + np.array(
        [-along - down, along - down, along + down, down - along]
    )
    return wide


def _in_reading_order(strips: list[_Strip]) -> list[_Strip]:
    """From top to bottom, and from left to right where two stand at about the same height."""
    rows: list[list[_Strip]] = []
    for strip in sorted(strips, key=lambda one: one.corners[:, 1].mean()):
        middle = strip.corners[:, 1].mean()
        if rows and middle - rows[-1][0].corners[:, 1].mean() < strip.height / 2:
            rows[-1].append(strip)
        else:
            rows.append([strip])
    return [strip for row in rows for strip in sorted(row, key=lambda one: one.corners[0, 0])]


def _cut(picture: Any, strip: _Strip) -> Any:
    """The strip alone, set straight, at the height that the spelling network wants."""
    image: Any = importlib.import_module("PIL.Image")
    upper_left, upper_right, lower_right, lower_left = strip.corners
    corners = (*upper_left, *lower_left, *lower_right, *upper_right)
    size = max(1, round(strip.width)), max(1, round(strip.height))
    cut = picture.transform(size, image.Transform.QUAD, corners, image.Resampling.BILINEAR)
    if size[1] >= _UPRIGHT * size[0]:
        cut = cut.transpose(image.Transpose.ROTATE_90)
    width = min(_LONGEST_LINE, max(_LETTER_HEIGHT, round(cut.width * _LETTER_HEIGHT / cut.height)))
    return cut.resize((width, _LETTER_HEIGHT), image.Resampling.BILINEAR)
