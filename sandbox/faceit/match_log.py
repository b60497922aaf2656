"""The match log of cs2: every match (a series of maps) and every map that was played, as columns.

As in the world's own match log, written rows never change: the timestamps here determine what FACEIT shows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

NEVER = 1 << 62  # a time (s) that never comes
MISSING = -1  # no person, team, winner or time

PLAYED, CANCELLED, BYE = range(3)

#: Statistics of a player on a map, in the order of `Maps.stats`.
STATS = (
    "kills",
    "deaths",
    "assists",
    "headshots",
    "double_kills",
    "triple_kills",
    "quadro_kills",
    "penta_kills",
    "mvps",
    "first_kills",
    "first_deaths",
    "one_on_ones",
    "one_on_ones_won",
    "one_on_twos",
    "one_on_twos_won",
    "damage",
    "flashes",
    "flashes_successful",
    "enemies_flashed",
    "utilities",
    "utilities_successful",
    "utility_enemies",
    "utility_damage",
    "sniper_kills",
    "pistol_kills",
    "knife_kills",
    "zeus_kills",
)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Series:
    """`n` matches in order of their start. Times are Unix seconds, UTC."""

    match_id: npt.NDArray[np.str_]
    competition: Ints  # position in the scene
    best_of: Ints
    state: Ints  # PLAYED, CANCELLED or BYE
    scheduled_at: Ints  # MISSING outside championships
    configured_at: Ints
    started_at: Ints  # MISSING unless it was played
    finished_at: Ints
    visible_at: Ints  # FACEIT lists the match
    result_at: Ints  # result and statistics are known; the match is in progress until then
    winner: Ints  # 0 or 1; MISSING when cancelled or level
    elo_gain: Ints  # elo that each winner gains and each loser loses; 0 if the match does not count
    is_scored_in_maps: Bools  # the score is 1-0 although there was one map
    is_detailed: Bools  # damage and FACEIT's later statistics are known
    # n x 2, by faction
    team: Ints  # premade team, or MISSING
    absent: Ints  # the member who was substituted, or MISSING
    # n x 10; columns 0-4 are faction1, 5-9 faction2
    person: Ints  # players; MISSING on the side of a bye
    level: Ints  # before the match

    def __len__(self) -> int:
        """Number of matches."""
        return len(self.match_id)


@dataclass(frozen=True)
class Maps:
    """`n` maps, in order of their series and number."""

    series: Ints  # position in `Series`
    number: Ints  # from 1
    map: Ints  # position in `scene.MAPS`
    halves: Ints  # n x 2 x 3: rounds won by faction in first half, second half, overtime
    stats: Ints  # n x 10 x STATS

    def __len__(self) -> int:
        """Number of maps."""
        return len(self.series)

    @cached_property
    def scores(self) -> Ints:
        """Rounds won by each faction (n x 2)."""
        scores: Ints = self.halves.sum(axis=2)
        return scores

    def stat(self, name: str) -> Ints:
        """One statistic of all ten players (n x 10)."""
        return self.stats[:, :, STATS.index(name)]


@dataclass(frozen=True)
class Dota2EloChanges:
    """`n` changes of an elo in dota2, whose FACEIT matches are not simulated; oldest first."""

    at: Ints
    person: Ints
    change: Ints


@dataclass(frozen=True)
class Day:
    """The matches, maps and dota2 elo changes of one day."""

    series: Series
    maps: Maps
    dota2_elo_changes: Dota2EloChanges


_Columns = TypeVar("_Columns", Series, Maps, Dota2EloChanges)


def join(days: Sequence[Day]) -> Day:
    """Concatenate consecutive days."""
    lengths = [len(day.series) for day in days]
    offsets = np.cumsum([0, *lengths[:-1]])
    maps = _joined(Maps, [day.maps for day in days])
    shifted = np.concatenate([day.maps.series + offset for day, offset in zip(days, offsets, strict=True)])
    return Day(
        _joined(Series, [day.series for day in days]),
        Maps(shifted, *(getattr(maps, field.name) for field in fields(Maps)[1:])),
        _joined(Dota2EloChanges, [day.dota2_elo_changes for day in days]),
    )


def _joined(kind: type[_Columns], parts: Sequence[_Columns]) -> _Columns:
    return kind(**{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(kind)})
