"""Choosing what to read of FACEIT: what its ids look like, how a nickname is looked up, and who plays what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingestion.choices import Situation, TrackedThings
from ingestion.errors import NotFoundError, UnusableAnswer
from ingestion.faceit.source import RETIRED_GAMES, SOURCE
from ingestion.parsing import read_object
from ingestion.passes import Context
from warehouse.errors import ConfigurationError, UpstreamError
from warehouse.source import Page, Parsed

__all__ = ["KINDS", "MATCH_GAME", "identify", "is_id", "look_up", "players_of", "stalest_first", "tracked_ids"]

#: What can be tracked.
KINDS = ("player", "match", "hub", "championship")
#: The game whose matches are read here; those of dota2 come from OpenDota.
MATCH_GAME = "cs2"

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
#: Matches carry the number of their region's servers before the id.
_IDS = {"match": re.compile(rf"(\d+-)?{_UUID}")}
_FORMS = {"player": "a UUID, a nickname or a Steam id of 64 bits", "match": "1-<UUID>"}
_ANY_ID = re.compile(_UUID)
_NICKNAME = re.compile(r"[A-Za-z0-9_-]{2,20}")
_STEAM_ID = re.compile(r"7656119\d{10}")


def is_id(kind: str, text: str) -> bool:
    """Whether a text can be FACEIT's id of a player, match, hub or championship."""
    return _IDS.get(kind, _ANY_ID).fullmatch(text) is not None


def identify(kind: str, text: str) -> str | None:
    """The id that somebody typed, as FACEIT writes it; None for what can be a player's nickname or Steam id.

    Raises:
        ConfigurationError: it is neither.
    """
    if is_id(kind, text.lower()):
        return text.lower()
    if kind == "player" and _NICKNAME.fullmatch(text):
        return None
    raise ConfigurationError(
        f"{text} is no {kind} id of {SOURCE.name}: ids have the form of {_FORMS.get(kind, 'a UUID')}",
        f"take it from the {kind}'s address on the source's web site",
    )


async def look_up(context: Context, kind: str, name: str) -> str:
    """The id of the player who has a nickname now, or a Steam id of 64 bits.

    Raises:
        UpstreamError: there is none, or the source cannot be read.
    """
    is_account = _STEAM_ID.fullmatch(name) is not None
    query = {"game": MATCH_GAME, "game_player_id": name} if is_account else {"nickname": name}
    what = f"{'Steam id' if is_account else 'nickname'} {name}"
    try:
        answer = await context.client.get("/players", query, budget=context.budget)
    except NotFoundError:
        hint = f"whoever does not play {MATCH_GAME} is found by nickname" if is_account else "mind upper and lower case"
        raise UpstreamError(f"FACEIT knows no player by the {what}", f"{hint}, or take the id") from None
    endpoint = SOURCE.endpoints["player"]
    page = Page(endpoint.name, answer.request, {}, answer.status, answer.observed_at, answer.body)
    record = read_object(endpoint.tables[0], page)
    id_ = None if isinstance(record, Parsed) else record.get("player_id")
    if not isinstance(id_, str) or not is_id(kind, id_):
        raise UnusableAnswer(f"FACEIT's answer for the {what} holds no player id", "take the id")
    return id_


def players_of(situation: Situation, ids: Sequence[str], game: str) -> set[str]:
    """Those of some players who play a game, by their profiles; of a current game also those without a profile yet."""
    rows = situation.connection.execute(
        "SELECT player_id FROM unnest(%s::text[]) AS asked (player_id) WHERE EXISTS (SELECT FROM "
        "staging_faceit.player_games AS games WHERE games.player_id = asked.player_id AND games.game = %s) "
        "OR (%s AND NOT EXISTS (SELECT FROM staging_faceit.players AS known WHERE known.player_id = asked.player_id))",
        [list(ids), game, game not in RETIRED_GAMES],
    )
    return {player_id for (player_id,) in rows}


_TRACKED = TrackedThings(SOURCE.name, "FACEIT", is_id, "UUIDs")
tracked_ids = _TRACKED.ids
stalest_first = _TRACKED.stalest_first
