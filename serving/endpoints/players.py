"""One player: profile, results, characters, matches, rank over time."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Page, Parameter
from serving.endpoints.fields import CHARACTER, INTERVAL, LADDERS, LAST_PLAYED, PLAYER, PLAYER_KNOWN, RECORD

__all__ = ["ENDPOINTS"]

_MATCH = Column("match_id", "text", "the source's own id")
_SLOT = Column("player_slot", "integer", "slot in the match")
_PLAYED_AT = Column("played_at", "timestamp", "when the match began")
_LADDER = Column("ladder", "text", "what the rank is measured on")
_DAY = Column("observed_date", "date", "day of the observation, UTC")

_PROFILE = Endpoint(
    name="player",
    path="/players/{game}/{player_id}",
    summary="A player's profile",
    mart="dim_players",
    reads=("dim_players",),
    parameters=PLAYER,
    columns=(
        Column("game", "text", "game"),
        Column("player_id", "text", "the source's own id"),
        Column("display_name", "text", "the name that the player shows", nullable=True),
        Column("professional_name", "text", "name as a professional", nullable=True),
        Column("country_code", "text", "ISO 3166 code", nullable=True),
        Column("steam_id64", "text", "Steam id", nullable=True),
        Column("avatar_url", "text", "picture", nullable=True),
        Column("is_tracked", "boolean", "whether this warehouse follows the player's matches"),
        Column("rank_value", "integer", "rank on the game's main ladder", nullable=True),
        Column("rank_name", "text", "name of that rank", nullable=True),
        Column("rank_bracket", "text", "bracket of that rank"),
        Column("leaderboard_rank", "integer", "place on the source's own leaderboard", nullable=True),
        LAST_PLAYED,
    ),
    max_age_s=15 * 60,
    is_list=False,
    subject="player",
)

_WIN_LOSS = Endpoint(
    name="player_win_loss",
    path="/players/{game}/{player_id}/win-loss",
    summary="A player's results over all time, 30 days and 7 days",
    mart="player_win_rates",
    reads=("dim_players", "player_win_rates"),
    parameters=PLAYER,
    columns=(Column("period", "text", "all, 30d or 7d"), *RECORD, *INTERVAL, LAST_PLAYED),
    max_age_s=30 * 60,
    subject="player",
    known=PLAYER_KNOWN,
)

_HEROES = Endpoint(
    name="player_heroes",
    path="/players/{game}/{player_id}/heroes",
    summary="A player's results by hero, the most played first",
    mart="player_character_win_rates",
    reads=("dim_characters", "dim_players", "player_character_win_rates"),
    parameters=PLAYER,
    columns=(
        *CHARACTER,
        *RECORD,
        *INTERVAL,
        Column("kills", "integer", "sum over the matches"),
        Column("deaths", "integer", "sum over the matches"),
        Column("assists", "integer", "sum over the matches"),
        Column("kda", "number", "kills and assists for each death", nullable=True),
        LAST_PLAYED,
    ),
    max_age_s=60 * 60,
    subject="player",
    known=PLAYER_KNOWN,
)

_MATCHES = Endpoint(
    name="player_matches",
    path="/players/{game}/{player_id}/matches",
    summary="A player's matches, the newest first",
    mart="fct_player_matches",
    reads=("dim_characters", "dim_players", "fct_player_matches"),
    parameters=(
        *PLAYER,
        Parameter("character_id", str, "only matches with this hero", pattern="^[A-Za-z0-9_-]{1,64}$"),
        Parameter("significant", bool, "only matches that do (or do not) count in win rates"),
    ),
    columns=(
        _MATCH,
        _PLAYED_AT,
        Column("duration_s", "integer", "length", nullable=True),
        Column("is_win", "boolean", "won; null when the result is not known", nullable=True),
        Column("side", "text", "side played on", nullable=True),
        *CHARACTER,
        Column("is_significant", "boolean", "counts in win rates"),
        Column("kills", "integer", "kills", nullable=True),
        Column("deaths", "integer", "deaths", nullable=True),
        Column("assists", "integer", "assists", nullable=True),
        Column("game_mode", "integer", "the source's number of the mode", nullable=True),
        Column("lobby_type", "integer", "the source's number of the lobby type", nullable=True),
        Column("patch_id", "text", "patch it was played on", nullable=True),
        Column("rank_bracket", "text", "bracket of the match"),
    ),
    max_age_s=5 * 60,
    page=Page(keyset=(_PLAYED_AT, _MATCH, _SLOT), default=50, maximum=500),
    subject="player",
    known=PLAYER_KNOWN,
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
        Column("rank_value", "integer", "rank as a number that orders ranks", nullable=True),
        Column("rank_name", "text", "name of the rank", nullable=True),
        Column("leaderboard_rank", "integer", "place on the source's own leaderboard", nullable=True),
        Column("change", "integer", "against the observation before", nullable=True),
        Column("peak_rank_value", "integer", "highest rank up to this day", nullable=True),
        Column("days_held", "integer", "days to the next observed day with another rank, or so far", nullable=True),
    ),
    max_age_s=60 * 60,
    page=Page(keyset=(_LADDER, _DAY), default=500, maximum=2000),
    subject="player",
    known=PLAYER_KNOWN,
)

ENDPOINTS = (_PROFILE, _WIN_LOSS, _HEROES, _MATCHES, _RANKS)
