"""Leaderboards and their ranked players."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Pagination, Parameter
from serving.endpoints.fields import RECORD, mart_columns

__all__ = ["ENDPOINTS"]

_ENTRIES = "leaderboard_entries"
# Listed players are ranked, so this is never null.
_RANK = Column("rank", "integer", "rank among qualified players by score; ties share it")
(_PLAYER,) = mart_columns(_ENTRIES, "player_id")

ENDPOINTS = (
    Endpoint(
        name="leaderboards",
        path="/leaderboards",
        summary="All leaderboards",
        mart=_ENTRIES,
        reads=(_ENTRIES,),
        parameters=(),
        columns=(
            *mart_columns(_ENTRIES, "board", "game"),
            Column("players", "integer", "players with a score on the leaderboard"),
            Column("qualified", "integer", "players with enough matches to be ranked"),
        ),
        max_age_s=15 * 60,
    ),
    Endpoint(
        name="leaderboard_entries",
        path="/leaderboards/{board}",
        summary="Ranked players of a leaderboard, from rank 1",
        mart=_ENTRIES,
        reads=(_ENTRIES,),
        parameters=(Parameter("board", str, "name of the leaderboard", in_path=True, pattern="^[a-z0-9_]{1,64}$"),),
        columns=(_RANK, _PLAYER, *mart_columns(_ENTRIES, "display_name", "score", *RECORD, "win_rate")),
        max_age_s=5 * 60,
        pagination=Pagination(keyset=(_RANK, _PLAYER), default=50, maximum=500),
        subject="board",
        exists_sql="SELECT EXISTS (SELECT FROM marts.leaderboard_entries WHERE board = %(board)s)",
    ),
)
