"""Rules of the simulated game, shared by its simulation and the upstream views."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sandbox.dota_facts import (
    BALANCED_GAME_MODES,
    BALANCED_LOBBY_TYPES,
    LONGEST_INSIGNIFICANT_S,
    PATCHES,
)
from sandbox.match_log import MatchLog
from sandbox.people import HERO_IDS

DAY_S = 86_400
RANKED_LOBBY = 7
RANKED_MMR = 25  # won or lost by a ranked match

_HERO_STRENGTH = 0.18  # standard deviation of a hero's log-odds on a patch

_PATCH_RELEASES = np.array([patch.released_at for patch in PATCHES])
_BALANCED_MODE = np.isin(np.arange(64), list(BALANCED_GAME_MODES))
_BALANCED_LOBBY = np.isin(np.arange(64), list(BALANCED_LOBBY_TYPES))

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def patch_at(times: Ints) -> Ints:
    """Patch id on which a match starting at each time (s) is played."""
    return np.searchsorted(_PATCH_RELEASES, times, side="right") - 1


def hero_strengths(seed: int, patch_id: int) -> Floats:
    """Log-odds each hero adds to its team on a patch, by hero column."""
    return np.random.default_rng([seed, 3, patch_id]).normal(0, _HERO_STRENGTH, len(HERO_IDS))


def is_balanced(game_mode: Ints, lobby_type: Ints) -> Bools:
    """Whether game mode and lobby type are both balanced."""
    balanced: Bools = _BALANCED_MODE[game_mode] & _BALANCED_LOBBY[lobby_type]
    return balanced


def rating_changes(match_log: MatchLog) -> Ints:
    """MMR that each slot wins or loses at the end of a match (matches x 10); 0 if the match does not count."""
    counts = (match_log.lobby_type == RANKED_LOBBY) & is_balanced(match_log.game_mode, match_log.lobby_type)
    # A match whose result was lost is not rated, even if the result appears later.
    counts &= (match_log.duration > LONGEST_INSIGNIFICANT_S) & (match_log.result_at == match_log.visible_at)
    won = np.stack([match_log.radiant_win, ~match_log.radiant_win], axis=1)
    return np.repeat(np.where(won, RANKED_MMR, -RANKED_MMR) * counts[:, None], 5, axis=1)
