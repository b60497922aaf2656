"""Ranks of a ladder on an even scale, and the names that belong on its axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["height", "names"]

_MEDALS = ("Herald", "Guardian", "Crusader", "Archon", "Legend", "Ancient", "Divine", "Immortal")
_STARS = 5


def height(ladder: str, value: int) -> float:
    """How high a rank stands: a medal's five stars are as far from each other as the last is from the next medal."""
    if ladder != "dota2_rank_tier":
        return value
    medal, star = divmod(value, 10)
    return medal * _STARS + max(star - 1, 0)


def names(ladder: str, heights: Sequence[float]) -> list[tuple[float, str]]:
    """Medals that enclose some heights; none for a ladder whose ranks are numbers."""
    if ladder != "dota2_rank_tier" or not heights:
        return []
    first = max(1, math.floor(min(heights) / _STARS))
    last = min(len(_MEDALS), max(first + 1, math.ceil(max(heights) / _STARS)))
    first = min(first, last - 1)
    return [(float(medal * _STARS), _MEDALS[medal - 1]) for medal in range(first, last + 1)]
