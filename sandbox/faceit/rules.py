"""Rules of FACEIT, shared by its simulation and its API views."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LOWEST_ELO = 100
#: Lower bounds of the levels 1 to 10.
LEVEL_ELOS = np.array([100, 501, 751, 901, 1_051, 1_201, 1_351, 1_531, 1_751, 2_001])

_STEP = 50  # elo at stake in a match

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def levels_of(elo: Ints) -> Ints:
    """Level 1 to 10 for each elo."""
    levels: Ints = np.maximum(np.searchsorted(LEVEL_ELOS, elo, side="right"), 1)
    return levels


def level_of(elo: int) -> int:
    """Level 1 to 10 for one elo."""
    return int(levels_of(np.array([elo]))[0])


def elo_gains(winners: Floats, losers: Floats) -> Ints:
    """Elo that each winner gains and each loser loses, from the mean elo of the teams."""
    expected = 1 / (1 + 10 ** ((losers - winners) / 400))
    return np.maximum(np.rint(_STEP * (1 - expected)), 1).astype(np.int64)
