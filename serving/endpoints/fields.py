"""Parameters and columns that more than one endpoint has."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Parameter

__all__ = [
    "BRACKETS",
    "CHARACTER",
    "GAMES",
    "GAME_FILTER",
    "INTERVAL",
    "LADDERS",
    "LAST_PLAYED",
    "PLAYER",
    "PLAYER_KNOWN",
    "RECORD",
]

GAMES = ("dota2", "cs2", "csgo")
_MEDALS = ("herald", "guardian", "crusader", "archon", "legend", "ancient", "divine", "immortal")
_LEVELS = tuple(f"level_{level}" for level in range(1, 11))
BRACKETS = (*_MEDALS, *_LEVELS, "unknown")
LADDERS = ("dota2_rank_tier", "dota2_solo_mmr", "dota2_party_mmr", "faceit_elo")

PLAYER = (
    Parameter("game", str, "game", in_path=True, choices=GAMES),
    Parameter("player_id", str, "the source's own id", in_path=True, pattern="^[A-Za-z0-9_-]{1,64}$"),
)
PLAYER_KNOWN = "SELECT EXISTS (SELECT FROM marts.dim_players WHERE game = %(game)s AND player_id = %(player_id)s)"
GAME_FILTER = Parameter("game", str, "game", default="dota2", choices=GAMES)

CHARACTER = (
    Column("character_id", "text", "hero, class and the like; '0' is unknown"),
    Column("character_name", "text", "its name; null for one that the constants do not know", nullable=True),
)
RECORD = (
    Column("matches", "integer", "significant matches with a known result"),
    Column("wins", "integer", "matches won"),
    Column("losses", "integer", "matches lost"),
)
INTERVAL = (
    Column("win_rate", "number", "wins / matches, from 0 to 1", nullable=True),
    Column("win_rate_low", "number", "lower bound of the Wilson 95% interval", nullable=True),
    Column("win_rate_high", "number", "upper bound of the Wilson 95% interval", nullable=True),
)
LAST_PLAYED = Column("last_played_at", "timestamp", "when the last of these matches began", nullable=True)
