"""Short payloads in the form of FACEIT's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.dbt.project import START

__all__ = ["details", "history", "listed", "match_statistics", "profile"]

_SIDES = {"faction1": ("p1", "p2"), "faction2": ("p3", "p4")}


def history(number: int, sides: Mapping[str, Sequence[str]] = _SIDES, **values: Any) -> dict[str, Any]:
    """A match of a player's history: by default finished, p1 and p2 beat p3 and p4; the number sets the day."""
    started_at = int((START + timedelta(days=number % 60)).timestamp())
    match = {
        "match_id": f"f{number}",
        "game_id": "cs2",
        "game_mode": "5v5",
        "status": "finished",
        "started_at": started_at,
        "finished_at": started_at + 2400,
        "playing_players": [player for ids in sides.values() for player in ids],
        "results": {"winner": "faction1", "score": {"faction1": 1, "faction2": 0}},
        "teams": {
            faction: {
                "team_id": f"team of {ids[0]}",
                "nickname": f"team_{ids[0]}",
                "players": [{"player_id": player, "nickname": player.upper(), "skill_level": 5} for player in ids],
            }
            for faction, ids in sides.items()
        },
    }
    return match | values


def listed(number: int, player_id: str = "p1", match_round: int = 1, **values: Any) -> dict[str, Any]:
    """Statistics of a player on a map: by default 20 kills and 10 deaths in 20 rounds on Mirage."""
    stats = {
        "Match Id": f"f{number}",
        "Match Round": str(match_round),
        "Player Id": player_id,
        "Game": "cs2",
        "Map": "de_mirage",
        "Rounds": "20",
        "Kills": "20",
        "Deaths": "10",
        "Double Kills": "0",
        "Triple Kills": "0",
        "Quadro Kills": "0",
        "Penta Kills": "0",
    }
    return {"stats": stats | values}


def details(number: int, **values: Any) -> dict[str, Any]:
    """Details of the match of `history`, between premade teams."""
    listed_match = history(number)
    match = {name: listed_match[name] for name in ("match_id", "status", "started_at", "finished_at", "results")}
    teams = {
        faction: {
            "faction_id": f"team of {ids[0]}",
            "name": f"team_{ids[0]}",
            "type": "premade",
            "roster": [{"player_id": player, "nickname": player.upper(), "game_skill_level": 5} for player in ids],
        }
        for faction, ids in _SIDES.items()
    }
    return match | {"game": "cs2", "best_of": 1, "teams": teams} | values


def match_statistics(number: int, winners: Sequence[str] = ("faction1",)) -> dict[str, Any]:
    """Statistics of the maps of a match, given the winning side of each."""
    rounds = [
        {
            "match_id": f"f{number}",
            "match_round": str(place),
            "game_id": "cs2",
            "game_mode": "5v5",
            "best_of": "1" if len(winners) == 1 else "3",
            "round_stats": {"Map": "de_nuke", "Rounds": "20", "Winner": f"team of {_SIDES[winner][0]}"},
            "teams": [
                {
                    "team_id": f"team of {ids[0]}",
                    "team_stats": {"Final Score": "13" if faction == winner else "7"},
                    "players": [
                        {"player_id": player, "player_stats": {"Kills": "15", "Deaths": "15", "First Kills": "2"}}
                        for player in ids
                    ],
                }
                for faction, ids in _SIDES.items()
            ],
        }
        for place, winner in enumerate(winners, 1)
    ]
    return {"rounds": rounds}


def profile(player_id: str, steam_id_64: str = "", **games: Mapping[str, Any]) -> dict[str, Any]:
    """A profile with accounts and elos by game."""
    return {"player_id": player_id, "nickname": player_id.upper(), "steam_id_64": steam_id_64, "games": dict(games)}
