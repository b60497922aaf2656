"""Heroes over all players: trends and win rates."""

from __future__ import annotations

from datetime import date

from serving.endpoints.declaration import Column, Endpoint, Parameter
from serving.endpoints.fields import BRACKETS, CHARACTER, GAME_FILTER, INTERVAL, RECORD

__all__ = ["ENDPOINTS"]

_TRENDS = Endpoint(
    name="hero_meta_trends",
    path="/heroes/meta-trends",
    summary="How heroes' win and pick rates moved against the window before, the largest rise first",
    mart="hero_meta_trends",
    reads=("dim_characters", "hero_meta_trends"),
    parameters=(
        GAME_FILTER,
        Parameter("window_days", int, "length of a window in days", default=7, choices=(7, 30)),
        Parameter("rank_bracket", str, "bracket of the matches", default="all", choices=("all", *BRACKETS)),
    ),
    columns=(
        *CHARACTER,
        Column("rank_bracket", "text", "bracket of the matches"),
        Column("window_days", "integer", "length of a window in days"),
        Column("matches", "integer", "significant matches with a known result in the window"),
        Column("wins", "integer", "of them won"),
        *INTERVAL,
        Column("pick_rate", "number", "share of matches with this hero", nullable=True),
        Column("matches_before", "integer", "matches in the window before"),
        Column("win_rate_before", "number", "win rate in the window before", nullable=True),
        Column("pick_rate_before", "number", "pick rate in the window before", nullable=True),
        Column("win_rate_change", "number", "now less before", nullable=True),
        Column("win_rate_change_low", "number", "lower bound of its 95% interval", nullable=True),
        Column("win_rate_change_high", "number", "upper bound of its 95% interval", nullable=True),
        Column("pick_rate_change", "number", "now less before", nullable=True),
        Column("window_start_date", "date", "first day of the window"),
        Column("window_end_date", "date", "last day of the window"),
    ),
    max_age_s=30 * 60,
)

_WIN_RATES = Endpoint(
    name="hero_win_rates",
    path="/heroes/win-rates",
    summary="Heroes' results over a patch, a bracket or a range of days, the highest sure win rate first",
    mart="character_win_rates",
    reads=("character_win_rates", "dim_characters"),
    parameters=(
        GAME_FILTER,
        Parameter("patch_id", str, "only this patch", pattern="^[A-Za-z0-9_.-]{1,32}$"),
        Parameter("rank_bracket", str, "only this bracket", choices=BRACKETS),
        Parameter("since", date, "first day, UTC"),
        Parameter("until", date, "last day, UTC"),
    ),
    columns=(
        *CHARACTER,
        *RECORD,
        *INTERVAL,
        Column("picks", "integer", "picks, whatever the result"),
        Column("share_of_picks", "number", "picks / all picks in the selection", nullable=True),
        Column("bans", "integer", "bans; null where none are known", nullable=True),
    ),
    max_age_s=30 * 60,
)

ENDPOINTS = (_TRENDS, _WIN_RATES)
