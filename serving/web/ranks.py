"""Ranks on a linear scale for charts, and the labels of its axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["axis_labels", "medal_name", "scale_position"]

_MEDALS = ("Herald", "Guardian", "Crusader", "Archon", "Legend", "Ancient", "Divine", "Immortal")
_STARS = 5


def scale_position(ladder: str, value: int) -> float:
    """Position of a rank on a linear scale: all steps between stars and to the next medal have the same size."""
    if ladder != "dota2_rank_tier":
        return value
    medal, star = divmod(value, 10)
    return medal * _STARS + max(star - 1, 0)


def medal_name(value: int) -> str:
    """The name of a Dota 2 rank: 75 is Divine 5, 80 is Immortal. Numbers that are no rank are returned as text."""
    medal, stars = divmod(value, 10)
    if not 1 <= medal <= len(_MEDALS):
        return str(value)
    return f"{_MEDALS[medal - 1]} {stars}" if stars else _MEDALS[medal - 1]


def axis_labels(ladder: str, positions: Sequence[float]) -> list[tuple[float, str]]:
    """Medals that enclose some positions; none for ladders with numeric ranks."""
    if ladder != "dota2_rank_tier" or not positions:
        return []
    first = max(1, math.floor(min(positions) / _STARS))
    last = min(len(_MEDALS), max(first + 1, math.ceil(max(positions) / _STARS)))
    first = min(first, last - 1)
    return [(float(medal * _STARS), _MEDALS[medal - 1]) for medal in range(first, last + 1)]
