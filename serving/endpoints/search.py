"""Search players by name, and compare players."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Parameter
from serving.endpoints.fields import GAMES, ID, INTERVAL, RANK, RECORD, joined_columns, mart_columns

__all__ = ["ENDPOINTS"]

_PREFIX = Endpoint(
    name="player_search",
    path="/search/players",
    summary="Players whose name starts with a prefix, case-insensitive; the first 50 by name",
    mart="dim_players",
    reads=("dim_players",),
    parameters=(
        # Excludes U+0000, which PostgreSQL text cannot contain.
        Parameter("prefix", str, "start of the name", is_required=True, pattern=r"^[^\x00-\x1f\x7f]{1,64}$"),
        Parameter("game", str, "only this game", choices=GAMES),
    ),
    columns=(
        *mart_columns("dim_players", "game", "player_id"),
        Column("display_name", "text", "name shown by the platform, from the profile or the newest match"),
        *mart_columns("dim_players", "professional_name", "country_code", "avatar_url", "is_tracked"),
        *mart_columns("dim_players", "rank_name", "rank_bracket", "last_played_at"),
    ),
    max_age_s=2 * 60,
)

_COMPARE = Endpoint(
    name="players_compare",
    path="/compare/players",
    summary="Comparison of players of one game by id; unknown ids are left out",
    mart="dim_players",
    reads=("dim_players", "player_form", "player_win_rates"),
    parameters=(
        Parameter("game", str, "game of the players", is_required=True, choices=GAMES),
        Parameter("players", str, "ids in the source", is_required=True, count=(2, 10), pattern=ID),
    ),
    columns=(
        *mart_columns("dim_players", "player_id", "display_name", "country_code", "is_tracked", *RANK),
        *joined_columns("player_win_rates", *RECORD, *INTERVAL),
        Column("matches_30d", "integer", "significant matches of the last 30 days", nullable=True),
        Column("wins_30d", "integer", "matches won", nullable=True),
        Column("draws_30d", "integer", "matches drawn", nullable=True),
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
