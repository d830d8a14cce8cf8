"""How a run is cut into shards: the unit that a worker takes, and that progress is tallied by."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One segment of the data set in one epoch.

    Attributes:
        number: place in the order of the run, from 0; epoch by epoch, segment by segment.
        epoch: 0-based repeat.
        segment: of the data set's frame.
        start, stop: positions of its cases, `stop` exclusive.
    """

    number: int
    epoch: int
    segment: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Plan:
    """The shards of a run.

    Attributes:
        cases: of the data set, after the evaluation's `limit`.
        epochs: repeats of each case.
        size: cases of a full shard (the segment size of frames).
    """

    cases: int
    epochs: int
    size: int

    @property
    def segments(self) -> int:
        """Shards per epoch."""
        return -(-self.cases // self.size)

    def __len__(self) -> int:
        return self.segments * self.epochs

    def __getitem__(self, number: int) -> Shard:
        """The shard with this number.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"shard {number} of {len(self)}")
        epoch, segment = divmod(number, self.segments)
        start = segment * self.size
        return Shard(number, epoch, segment, start, min(self.cases, start + self.size))

    def __iter__(self) -> Iterator[Shard]:
        return (self[number] for number in range(len(self)))
