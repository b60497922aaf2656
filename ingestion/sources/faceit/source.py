"""The source FACEIT: its endpoints, the tables they fill, and the parsing of responses into rows.

Parsing is pure and raises no exception for bad data: a record that cannot become a row becomes a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingestion.parsing import (
    ABSENT_STATUSES,
    add_parsed,
    count_odd_field,
    epoch_milliseconds,
    error_message,
    is_same_id,
    iso_utc,
    objects_in,
    read_object,
    to_rows,
)
from ingestion.sources.faceit import tables
from ingestion.sources.faceit.sides import FACTIONS, sides_of, with_winner
from warehouse.model.source import Endpoint, Page, Parsed, Source
from warehouse.model.tables import Table
from warehouse.staging.decode import page_reject

__all__ = ["FACTIONS", "GAMES", "MATCH_GAMES", "RANKED_GAMES", "RETIRED_GAMES", "SOURCE"]

#: Games whose profiles are read.
GAMES = ("cs2", "csgo", "dota2")
#: Games whose matches are read; those of dota2 come from OpenDota.
MATCH_GAMES = ("cs2", "csgo")
#: Games of `MATCH_GAMES` that are no longer played; FACEIT may stop serving them.
RETIRED_GAMES = ("csgo",)
#: Games whose rankings are read.
RANKED_GAMES = ("cs2", "dota2")


def _parse_one(table: Table) -> Callable[[Page], Parsed]:
    """A parser for one record."""

    def parse(page: Page) -> Parsed:
        record = read_object(table, page)
        return record if isinstance(record, Parsed) else to_rows(table, [record], page)

    return parse


def _parse_items(table: Table) -> Callable[[Page], Parsed]:
    """A parser for `{items: [...]}` of records of one table."""

    def parse(page: Page) -> Parsed:
        items = _read_items(table, page)
        return items if isinstance(items, Parsed) else to_rows(table, items, page)

    return parse


def _parse_player(page: Page) -> Parsed:
    """Parse a profile, the accounts in its games, and its elos as separate observations.

    `null` means that FACEIT does not show the player; a stored profile is kept.
    """
    if page.status == 200 and page.body.strip() == b"null":
        return to_rows(tables.PLAYERS, [], page)
    record = read_object(tables.PLAYERS, page)
    if isinstance(record, Parsed):
        return record
    player_id = record.get("player_id")
    # A request by nickname or by an account in a game has no id to compare.
    if "player_id" in page.params and not is_same_id(player_id, page.params["player_id"]):
        reason = "the response is about another player"
        return Parsed(rejects=[page_reject(tables.PLAYERS, page.body, reason, "$.player_id")])
    seen = {"observed_at": iso_utc(page.observed_at), "seen_in": "profile"}
    parsed = to_rows(tables.PLAYERS, [record], page)
    games = record.get("games")
    if games is not None and not isinstance(games, Mapping):
        count_odd_field(parsed, tables.PLAYER_GAMES, "$.games", "expected an object", 0)
        games = None
    played = []
    for game, profile in (games or {}).items():
        if isinstance(profile, Mapping):
            played.append({**profile, "player_id": player_id, "game": game})
        elif profile is not None:
            count_odd_field(parsed, tables.PLAYER_GAMES, "$.games[]", "expected an object", 0)
    add_parsed(parsed, to_rows(tables.PLAYER_GAMES, played, page))
    # A missing game is an observation as well: of no elo.
    missing = [
        {"player_id": player_id, "game": game} for game in GAMES if games is not None and games.get(game) is None
    ]
    add_parsed(parsed, to_rows(tables.PLAYER_ELOS, [*played, *missing], page, **seen))
    return parsed


def _parse_history(page: Page) -> Parsed:
    """Parse the matches of a player's history and all their players; a 404 or 410 means that there are none."""
    if page.status in ABSENT_STATUSES:
        return to_rows(tables.HISTORY_MATCHES, [], page)
    items = _read_items(tables.HISTORY_MATCHES, page)
    if isinstance(items, Parsed):
        return items
    parsed = to_rows(tables.HISTORY_MATCHES, [with_winner(item) for item in items], page)
    players = [
        {
            **player,
            **_match_key(match),
            "faction": faction,
            "team_id": _first_present(team, "team_id", "faction_id"),
            "team_nickname": _first_present(team, "nickname", "name"),
        }
        for index, match in _indexed(items)
        for faction, team in sides_of(parsed, tables.HISTORY_PLAYERS, match, index)
        for player in objects_in(
            parsed,
            tables.HISTORY_PLAYERS,
            f"$.teams.{faction}.players",
            _first_present(team, "players", "roster"),
            index,
        )
    ]
    add_parsed(parsed, to_rows(tables.HISTORY_PLAYERS, players, page))
    return parsed


def _parse_player_match_stats(page: Page) -> Parsed:
    """Parse a player's statistics, one record per map; a 404 or 410 means that there are none."""
    if page.status in ABSENT_STATUSES:
        return to_rows(tables.PLAYER_MATCH_STATS, [], page)
    items = _read_items(tables.PLAYER_MATCH_STATS, page)
    if isinstance(items, Parsed):
        return items
    records = []
    for item in items:
        stats = item.get("stats") if isinstance(item, Mapping) else None
        if isinstance(stats, Mapping):
            records.append(
                {
                    "match_id": stats.get("Match Id"),
                    "match_round": stats.get("Match Round", 1),
                    "player_id": stats.get("Player Id", page.params.get("player_id")),
                    "game": stats.get("Game", page.params.get("game")),
                    # Records as of 2024 lack the end of the match; they were created right after it.
                    "finished_at": stats.get("Match Finished At", epoch_milliseconds(stats.get("Created At"))),
                    "stats": stats,
                }
            )
        else:
            records.append(item)
    return to_rows(tables.PLAYER_MATCH_STATS, records, page)


def _parse_match(page: Page) -> Parsed:
    """Parse a match; a 404 or 410 becomes an absence."""
    if page.status in ABSENT_STATUSES:
        return _absence(page, "match")
    record = read_object(tables.MATCHES, page)
    if isinstance(record, Parsed):
        return record
    if not is_same_id(record.get("match_id"), page.params.get("match_id")):
        reason = "the response is about another match"
        return Parsed(rejects=[page_reject(tables.MATCHES, page.body, reason, "$.match_id")])
    return _matches([record], page)


def _parse_matches(page: Page) -> Parsed:
    """Parse the matches of a hub or championship."""
    items = _read_items(tables.MATCHES, page)
    return items if isinstance(items, Parsed) else _matches(items, page)


def _matches(records: Sequence[Any], page: Page) -> Parsed:
    """Rows of matches, their sides and rosters."""
    parsed = to_rows(tables.MATCHES, [with_winner(record) for record in records], page)
    factions, rosters = [], []
    for index, match in _indexed(records):
        for faction, team in sides_of(parsed, tables.MATCH_FACTIONS, match, index):
            place = {**_match_key(match), "faction": faction}
            id_, name = _first_present(team, "faction_id", "team_id"), _first_present(team, "name", "nickname")
            factions.append({**team, **place, "faction_id": id_, "name": name})
            named: set[str] = set()
            for part in ("roster", "substitutes"):
                listed = _first_present(team, "roster", "players") if part == "roster" else team.get(part)
                path = f"$.teams.{faction}.{part}"
                for player in objects_in(parsed, tables.MATCH_ROSTERS, path, listed, index):
                    # A substitute is in both lists. Each player without an id becomes a reject.
                    id_ = player.get("player_id")
                    if id_ is None or str(id_) not in named:
                        named.add(str(id_))
                        rosters.append({**player, **place, "is_substitute": part == "substitutes"})
    add_parsed(parsed, to_rows(tables.MATCH_FACTIONS, factions, page))
    add_parsed(parsed, to_rows(tables.MATCH_ROSTERS, rosters, page))
    return parsed


def _parse_match_stats(page: Page) -> Parsed:
    """Parse a match's statistics by map, side and player; a 404 or 410 becomes an absence."""
    if page.status in ABSENT_STATUSES:
        return _absence(page, "stats")
    record = read_object(tables.MATCH_ROUNDS, page)
    if isinstance(record, Parsed):
        return record
    rounds = record.get("rounds")
    if not isinstance(rounds, list):
        return Parsed(rejects=[page_reject(tables.MATCH_ROUNDS, page.body, "no list of rounds", "$.rounds")])
    if any(not is_same_id(one.get("match_id"), page.params.get("match_id")) for _, one in _indexed(rounds)):
        reason = "the response is about another match"
        return Parsed(rejects=[page_reject(tables.MATCH_ROUNDS, page.body, reason, "$.rounds.match_id")])
    parsed = to_rows(tables.MATCH_ROUNDS, rounds, page)
    teams, players = [], []
    for index, one in _indexed(rounds):
        place = {**_match_key(one), "match_round": one.get("match_round")}
        for team in objects_in(parsed, tables.MATCH_ROUND_TEAMS, "$.teams", one.get("teams"), index):
            teams.append({**team, **place})
            listed = objects_in(parsed, tables.MATCH_ROUND_PLAYERS, "$.teams.players", team.get("players"), index)
            players += [{**player, **place, "team_id": team.get("team_id")} for player in listed]
    add_parsed(parsed, to_rows(tables.MATCH_ROUND_TEAMS, teams, page))
    add_parsed(parsed, to_rows(tables.MATCH_ROUND_PLAYERS, players, page))
    return parsed


def _parse_player_stats(page: Page) -> Parsed:
    """Parse a player's lifetime totals and those of each segment; a 404 or 410 means that there are none."""
    if page.status in ABSENT_STATUSES:
        return to_rows(tables.PLAYER_STATS, [], page)
    record = read_object(tables.PLAYER_STATS, page)
    if isinstance(record, Parsed):
        return record
    parsed = to_rows(tables.PLAYER_STATS, [record], page)
    place = {name: record.get(name) for name in ("player_id", "game_id")}
    listed = objects_in(parsed, tables.PLAYER_SEGMENTS, "$.segments", record.get("segments"), 0)
    add_parsed(parsed, to_rows(tables.PLAYER_SEGMENTS, [{**segment, **place} for segment in listed], page))
    return parsed


def _parse_ranking(page: Page) -> Parsed:
    """Parse a ranking, and its elos as separate observations; a 404 or 410 means that there is none."""
    if page.status in ABSENT_STATUSES:
        return to_rows(tables.RANKINGS, [], page)
    items = _read_items(tables.RANKINGS, page)
    if isinstance(items, Parsed):
        return items
    seen = {"observed_at": iso_utc(page.observed_at), "seen_in": "ranking"}
    parsed = to_rows(tables.RANKINGS, items, page)
    shown = [
        {
            **place,
            "game": page.params.get("game_id"),
            "region": page.params.get("region"),
            "skill_level": place.get("game_skill_level"),
        }
        for _, place in _indexed(items)
    ]
    add_parsed(parsed, to_rows(tables.PLAYER_ELOS, shown, page, **seen))
    return parsed


def _absence(page: Page, part: str) -> Parsed:
    return to_rows(tables.MATCH_ABSENCES, [{"error": error_message(page.body)}], page, part=part)


def _read_items(table: Table, page: Page) -> list[Any] | Parsed:
    """The records of a list response, or a `Parsed` with one reject."""
    if page.status == 400:
        return []  # a request beyond the largest offset: the end of the list
    record = read_object(table, page)
    if isinstance(record, Parsed):
        return record
    items = record.get("items")
    if isinstance(items, list):
        return items
    return Parsed(rejects=[page_reject(table, page.body, "no list of items", "$.items")])


def _indexed(records: Sequence[Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """The objects among records, with their positions; other values become rejects elsewhere."""
    return [(index, record) for index, record in enumerate(records) if isinstance(record, Mapping)]


def _first_present(record: Mapping[str, Any], *names: str) -> Any:
    """The first value under one of several names, by which endpoints differ; an empty text if there is no other."""
    present = [record[name] for name in names if record.get(name) is not None]
    return next((value for value in present if value != ""), present[0] if present else None)


def _match_key(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"match_id": record.get("match_id")}


#: Personal fields of a profile that no table needs.
_PROFILE_PERSONAL_FIELDS = frozenset(
    [
        "bans",
        "cover_featured_image",
        "cover_image",
        "faceit_url",
        "friends_ids",
        "infractions",
        "membership",
        "membership_type",
        "memberships",
        "platforms",
        "settings",
    ]
)
#: Personal fields of players in a list or a match, and the chat room of a match.
_PERSONAL_FIELDS = frozenset(("avatar", "chat_room_id", "faceit_url"))

_MATCH_TABLES = (tables.MATCHES, tables.MATCH_FACTIONS, tables.MATCH_ROSTERS)
_STATISTICS_TABLES = (tables.MATCH_ROUNDS, tables.MATCH_ROUND_TEAMS, tables.MATCH_ROUND_PLAYERS)

_ENDPOINTS = (
    Endpoint(
        "player",
        (tables.PLAYERS, tables.PLAYER_GAMES, tables.PLAYER_ELOS),
        _parse_player,
        excluded_fields=_PROFILE_PERSONAL_FIELDS,
    ),
    Endpoint(
        "player_history",
        (tables.HISTORY_MATCHES, tables.HISTORY_PLAYERS),
        _parse_history,
        excluded_fields=_PERSONAL_FIELDS,
    ),
    Endpoint("player_match_stats", (tables.PLAYER_MATCH_STATS,), _parse_player_match_stats),
    Endpoint("player_stats", (tables.PLAYER_STATS, tables.PLAYER_SEGMENTS), _parse_player_stats),
    Endpoint("player_bans", (tables.PLAYER_BANS,), _parse_items(tables.PLAYER_BANS)),
    Endpoint("match", (*_MATCH_TABLES, tables.MATCH_ABSENCES), _parse_match, excluded_fields=_PERSONAL_FIELDS),
    Endpoint("match_stats", (*_STATISTICS_TABLES, tables.MATCH_ABSENCES), _parse_match_stats),
    Endpoint("ranking", (tables.RANKINGS, tables.PLAYER_ELOS), _parse_ranking, excluded_fields=_PERSONAL_FIELDS),
    Endpoint("hub", (tables.HUBS,), _parse_one(tables.HUBS)),
    Endpoint("hub_matches", _MATCH_TABLES, _parse_matches, excluded_fields=_PERSONAL_FIELDS),
    Endpoint("hub_members", (tables.HUB_MEMBERS,), _parse_items(tables.HUB_MEMBERS), excluded_fields=_PERSONAL_FIELDS),
    Endpoint("championship", (tables.CHAMPIONSHIPS,), _parse_one(tables.CHAMPIONSHIPS)),
    Endpoint("championship_matches", _MATCH_TABLES, _parse_matches, excluded_fields=_PERSONAL_FIELDS),
)

SOURCE = Source(name="faceit", endpoints={endpoint.name: endpoint for endpoint in _ENDPOINTS})
