"""Medals: the rank tier of a matchmaking rating (MMR), and the average of tiers.

A tier is medal x 10 + stars, 11 (Herald 1) to 75 (Divine 5); 80 is Immortal, which has no stars. In the arrays here 0
means uncalibrated, which the upstream shows as null.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STAR_MMR = 154  # MMR a star, Herald to Ancient
DIVINE_MMR = 30 * STAR_MMR
DIVINE_STAR_MMR = 200
IMMORTAL_MMR = DIVINE_MMR + 5 * DIVINE_STAR_MMR
IMMORTAL = 80

Ints = npt.NDArray[np.int64]


def tiers_of(mmr: Ints) -> Ints:
    """Rank tier for each MMR (never 0)."""
    below_divine = mmr // STAR_MMR
    divine = 30 + (mmr - DIVINE_MMR) // DIVINE_STAR_MMR
    stars = np.clip(np.where(mmr < DIVINE_MMR, below_divine, divine), 0, 35)
    return np.where(stars >= 35, IMMORTAL, (stars // 5 + 1) * 10 + stars % 5 + 1)


def average_tiers(tiers: Ints) -> Ints:
    """Average tier of each row's calibrated players; 0 if there are none.

    The average is over stars, since tiers skip from 15 to 21. Immortal counts as the star after Divine 5, so that a
    lobby of Immortals averages 81: a value that the real service shows although no player can have it.
    """
    calibrated = tiers > 0
    stars = np.where(tiers == IMMORTAL, 40, tiers // 10 * 5 + tiers % 10 - 1) * calibrated
    counts = calibrated.sum(axis=1)
    mean = np.rint(stars.sum(axis=1) / np.maximum(counts, 1)).astype(np.int64)
    return np.where(counts > 0, mean // 5 * 10 + mean % 5 + 1, 0)
