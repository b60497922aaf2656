"""The source OpenDota: its endpoints, the tables they fill, and the parsing of responses into rows.

Parsing is pure and raises no exception for bad data: a record that cannot become a row becomes a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingestion.parsing import (
    ABSENT_STATUSES,
    add_parsed,
    error_message,
    is_same_id,
    iso_utc,
    read_body,
    read_object,
    to_rows,
)
from ingestion.sources.opendota import tables
from ingestion.sources.opendota.slots import with_slot, with_slots
from warehouse.model.source import Endpoint, Page, Parsed, Source
from warehouse.model.tables import Table
from warehouse.staging.decode import decode_records, page_reject

__all__ = ["CONSTANT_RESOURCES", "SOURCE"]

#: Resources of `/constants/{resource}` that the marts need.
CONSTANT_RESOURCES = ("heroes", "game_mode", "lobby_type", "patch", "region")

#: Chat messages of a match, which are not stored.
_CHAT_FIELDS = frozenset(("chat", "all_word_counts", "my_word_counts"))

#: Personal fields that no table needs.
_PERSONAL_FIELDS = frozenset(
    [
        "aliases",
        "avatar",
        "avatarmedium",
        "cheese",
        "is_contributor",
        "is_subscriber",
        "last_login",
        "steam_account",
    ]
)

_RANK_FIELDS = frozenset(column.record_path[0] for column in tables.PLAYER_RANKS.columns) - {
    "account_id",
    "observed_at",
}


def _parse_list(table: Table) -> Callable[[Page], Parsed]:
    """A parser for a JSON array of records of one table."""

    def parse(page: Page) -> Parsed:
        if page.status != 200:
            return Parsed(rejects=[page_reject(table, page.body, f"status {page.status}")])
        return decode_records(
            table,
            page.body,
            page.params,
            observed_at=page.observed_at,
            normalise=with_slot if table is tables.PLAYER_MATCHES else None,
        )

    return parse


def _parse_one(table: Table) -> Callable[[Page], Parsed]:
    """A parser for one record; an empty body, as for an unknown league, has no record."""

    def parse(page: Page) -> Parsed:
        if page.status == 200 and not page.body.strip():
            return to_rows(table, [], page)
        record = read_object(table, page)
        if isinstance(record, Parsed):
            return record
        return to_rows(table, [record], page)

    return parse


def _parse_player(page: Page) -> Parsed:
    """Parse a profile, and its rank as a separate observation.

    A response about another account is rejected as a whole. A response without a profile (`null`, or a rank beside a
    missing profile) means that OpenDota does not know or does not show the player; a stored profile is kept.
    """
    if page.status == 200 and page.body.strip() == b"null":
        return to_rows(tables.PLAYERS, [], page)
    record = read_object(tables.PLAYERS, page)
    if isinstance(record, Parsed):
        return record
    observed_at = iso_utc(page.observed_at)
    profile = record.get("profile")
    if isinstance(profile, dict):
        requested = page.params.get("account_id")
        sent = profile.get("account_id")
        if sent is not None and not is_same_id(sent, requested):
            return Parsed(rejects=[page_reject(tables.PLAYERS, page.body, "the response is about another account")])
        parsed = to_rows(tables.PLAYERS, [record], page)
    elif profile is None and (record.keys() & {"profile", *_RANK_FIELDS}):
        parsed = to_rows(tables.PLAYERS, [], page)
    else:
        parsed = Parsed(rejects=[page_reject(tables.PLAYERS, page.body, "no profile", "$.profile")])
    if record.keys() & _RANK_FIELDS:
        add_parsed(parsed, to_rows(tables.PLAYER_RANKS, [record], page, observed_at=observed_at))
    return parsed


def _parse_totals(page: Page) -> Parsed:
    """Parse a player's wins and losses; an empty list, as for a private history, or `null` has no row."""
    if page.status == 200 and page.body.strip() in (b"[]", b"null"):
        return to_rows(tables.PLAYER_TOTALS, [], page)
    record = read_object(tables.PLAYER_TOTALS, page)
    return record if isinstance(record, Parsed) else to_rows(tables.PLAYER_TOTALS, [record], page)


def _parse_match(page: Page) -> Parsed:
    """Parse a match and its players; a 404 or 410 becomes an absence."""
    if page.status in ABSENT_STATUSES:
        return to_rows(tables.MATCH_ABSENCES, [{"error": error_message(page.body)}], page)
    record = read_object(tables.MATCHES, page)
    if isinstance(record, Parsed):
        return record
    if not is_same_id(record.get("match_id"), page.params.get("match_id")):
        reason = "the response is about another match"
        return Parsed(rejects=[page_reject(tables.MATCHES, page.body, reason, "$.match_id")])
    parsed = to_rows(tables.MATCHES, [record], page)
    players = record.get("players")
    if isinstance(players, list):
        add_parsed(parsed, to_rows(tables.MATCH_PLAYERS, with_slots(players), page))
    else:
        parsed.rejects.append(page_reject(tables.MATCH_PLAYERS, page.body, "no list of players", "$.players"))
    return parsed


def _parse_constants(page: Page) -> Parsed:
    """Parse constants: an object keyed by id, or a list whose entries have an id or are in order of their ids."""
    content = read_body(tables.CONSTANTS, page)
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
    return to_rows(tables.CONSTANTS, [{"id": id_, "value": value} for id_, value in entries], page)


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
        Endpoint("player", (tables.PLAYERS, tables.PLAYER_RANKS), _parse_player, excluded_fields=_PERSONAL_FIELDS),
        Endpoint(
            "match",
            (tables.MATCHES, tables.MATCH_PLAYERS, tables.MATCH_ABSENCES),
            _parse_match,
            excluded_fields=_CHAT_FIELDS | _PERSONAL_FIELDS,
        ),
        Endpoint("player_totals", (tables.PLAYER_TOTALS,), _parse_totals),
        Endpoint("team", (tables.TEAMS,), _parse_one(tables.TEAMS)),
        Endpoint("league", (tables.LEAGUES,), _parse_one(tables.LEAGUES)),
        Endpoint("constants", (tables.CONSTANTS,), _parse_constants),
        # A league's matches are rows of OpenDota's own table, which may include the chat.
        *(
            Endpoint(
                name,
                (table,),
                _parse_list(table),
                excluded_fields=_CHAT_FIELDS if name == "league_matches" else frozenset(),
            )
            for name, table in lists.items()
        ),
    )


SOURCE = Source(name="opendota", endpoints={endpoint.name: endpoint for endpoint in _endpoints()})
