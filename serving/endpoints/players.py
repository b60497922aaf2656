"""One player: profile, results, heroes, maps, matches, ranks, form, benchmarks, other players, and the person."""

from __future__ import annotations

from dataclasses import replace

from serving.endpoints.declaration import Column, Endpoint, Pagination, Parameter
from serving.endpoints.fields import (
    CHARACTER_NAME,
    ID,
    INTERVAL,
    LADDERS,
    MODE,
    PLAYER,
    PLAYER_EXISTS,
    RANK,
    RECORD,
    joined_columns,
    mart_columns,
)

__all__ = ["ENDPOINTS"]

_MATCH, _SLOT = mart_columns("fct_player_matches", "match_id", "player_slot")
# Listed matches have a time, so this is never null.
_PLAYED_AT = Column("played_at", "timestamp", "start of the match")
_LADDER, _DAY = mart_columns("rank_progression", "ladder", "observed_date")
_COMBAT = ("kills", "deaths", "assists")

_PROFILE = Endpoint(
    name="player",
    path="/players/{game}/{player_id}",
    summary="A player's profile",
    mart="dim_players",
    reads=("dim_players",),
    parameters=PLAYER,
    columns=(
        *mart_columns(
            "dim_players", "game", "player_id", "display_name", "professional_name", "country_code", "steam_id64"
        ),
        *mart_columns("dim_players", "avatar_url", "is_tracked", *RANK, "last_played_at"),
    ),
    max_age_s=15 * 60,
    is_list=False,
    subject="player",
)

_WIN_LOSS = Endpoint(
    name="player_win_loss",
    path="/players/{game}/{player_id}/win-loss",
    summary="A player's results over all time, 30 days and 7 days; no rows for a mode without counted matches",
    mart="player_win_rates",
    reads=("dim_modes", "dim_players", "player_mode_win_rates", "player_win_rates"),
    parameters=(*PLAYER, replace(MODE, description="mode of the game; the game's standard mode by default")),
    columns=(
        *mart_columns("player_mode_win_rates", "mode"),
        *mart_columns("player_win_rates", "period", *RECORD, *INTERVAL, "last_played_at"),
    ),
    max_age_s=30 * 60,
    subject="player",
    exists_sql=PLAYER_EXISTS,
)

_HEROES = Endpoint(
    name="player_heroes",
    path="/players/{game}/{player_id}/heroes",
    summary="A player's results by hero, the most played first",
    mart="player_character_win_rates",
    reads=("dim_characters", "dim_players", "player_character_win_rates"),
    parameters=PLAYER,
    columns=(
        *mart_columns("player_character_win_rates", "character_id"),
        *CHARACTER_NAME,
        *mart_columns("player_character_win_rates", *RECORD, *INTERVAL, *_COMBAT, "kda", "last_played_at"),
    ),
    max_age_s=60 * 60,
    subject="player",
    exists_sql=PLAYER_EXISTS,
)

_MAPS = Endpoint(
    name="player_maps",
    path="/players/{game}/{player_id}/maps",
    summary="A player's results by map, the most played first",
    mart="player_map_win_rates",
    reads=("dim_maps", "dim_players", "player_map_win_rates"),
    parameters=PLAYER,
    columns=(
        *mart_columns("player_map_win_rates", "map_id"),
        *joined_columns("dim_maps", "map_name"),
        *mart_columns("player_map_win_rates", *RECORD, *INTERVAL, "rounds", *_COMBAT, "kd_ratio", "last_played_at"),
    ),
    max_age_s=60 * 60,
    subject="player",
    exists_sql=PLAYER_EXISTS,
)

_MATCHES = Endpoint(
    name="player_matches",
    path="/players/{game}/{player_id}/matches",
    summary="A player's matches with a known time, the newest first",
    mart="fct_player_matches",
    reads=("dim_characters", "dim_players", "fct_player_matches"),
    parameters=(
        *PLAYER,
        Parameter("character_id", str, "only matches with this hero", pattern=ID),
        replace(MODE, description="only matches of this mode; of all modes by default"),
        Parameter("significant", bool, "only matches that count (or do not count) in win rates"),
    ),
    columns=(
        _MATCH,
        _PLAYED_AT,
        *mart_columns("fct_player_matches", "duration_s", "is_win", "is_draw", "side", "character_id"),
        *CHARACTER_NAME,
        *mart_columns("fct_player_matches", "map_id", "mode", "is_counted", "is_significant", *_COMBAT, "rounds"),
        *mart_columns(
            "fct_player_matches", "game_mode", "lobby_type", "patch_id", "rank_bracket", "team_id", "league_id"
        ),
    ),
    max_age_s=5 * 60,
    pagination=Pagination(keyset=(_PLAYED_AT, _MATCH, _SLOT), default=50, maximum=500),
    subject="player",
    exists_sql=PLAYER_EXISTS,
)

_RANKS = Endpoint(
    name="player_rank_progression",
    path="/players/{game}/{player_id}/rank-progression",
    summary="A player's rank by ladder and day, the oldest first",
    mart="rank_progression",
    reads=("dim_players", "rank_progression"),
    parameters=(*PLAYER, Parameter("ladder", str, "only this ladder", choices=LADDERS)),
    columns=(
        _LADDER,
        _DAY,
        *mart_columns("rank_progression", "rank_value", "rank_name", "leaderboard_rank", "change", "change_steps"),
        *mart_columns("rank_progression", "peak_rank_value", "days_held"),
    ),
    max_age_s=60 * 60,
    pagination=Pagination(keyset=(_LADDER, _DAY), default=500, maximum=2000),
    subject="player",
    exists_sql=PLAYER_EXISTS,
)

_FORM = Endpoint(
    name="player_form",
    path="/players/{game}/{player_id}/form",
    summary="Rating trend over a player's newest 20 matches with statistics; null without any",
    mart="player_form",
    reads=("dim_players", "player_form"),
    parameters=PLAYER,
    columns=(
        *mart_columns("dim_players", "game", "player_id"),
        *joined_columns("player_form", *RECORD, *INTERVAL, "rated_matches", "mean_rating", "rating_slope"),
        *joined_columns("player_form", "rating_slope_low", "rating_slope_high", "direction"),
        *joined_columns("player_form", "first_played_at", "last_played_at"),
    ),
    max_age_s=60 * 60,
    is_list=False,
    subject="player",
)

_BENCHMARKS = Endpoint(
    name="player_benchmarks",
    path="/players/{game}/{player_id}/benchmarks",
    summary="A player's metrics compared to all players and to the own bracket",
    mart="player_benchmarks",
    reads=("dim_players", "player_benchmarks"),
    parameters=PLAYER,
    columns=mart_columns(
        "player_benchmarks", "metric", "value", "matches", "rank_bracket", "percentile_all", "percentile_bracket"
    ),
    max_age_s=60 * 60,
    subject="player",
    exists_sql=PLAYER_EXISTS,
)


def _others(name: str, mart: str, summary: str) -> Endpoint:
    other, matches = mart_columns(mart, "other_player_id", "matches")
    return Endpoint(
        name=f"player_{name}",
        path=f"/players/{{game}}/{{player_id}}/{name}",
        summary=summary,
        mart=mart,
        reads=tuple(sorted(("dim_players", mart))),
        parameters=PLAYER,
        columns=(
            other,
            *joined_columns("dim_players", "display_name"),
            matches,
            *mart_columns(mart, "wins", "draws", "losses", "last_played_at"),
        ),
        max_age_s=60 * 60,
        pagination=Pagination(keyset=(matches, other), default=50, maximum=500),
        subject="player",
        exists_sql=PLAYER_EXISTS,
    )


_PERSON = Endpoint(
    name="player_person",
    path="/players/{game}/{player_id}/person",
    summary="All players of the same person in all games, with rank and results",
    mart="bridge_player_identities",
    reads=("bridge_player_identities", "dim_players", "player_win_rates"),
    parameters=PLAYER,
    columns=(
        *mart_columns("bridge_player_identities", "person_id", "game", "player_id", "is_primary", "is_conflicting"),
        *joined_columns("dim_players", "display_name", "is_tracked", *RANK, "last_played_at"),
        *joined_columns("player_win_rates", *RECORD, *INTERVAL),
    ),
    max_age_s=60 * 60,
    subject="player",
    exists_sql=PLAYER_EXISTS,
)

ENDPOINTS = (
    _PROFILE,
    _WIN_LOSS,
    _HEROES,
    _MAPS,
    _MATCHES,
    _RANKS,
    _FORM,
    _BENCHMARKS,
    _others("teammates", "teammates", "Players on the same side, the most frequent first"),
    _others("opponents", "head_to_head", "Players on the other side, the most frequent first"),
    _PERSON,
)
