"""Boards and who stands on them."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Page, Parameter
from serving.endpoints.fields import RECORD

__all__ = ["ENDPOINTS"]

_BOARD = Column("board", "text", "name of the board")
_GAME = Column("game", "text", "game")
_RANK = Column("rank", "integer", "place; equal scores share it")
_PLAYER = Column("player_id", "text", "the source's own id")

ENDPOINTS = (
    Endpoint(
        name="leaderboards",
        path="/leaderboards",
        summary="The boards",
        mart="leaderboard_entries",
        reads=("leaderboard_entries",),
        parameters=(),
        columns=(
            _BOARD,
            _GAME,
            Column("players", "integer", "players with a score on the board"),
            Column("qualified", "integer", "players with enough matches to be ranked"),
        ),
        max_age_s=15 * 60,
    ),
    Endpoint(
        name="leaderboard_entries",
        path="/leaderboards/{board}",
        summary="A board's ranked players, from the first place on",
        mart="leaderboard_entries",
        reads=("leaderboard_entries",),
        parameters=(Parameter("board", str, "name of the board", in_path=True, pattern="^[a-z0-9_]{1,64}$"),),
        columns=(
            _RANK,
            _PLAYER,
            Column("display_name", "text", "the name that the player shows", nullable=True),
            Column("score", "number", "what the board ranks by"),
            *RECORD,
            Column("win_rate", "number", "wins / matches, from 0 to 1", nullable=True),
        ),
        max_age_s=5 * 60,
        page=Page(keyset=(_RANK, _PLAYER), default=50, maximum=500),
        subject="board",
        known="SELECT EXISTS (SELECT FROM marts.leaderboard_entries WHERE board = %(board)s)",
    ),
)
