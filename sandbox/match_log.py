"""The match log: every match of the world, as columns.

A match is written once and never changes. Each upstream change (a match appears, is parsed, gets its details or its
result) is a timestamp in the log: a view of the world at a time compares the two. So the world's history does not
depend on the steps in which its clock was advanced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

NEVER = 1 << 62  # a time (s) that never comes
UNKNOWN = -1  # in a column whose upstream value is null

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MatchLog:
    """`n` matches in order of match id. Times are Unix seconds, UTC."""

    match_id: Ints
    start_time: Ints
    duration: Ints  # s
    game_mode: Ints
    lobby_type: Ints
    cluster: Ints
    radiant_win: npt.NDArray[np.bool_]  # the true result, whether or not the upstream shows it
    average_rank: Ints  # UNKNOWN if no player was calibrated
    ranked_players: Ints  # how many of the ten were calibrated
    visible_at: Ints  # the upstream lists the match
    details_at: Ints  # party size, average rank and facet are known
    parsed_at: Ints  # the replay is parsed
    result_at: Ints  # radiant_win is known
    league: Ints  # 0 outside leagues, as are the three below
    series: Ints
    radiant_team: Ints
    dire_team: Ints
    # n x 10; columns 0-4 are Radiant, 5-9 Dire
    person: Ints
    hero: Ints  # hero id; 0 if unknown upstream
    kills: Ints
    deaths: Ints
    assists: Ints
    leaver: Ints
    party: Ints
    facet: Ints

    def __len__(self) -> int:
        """Number of matches."""
        return len(self.match_id)

    @property
    def end_time(self) -> Ints:
        """End of each match (s)."""
        return self.start_time + self.duration

    def take(self, rows: Ints) -> MatchLog:
        """The matches at these positions, in this order."""
        return MatchLog(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def join(match_logs: Sequence[MatchLog]) -> MatchLog:
    """Concatenate consecutive match logs."""
    return MatchLog(
        **{
            field.name: np.concatenate([getattr(match_log, field.name) for match_log in match_logs])
            for field in fields(MatchLog)
        }
    )


def slot_of(column: int) -> int:
    """The upstream's player slot for a column of the match log: 0-4 Radiant, 128-132 Dire."""
    return column if column < 5 else column + 123
