"""Within which bounds scores lie."""

import math
from typing import Final, TypeAlias

Bounds: TypeAlias = tuple[float, float]
"""The least and the greatest value that there can be; infinite where there is no such bound."""

ZERO_TO_ONE: Final[Bounds] = (0.0, 1.0)
UNBOUNDED: Final[Bounds] = (-math.inf, math.inf)
