"""Selection for FACEIT: the format of its ids, its tracked entities, and the games that players play."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingestion.sources.faceit.source import RETIRED_GAMES, SOURCE
from ingestion.sync.selection import SelectionContext, TrackedEntities

__all__ = ["KINDS", "is_id", "players_of_game", "stalest_first", "tracked_ids"]

#: Kinds of entities that can be tracked.
KINDS = ("player", "match", "hub", "championship")

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
#: A match id may begin with the number of the region's servers.
_IDS = {"match": re.compile(rf"(\d+-)?{_UUID}")}
_ANY_ID = re.compile(_UUID)


def is_id(kind: str, text: str) -> bool:
    """Whether a text can be FACEIT's id of a player, match, hub or championship."""
    return _IDS.get(kind, _ANY_ID).fullmatch(text) is not None


def players_of_game(context: SelectionContext, ids: Sequence[str], game: str) -> set[str]:
    """The players who play a game by their profiles; for a current game also players without a stored profile."""
    rows = context.connection.execute(
        "SELECT player_id FROM unnest(%s::text[]) AS wanted (player_id) WHERE EXISTS (SELECT FROM "
        "staging_faceit.player_games AS games WHERE games.player_id = wanted.player_id AND games.game = %s) "
        "OR (%s AND NOT EXISTS (SELECT FROM staging_faceit.players AS known WHERE known.player_id = wanted.player_id))",
        [list(ids), game, game not in RETIRED_GAMES],
    )
    return {player_id for (player_id,) in rows}


_TRACKED = TrackedEntities(SOURCE.name, "FACEIT", is_id, "UUIDs")
tracked_ids = _TRACKED.ids
stalest_first = _TRACKED.stalest_first
