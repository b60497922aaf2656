"""Heroes over all players: trends, win rates, and one hero by week."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Parameter
from serving.endpoints.fields import (
    BRACKETS,
    CHARACTER_NAME,
    GAME_FILTER,
    GAMES,
    ID,
    INTERVAL,
    SINCE,
    UNTIL,
    mart_columns,
)

__all__ = ["ENDPOINTS"]

_RATES = "character_win_rates"
_SUMS = (
    Column("matches", "integer", "player slots with the character and a known result"),
    Column("wins", "integer", "matches won"),
    Column("losses", "integer", "matches lost"),
    *mart_columns(_RATES, *INTERVAL),
    Column("picks", "integer", "same as matches"),
)
_BANS = mart_columns(_RATES, "bans")
_BRACKET = Parameter("rank_bracket", str, "only this bracket", choices=BRACKETS)

_TRENDS = Endpoint(
    name="hero_meta_trends",
    path="/heroes/meta-trends",
    summary="Change of heroes' win and pick rates against the previous window, the largest rise first",
    mart="hero_meta_trends",
    reads=("dim_characters", "hero_meta_trends"),
    parameters=(
        GAME_FILTER,
        Parameter("window_days", int, "length of a window in days", default=7, choices=(7, 30)),
        Parameter("rank_bracket", str, "bracket of the matches", default="all", choices=("all", *BRACKETS)),
    ),
    columns=(
        *mart_columns("hero_meta_trends", "character_id"),
        *CHARACTER_NAME,
        *mart_columns("hero_meta_trends", "rank_bracket", "window_days", "matches", "wins", *INTERVAL, "pick_rate"),
        *mart_columns("hero_meta_trends", "matches_before", "win_rate_before", "pick_rate_before"),
        *mart_columns(
            "hero_meta_trends", "win_rate_change", "win_rate_change_low", "win_rate_change_high", "pick_rate_change"
        ),
        *mart_columns("hero_meta_trends", "window_start_date", "window_end_date"),
    ),
    max_age_s=30 * 60,
)

_WIN_RATES = Endpoint(
    name="hero_win_rates",
    path="/heroes/win-rates",
    summary="Heroes' results by patch, bracket or date range, the highest lower bound of the win rate first",
    mart=_RATES,
    reads=(_RATES, "dim_characters"),
    parameters=(
        GAME_FILTER,
        Parameter("patch_id", str, "only this patch", pattern="^[A-Za-z0-9_.-]{1,32}$"),
        _BRACKET,
        SINCE,
        UNTIL,
    ),
    columns=(
        *mart_columns(_RATES, "character_id"),
        *CHARACTER_NAME,
        *_SUMS,
        Column("share_of_picks", "number", "picks / all picks in the selection", nullable=True),
        *_BANS,
    ),
    max_age_s=30 * 60,
)

_TIMELINE = Endpoint(
    name="hero_timeline",
    path="/heroes/{game}/{character_id}/timeline",
    summary="A hero's picks and results by week, the oldest first",
    mart=_RATES,
    reads=(_RATES, "dim_characters"),
    parameters=(
        Parameter("game", str, "game", in_path=True, choices=GAMES),
        Parameter("character_id", str, "id in the source", in_path=True, pattern=ID),
        _BRACKET,
        SINCE,
        UNTIL,
    ),
    columns=(Column("week_start_date", "date", "Monday of the week, UTC"), *_SUMS, *_BANS),
    max_age_s=30 * 60,
    subject="hero",
    exists_sql=(
        "SELECT EXISTS (SELECT FROM marts.dim_characters WHERE game = %(game)s AND character_id = %(character_id)s)"
    ),
)

ENDPOINTS = (_TRENDS, _WIN_RATES, _TIMELINE)
