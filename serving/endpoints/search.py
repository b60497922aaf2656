"""Players by name, and side by side."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Parameter
from serving.endpoints.fields import GAMES, ID, INTERVAL, RANK, RECORD, joined_columns, mart_columns

__all__ = ["ENDPOINTS"]

_PREFIX = Endpoint(
    name="player_search",
    path="/search/players",
    summary="Players whose name begins so, whatever the case; the first 50 by name",
    mart="dim_players",
    reads=("dim_players",),
    parameters=(
        # PostgreSQL has no text with U+0000.
        Parameter("prefix", str, "how the name begins", is_required=True, pattern=r"^[^\x00-\x1f\x7f]{1,64}$"),
        Parameter("game", str, "only this game", choices=GAMES),
    ),
    columns=(
        *mart_columns("dim_players", "game", "player_id"),
        Column("display_name", "text", "name shown by the platform, from the profile or else from the newest match"),
        *mart_columns("dim_players", "professional_name", "country_code", "avatar_url", "is_tracked"),
        *mart_columns("dim_players", "rank_name", "rank_bracket", "last_played_at"),
    ),
    max_age_s=2 * 60,
)

_COMPARE = Endpoint(
    name="players_compare",
    path="/compare/players",
    summary="Players of one game side by side, by id; unknown ones are left out",
    mart="dim_players",
    reads=("dim_players", "player_form", "player_win_rates"),
    parameters=(
        Parameter("game", str, "game of all of them", is_required=True, choices=GAMES),
        Parameter("players", str, "the source's own ids", is_required=True, count=(2, 10), pattern=ID),
    ),
    columns=(
        *mart_columns("dim_players", "player_id", "display_name", "country_code", "is_tracked", *RANK),
        *joined_columns("player_win_rates", *RECORD, *INTERVAL),
        Column("matches_30d", "integer", "significant matches of the last 30 days", nullable=True),
        Column("wins_30d", "integer", "of these won", nullable=True),
        Column("draws_30d", "integer", "of these drawn", nullable=True),
        Column("win_rate_30d", "number", "wins_30d / matches_30d; null for no matches", nullable=True),
        *joined_columns("player_form", "mean_rating", "rating_slope", "direction"),
        *mart_columns("dim_players", "last_played_at"),
    ),
    max_age_s=30 * 60,
    subject="player",
    exists_sql=(
        "SELECT EXISTS (SELECT FROM marts.dim_players WHERE game = %(game)s AND player_id = ANY(%(players)s::text[]))"
    ),
)

ENDPOINTS = (_PREFIX, _COMPARE)
