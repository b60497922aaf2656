"""The two sides of a FACEIT match and its winner, in the forms that responses use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.parsing import count_odd_field
from warehouse.model.source import Parsed
from warehouse.model.tables import Table

__all__ = ["FACTIONS", "sides_of", "with_winner"]

#: The two sides of a match.
FACTIONS = ("faction1", "faction2")

#: Fields by which a response may name a side.
_NAMES = ("faction_id", "team_id", "id", "leader", "name", "nickname")
#: Results without a winning side.
_NO_SIDE = ("", "draw", "none", "tie")


def sides_of(
    parsed: Parsed, table: Table, match: Mapping[str, Any], record_index: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The sides of a match by name; any other value in their place is counted as an odd field of the table."""
    teams = match.get("teams")
    if teams is None:
        return
    found = _sides(match)
    if not isinstance(teams, Mapping | list):
        count_odd_field(parsed, table, "$.teams", "expected an object", record_index)
    elif len(found) < len(teams):
        count_odd_field(parsed, table, "$.teams", "expected the sides of a match", record_index)
    yield from found.items()


def with_winner(match: Any) -> Any:
    """The match with the winner of its results as `faction1` or `faction2`.

    A response may name the side by its id or its name, if only one side has it. A value that names no side is kept.
    """
    if not isinstance(match, Mapping):
        return match
    sides = _sides(match)
    normalized = dict(match)
    results = match.get("results")
    if results is not None:
        normalized["results"] = _with_side(results, sides)
    detailed = match.get("detailed_results")
    if isinstance(detailed, list):
        normalized["detailed_results"] = [_with_side(result, sides) for result in detailed]
    return normalized


def _with_side(result: Any, sides: Mapping[str, Mapping[str, Any]]) -> Any:
    """The result of a match or a map, with its winner as `faction1` or `faction2`."""
    if not isinstance(result, Mapping) or not isinstance(result.get("winner"), str | int):
        return result
    side = _side_of(result["winner"], sides)
    return result if side is None else {**result, "winner": side}


def _sides(match: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The sides by name, from an object keyed by name or a list of the two in order."""
    teams = match.get("teams")
    if isinstance(teams, list) and len(teams) == len(FACTIONS):
        teams = dict(zip(FACTIONS, teams, strict=True))
    if not isinstance(teams, Mapping):
        return {}
    named = {str(name).lower(): team for name, team in teams.items()}
    return {faction: named[faction] for faction in FACTIONS if isinstance(named.get(faction), Mapping)}


def _side_of(winner: str | int, sides: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The side that a result names; an empty text for no side, None if it cannot be determined."""
    written = str(winner).strip()
    plain = written.lower().replace(" ", "").replace("_", "")
    if plain in FACTIONS:
        return plain
    if plain in _NO_SIDE:
        return ""
    named = {
        faction
        for faction, team in sides.items()
        if any(str(team[name]) == written for name in _NAMES if team.get(name))
    }
    return named.pop() if len(named) == 1 else None
