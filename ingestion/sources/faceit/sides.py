"""The sides of a FACEIT match, and which of them won, in the ways that answers tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.parsing import count_odd_field
from warehouse.model.source import Parsed
from warehouse.model.tables import Table

__all__ = ["FACTIONS", "sides_of", "with_winner"]

#: The two sides of a match.
FACTIONS = ("faction1", "faction2")

#: Names by which an answer may tell a side.
_NAMES = ("faction_id", "team_id", "id", "leader", "name", "nickname")
#: Results that name no side.
_NO_SIDE = ("", "draw", "none", "tie")


def sides_of(
    parsed: Parsed, table: Table, match: Mapping[str, Any], record_index: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The sides of a match by name; anything else in their place is counted for the table that they fill."""
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
    """A match whose results name the winning side as `faction1` or `faction2`.

    The side may be named by its id or its name, where that is one side's alone. A value that names none stays as it is.
    """
    if not isinstance(match, Mapping):
        return match
    sides = _sides(match)
    mended = dict(match)
    results = match.get("results")
    if results is not None:
        mended["results"] = _with_side(results, sides)
    detailed = match.get("detailed_results")
    if isinstance(detailed, list):
        mended["detailed_results"] = [_with_side(result, sides) for result in detailed]
    return mended


def _with_side(result: Any, sides: Mapping[str, Mapping[str, Any]]) -> Any:
    """The result of a match or of a map of it, with its winner by name."""
    if not isinstance(result, Mapping) or not isinstance(result.get("winner"), str | int):
        return result
    side = _side_of(result["winner"], sides)
    return result if side is None else {**result, "winner": side}


def _sides(match: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The sides by name: an object by their names, or a list of the two in order."""
    teams = match.get("teams")
    if isinstance(teams, list) and len(teams) == len(FACTIONS):
        teams = dict(zip(FACTIONS, teams, strict=True))
    if not isinstance(teams, Mapping):
        return {}
    named = {str(name).lower(): team for name, team in teams.items()}
    return {faction: named[faction] for faction in FACTIONS if isinstance(named.get(faction), Mapping)}


def _side_of(winner: str | int, sides: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The side that a result names; an empty text where it names none, None where it cannot be known."""
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
