"""OpenDota as the warehouse sees it: endpoints, the tables they fill, and how an answer becomes rows.

Parsing is pure and never raises for what an answer holds: whatever cannot become a row becomes a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingestion.opendota import tables
from warehouse.decode import decode_records, decode_rows, page_reject
from warehouse.source import Endpoint, Page, Parsed, Source
from warehouse.tables import Table

__all__ = ["CONSTANT_RESOURCES", "SOURCE"]

#: Resources of `/constants/{resource}` that the marts need.
CONSTANT_RESOURCES = ("heroes", "game_mode", "lobby_type", "patch", "region")

#: What people wrote in a match; nobody's business here.
_CHAT = frozenset(("chat", "all_word_counts", "my_word_counts"))

_RANK_FIELDS = frozenset(column.record_path[0] for column in tables.PLAYER_RANKS.columns) - {
    "account_id",
    "observed_at",
}


def _parse_list(table: Table) -> Callable[[Page], Parsed]:
    """A parser for a JSON array of records of one table."""

    def parse(page: Page) -> Parsed:
        if page.status != 200:
            return Parsed(rejects=[page_reject(table, page.body, f"status {page.status}")])
        return decode_records(table, page.body, page.params)

    return parse


def _parse_one(table: Table) -> Callable[[Page], Parsed]:
    """A parser for one record; an empty body, as for an unknown league, is no record."""

    def parse(page: Page) -> Parsed:
        if page.status == 200 and not page.body.strip():
            return decode_rows(table, [], page.params)
        record = _read_object(table, page)
        if isinstance(record, Parsed):
            return record
        return decode_rows(table, [record], page.params)

    return parse


def _parse_player(page: Page) -> Parsed:
    """A profile and, as an observation of its own, the rank it shows.

    An answer about another account is refused whole, and one without a profile leaves the stored profile alone.
    """
    record = _read_object(tables.PLAYERS, page)
    if isinstance(record, Parsed):
        return record
    params = {**page.params, "observed_at": _iso(page.observed_at)}
    profile = record.get("profile")
    if isinstance(profile, dict):
        sent = profile.get("account_id", params.get("account_id"))
        if sent != params.get("account_id"):
            return Parsed(rejects=[page_reject(tables.PLAYERS, page.body, "the answer is about another account")])
        parsed = decode_rows(tables.PLAYERS, [record], params)
    else:
        parsed = Parsed(rejects=[page_reject(tables.PLAYERS, page.body, "no profile", "$.profile")])
    if record.keys() & _RANK_FIELDS:
        _add(parsed, decode_rows(tables.PLAYER_RANKS, [record], params))
    return parsed


def _parse_match(page: Page) -> Parsed:
    """A match and its players; or, for a 404, the fact that OpenDota does not know it."""
    if page.status == 404:
        return decode_rows(tables.MATCH_ABSENCES, [{"error": _error_message(page.body)}], page.params)
    record = _read_object(tables.MATCHES, page)
    if isinstance(record, Parsed):
        return record
    if record.get("match_id") != page.params.get("match_id"):
        reason = "the answer is about another match"
        return Parsed(rejects=[page_reject(tables.MATCHES, page.body, reason, "$.match_id")])
    parsed = decode_rows(tables.MATCHES, [record], page.params)
    players = record.get("players")
    if isinstance(players, list):
        _add(parsed, decode_rows(tables.MATCH_PLAYERS, players, page.params))
    else:
        parsed.rejects.append(page_reject(tables.MATCH_PLAYERS, page.body, "no list of players", "$.players"))
    return parsed


def _parse_constants(page: Page) -> Parsed:
    """Constants, keyed by id: `{"1": ...}`, or a list whose entries carry their id or stand in order."""
    content = _read(tables.CONSTANTS, page)
    if isinstance(content, Parsed):
        return content
    if isinstance(content, dict):
        entries: Sequence[tuple[Any, Any]] = list(content.items())
    elif isinstance(content, list):
        entries = [
            (entry.get("id", index) if isinstance(entry, dict) else index, entry) for index, entry in enumerate(content)
        ]
    else:
        return Parsed(rejects=[page_reject(tables.CONSTANTS, page.body, "expected an object or an array")])
    return decode_rows(tables.CONSTANTS, [{"id": id_, "value": value} for id_, value in entries], page.params)


def _read(table: Table, page: Page) -> Any:
    """The decoded body, or a `Parsed` with one reject where there is none to read."""
    if page.status != 200:
        return Parsed(rejects=[page_reject(table, page.body, f"status {page.status}")])
    try:
        return msgspec.json.decode(page.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Parsed(rejects=[page_reject(table, page.body, f"not JSON: {_first_words(error)}")])


def _read_object(table: Table, page: Page) -> dict[str, Any] | Parsed:
    """The decoded body where it is an object, or a `Parsed` with one reject."""
    content = _read(table, page)
    if isinstance(content, dict | Parsed):
        return content
    return Parsed(rejects=[page_reject(table, page.body, "expected an object")])


def _error_message(body: bytes) -> str | None:
    """The message of an error answer, if it has one."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    message = content.get("error") if isinstance(content, Mapping) else None
    return message.replace("\x00", "") if isinstance(message, str) else None


def _add(parsed: Parsed, more: Parsed) -> None:
    parsed.frames.update(more.frames)
    parsed.rejects.extend(more.rejects)
    parsed.drift.update(more.drift)


def _first_words(error: Exception) -> str:
    return str(error).split(" - at")[0]


def _iso(moment: datetime) -> str:
    """ISO 8601 in UTC, of fixed length, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _endpoints() -> tuple[Endpoint, ...]:
    lists = {
        "player_matches": tables.PLAYER_MATCHES,
        "player_ratings": tables.PLAYER_RATINGS,
        "player_heroes": tables.PLAYER_HEROES,
        "pro_matches": tables.PRO_MATCHES,
        "public_matches": tables.PUBLIC_MATCHES,
        "teams": tables.TEAMS,
        "team_matches": tables.TEAM_MATCHES,
        "leagues": tables.LEAGUES,
        "league_matches": tables.LEAGUE_MATCHES,
        "hero_stats": tables.HERO_STATS,
    }
    return (
        Endpoint("player", (tables.PLAYERS, tables.PLAYER_RANKS), _parse_player),
        Endpoint(
            "match",
            (tables.MATCHES, tables.MATCH_PLAYERS, tables.MATCH_ABSENCES),
            _parse_match,
            never=_CHAT,
        ),
        Endpoint("team", (tables.TEAMS,), _parse_one(tables.TEAMS)),
        Endpoint("league", (tables.LEAGUES,), _parse_one(tables.LEAGUES)),
        Endpoint("constants", (tables.CONSTANTS,), _parse_constants),
        # A league's matches are rows of the service's own table, which may hold the chat.
        *(
            Endpoint(name, (table,), _parse_list(table), never=_CHAT if name == "league_matches" else frozenset())
            for name, table in lists.items()
        ),
    )


SOURCE = Source(name="opendota", endpoints={endpoint.name: endpoint for endpoint in _endpoints()})
