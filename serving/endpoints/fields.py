"""Parameters and columns that several endpoints share."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from serving.endpoints.contracts import GAME_NAMES, MARTS, MODES
from serving.endpoints.declaration import Column, Parameter

__all__ = [
    "BRACKETS",
    "CHARACTER_NAME",
    "GAMES",
    "GAME_FILTER",
    "ID",
    "INTERVAL",
    "LADDERS",
    "MODE",
    "PLAYER",
    "PLAYER_EXISTS",
    "RANK",
    "RECORD",
    "SINCE",
    "UNTIL",
    "joined_columns",
    "mart_columns",
]

GAMES = tuple(GAME_NAMES)
_MEDALS = ("herald", "guardian", "crusader", "archon", "legend", "ancient", "divine", "immortal")
_LEVELS = tuple(f"level_{level}" for level in range(1, 11))
BRACKETS = (*_MEDALS, *_LEVELS, "unknown")
LADDERS = ("dota2_rank_tier", "dota2_solo_mmr", "dota2_party_mmr", "faceit_elo")

ID = "^[A-Za-z0-9_-]{1,64}$"
"""Pattern of the ids of the sources."""
PLAYER = (
    Parameter("game", str, "game", in_path=True, choices=GAMES),
    Parameter("player_id", str, "id in the source", in_path=True, pattern=ID),
)
PLAYER_EXISTS = "SELECT EXISTS (SELECT FROM marts.dim_players WHERE game = %(game)s AND player_id = %(player_id)s)"
GAME_FILTER = Parameter("game", str, "game", default="dota2", choices=GAMES)
SINCE = Parameter("since", date, "first day, UTC")
UNTIL = Parameter("until", date, "last day, UTC")

MODE = Parameter("mode", str, "mode of the game", choices=MODES)

RECORD = ("matches", "wins", "draws", "losses")
INTERVAL = ("win_rate", "win_rate_low", "win_rate_high")
RANK = ("rank_value", "rank_name", "rank_bracket", "leaderboard_rank", "leaderboard_region")


def mart_columns(mart: str, *names: str) -> tuple[Column, ...]:
    """Columns of a mart as its contract declares them.

    Raises:
        KeyError: no contract has this mart or column.
    """
    return tuple(MARTS[mart][name] for name in names)


def joined_columns(mart: str, *names: str) -> tuple[Column, ...]:
    """Columns of an outer join, which are null if there is no matching row.

    Raises:
        KeyError: no contract has this mart or column.
    """
    return tuple(replace(column, nullable=True) for column in mart_columns(mart, *names))


CHARACTER_NAME = joined_columns("dim_characters", "character_name")
