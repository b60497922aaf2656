"""A player's place on a leaderboard."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Parameter
from serving.endpoints.fields import ID, RECORD, mart_columns

__all__ = ["ENDPOINTS"]

_MART = "leaderboard_entries"

ENDPOINTS = (
    Endpoint(
        name="leaderboard_place",
        path="/leaderboards/{board}/players/{player_id}",
        summary="A player's place on a leaderboard, with the neighbours above and below",
        mart=_MART,
        reads=(_MART,),
        parameters=(
            Parameter("board", str, "name of the leaderboard", in_path=True, pattern="^[a-z0-9_]{1,64}$"),
            Parameter("player_id", str, "id in the source", in_path=True, pattern=ID),
            Parameter("neighbours", int, "players on either side", default=5, minimum=0, maximum=50),
        ),
        columns=(
            Column("distance", "integer", "position relative to the requested player; negative above"),
            Column("players", "integer", "ranked players on the leaderboard"),
            *mart_columns(_MART, "rank", "player_id", "display_name", "score", *RECORD, "win_rate"),
        ),
        max_age_s=5 * 60,
        subject="entry",
        exists_sql=(
            "SELECT EXISTS (SELECT FROM marts.leaderboard_entries "
            "WHERE board = %(board)s AND player_id = %(player_id)s)"
        ),
    ),
)
