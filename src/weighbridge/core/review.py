"""What people say about scores, beside the scorers; and the order in which cases are reviewed."""

from dataclasses import dataclass
from datetime import datetime

import xxhash


@dataclass(frozen=True, slots=True)
class Override:
    """What a person said about one score. It stands beside the scorer's, which is never changed.

    Attributes:
        position, epoch, case_id: of the outcome. scorer: key of the scorer.
        revision: 1, 2, …: which of the sayings about this score it is; the highest counts.
        value: the score as the person sees it, which may be the scorer's; None: what was said
            before is withdrawn.
        label: the word behind the value, where there is one.
        confidence: how sure the person is of it, 0 to 1; None where nobody says.
        reason: why.
        author: who said it, for people. user_id, key_id: by which key; None for the operator at
            the machine's own command line.
    """

    id: str
    run_id: str
    position: int
    epoch: int
    case_id: str
    scorer: str
    revision: int
    value: float | None
    label: str | None
    reason: str
    author: str
    user_id: str | None
    key_id: str | None
    created_at: datetime
    confidence: float | None = None


def place_in_sample(seed: int, position: int, epoch: int) -> int:
    """Where an outcome stands in the random order of a seed: those with the lowest places are the
    sample, whatever its size, so that a larger one holds every smaller one, and going on after a
    break is going on with the same sample.

    Args:
        seed: 0 to 2⁶³ - 1.

    Returns:
        64 bits, uniform.
    """
    return xxhash.xxh3_64_intdigest(b"%d %d" % (position, epoch), seed=seed)
