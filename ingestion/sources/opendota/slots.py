"""The slot of a player in records that have side and position instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["with_slot", "with_slots"]

_DIRE = 128
_PLACES = range(5)


def with_slot(record: dict[str, Any]) -> dict[str, Any]:
    """Add the slot to a record that has side and position instead; other records are returned unchanged."""
    place = record.get("team_slot")
    first = _first_slot(record)
    if record.get("player_slot") is not None or first is None or type(place) is not int or place not in _PLACES:
        return record
    return {**record, "player_slot": first + place}


def with_slots(players: Sequence[Any]) -> list[Any]:
    """Add slots to the players of a match; a player with only a side gets the first free position on it."""
    placed = [with_slot(player) if isinstance(player, dict) else player for player in players]
    taken = {str(player.get("player_slot")) for player in placed if isinstance(player, dict)}
    for index, player in enumerate(placed):
        if not isinstance(player, dict) or player.get("player_slot") is not None or player.get("team_slot") is not None:
            continue
        first = _first_slot(player)
        free = [] if first is None else [first + place for place in _PLACES if str(first + place) not in taken]
        if free:
            taken.add(str(free[0]))
            placed[index] = {**player, "player_slot": free[0]}
    return placed


def _first_slot(record: Mapping[str, Any]) -> int | None:
    """The first slot of a record's side; None if it has no side, or contradictory ones."""
    is_radiant, team = record.get("isRadiant"), record.get("team_number")
    sides = {
        0 if is_radiant else _DIRE
        for is_radiant in (is_radiant, team == 0 if type(team) is int and team in (0, 1) else None)
        if isinstance(is_radiant, bool)
    }
    return sides.pop() if len(sides) == 1 else None
