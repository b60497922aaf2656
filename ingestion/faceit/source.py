"""FACEIT as the warehouse sees it: endpoints, the tables they fill, and how an answer becomes rows.

Parsing is pure and never raises for what an answer holds: whatever cannot become a row becomes a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ingestion.faceit import tables
from ingestion.parsing import ABSENT, add, error_message, iso_utc, milliseconds, read_object
from warehouse.decode import decode_rows, page_reject
from warehouse.source import Endpoint, Page, Parsed, Source
from warehouse.tables import Table

__all__ = ["FACTIONS", "GAMES", "MATCH_GAMES", "RANKED_GAMES", "RETIRED_GAMES", "SOURCE"]

#: Games whose profiles are read.
GAMES = ("cs2", "csgo", "dota2")
#: Games whose matches are read; those of dota2 come from OpenDota.
MATCH_GAMES = ("cs2", "csgo")
#: Of these, games that nobody plays any more: FACEIT may stop answering for them.
RETIRED_GAMES = ("csgo",)
#: Games whose rankings are read.
RANKED_GAMES = ("cs2", "dota2")
#: The two sides of a match.
FACTIONS = ("faction1", "faction2")


def _parse_one(table: Table) -> Callable[[Page], Parsed]:
    """A parser for one record."""

    def parse(page: Page) -> Parsed:
        record = read_object(table, page)
        return record if isinstance(record, Parsed) else decode_rows(table, [record], page.params)

    return parse


def _parse_items(table: Table) -> Callable[[Page], Parsed]:
    """A parser for `{items: [...]}` of records of one table."""

    def parse(page: Page) -> Parsed:
        items = _read_items(table, page)
        return items if isinstance(items, Parsed) else decode_rows(table, items, page.params)

    return parse


def _parse_player(page: Page) -> Parsed:
    """A profile, the accounts in its games, and as observations of their own the elos that it shows.

    `null` is the answer for somebody whom FACEIT does not show; a stored profile stays as it is.
    """
    if page.status == 200 and page.body.strip() == b"null":
        return decode_rows(tables.PLAYERS, [], page.params)
    record = read_object(tables.PLAYERS, page)
    if isinstance(record, Parsed):
        return record
    player_id = record.get("player_id")
    # Asked by nickname or by an account in a game, the answer alone tells the id.
    if player_id != page.params.get("player_id", player_id):
        reason = "the answer is about another player"
        return Parsed(rejects=[page_reject(tables.PLAYERS, page.body, reason, "$.player_id")])
    params = {**page.params, "observed_at": iso_utc(page.observed_at), "seen_in": "profile"}
    parsed = decode_rows(tables.PLAYERS, [record], params)
    games = record.get("games")
    played = [
        {"player_id": player_id, "game": game, **profile}
        for game, profile in (games.items() if isinstance(games, Mapping) else ())
        if isinstance(profile, Mapping)
    ]
    add(parsed, decode_rows(tables.PLAYER_GAMES, played, params))
    # That a game is not there, or no longer, is an observation of its elo as well.
    missing = [
        {"player_id": player_id, "game": game}
        for game in GAMES
        if isinstance(games, Mapping) and games.get(game) is None
    ]
    add(parsed, decode_rows(tables.PLAYER_ELOS, [*played, *missing], params))
    return parsed


def _parse_history(page: Page) -> Parsed:
    """The matches of a player's history, and everybody in them; a 404 means that there are none."""
    if page.status == 404:
        return decode_rows(tables.HISTORY_MATCHES, [], page.params)
    items = _read_items(tables.HISTORY_MATCHES, page)
    if isinstance(items, Parsed):
        return items
    parsed = decode_rows(tables.HISTORY_MATCHES, items, page.params)
    players = [
        {**player, **_match_of(match), "faction": faction, "team_id": team_id, "team_nickname": name}
        for match in _mappings(items)
        for faction, team in _factions(match)
        for team_id, name in [(_first(team, "team_id", "faction_id"), _first(team, "nickname", "name"))]
        for player in _mappings(team.get("players"))
    ]
    add(parsed, decode_rows(tables.HISTORY_PLAYERS, players, page.params))
    return parsed


def _parse_player_match_stats(page: Page) -> Parsed:
    """A player's statistics, one record a map; a 404 means that there are none."""
    if page.status in ABSENT:
        return decode_rows(tables.PLAYER_MATCH_STATS, [], page.params)
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
                    # Records as of 2024 lack the end; they were made right after it.
                    "finished_at": stats.get("Match Finished At", milliseconds(stats.get("Created At"))),
                    "stats": stats,
                }
            )
        else:
            records.append(item)
    return decode_rows(tables.PLAYER_MATCH_STATS, records, page.params)


def _parse_match(page: Page) -> Parsed:
    """A match; or, for a 404, the fact that FACEIT does not know it."""
    if page.status in ABSENT:
        return _absence(page, "match")
    record = read_object(tables.MATCHES, page)
    if isinstance(record, Parsed):
        return record
    if record.get("match_id") != page.params.get("match_id"):
        reason = "the answer is about another match"
        return Parsed(rejects=[page_reject(tables.MATCHES, page.body, reason, "$.match_id")])
    return _matches([record], page)


def _parse_matches(page: Page) -> Parsed:
    """The matches of a hub or championship."""
    items = _read_items(tables.MATCHES, page)
    return items if isinstance(items, Parsed) else _matches(items, page)


def _matches(records: Sequence[Any], page: Page) -> Parsed:
    """Matches, their sides, and the rosters of these."""
    parsed = decode_rows(tables.MATCHES, records, page.params)
    factions, rosters = [], []
    for match in _mappings(records):
        for faction, team in _factions(match):
            place = {**_match_of(match), "faction": faction}
            named_as = {"faction_id": _first(team, "faction_id", "team_id"), "name": _first(team, "name", "nickname")}
            factions.append({**team, **named_as, **place})
            named: set[Any] = set()
            for part in ("roster", "substitutes"):
                for player in _mappings(team.get(part)):
                    # Whoever was substituted in stands in both.
                    if player.get("player_id") not in named:
                        named.add(player.get("player_id"))
                        rosters.append({**player, **place, "is_substitute": part == "substitutes"})
    add(parsed, decode_rows(tables.MATCH_FACTIONS, factions, page.params))
    add(parsed, decode_rows(tables.MATCH_ROSTERS, rosters, page.params))
    return parsed


def _parse_match_stats(page: Page) -> Parsed:
    """A match's statistics by map, side and player; or, for a 404, the fact that there are none."""
    if page.status in ABSENT:
        return _absence(page, "stats")
    record = read_object(tables.MATCH_ROUNDS, page)
    if isinstance(record, Parsed):
        return record
    rounds = record.get("rounds")
    if not isinstance(rounds, list):
        return Parsed(rejects=[page_reject(tables.MATCH_ROUNDS, page.body, "no list of rounds", "$.rounds")])
    if any(one.get("match_id") != page.params.get("match_id") for one in _mappings(rounds)):
        reason = "the answer is about another match"
        return Parsed(rejects=[page_reject(tables.MATCH_ROUNDS, page.body, reason, "$.rounds.match_id")])
    parsed = decode_rows(tables.MATCH_ROUNDS, rounds, page.params)
    teams, players = [], []
    for one in _mappings(rounds):
        place = {**_match_of(one), "match_round": one.get("match_round")}
        for team in _mappings(one.get("teams")):
            teams.append({**team, **place})
            players += [
                {**player, **place, "team_id": team.get("team_id")} for player in _mappings(team.get("players"))
            ]
    add(parsed, decode_rows(tables.MATCH_ROUND_TEAMS, teams, page.params))
    add(parsed, decode_rows(tables.MATCH_ROUND_PLAYERS, players, page.params))
    return parsed


def _parse_player_stats(page: Page) -> Parsed:
    """A player's lifetime totals, and those of each segment; a 404 means that there are none."""
    if page.status in ABSENT:
        return decode_rows(tables.PLAYER_STATS, [], page.params)
    record = read_object(tables.PLAYER_STATS, page)
    if isinstance(record, Parsed):
        return record
    parsed = decode_rows(tables.PLAYER_STATS, [record], page.params)
    place = {name: record.get(name) for name in ("player_id", "game_id")}
    segments = [{**segment, **place} for segment in _mappings(record.get("segments"))]
    add(parsed, decode_rows(tables.PLAYER_SEGMENTS, segments, page.params))
    return parsed


def _parse_ranking(page: Page) -> Parsed:
    """Places of a ranking, and as observations of their own the elos that it shows; a 404 means that there is none."""
    if page.status in ABSENT:
        return decode_rows(tables.RANKINGS, [], page.params)
    items = _read_items(tables.RANKINGS, page)
    if isinstance(items, Parsed):
        return items
    params = {**page.params, "observed_at": iso_utc(page.observed_at), "seen_in": "ranking"}
    parsed = decode_rows(tables.RANKINGS, items, params)
    shown = [
        {
            **place,
            "game": params.get("game_id"),
            "region": params.get("region"),
            "skill_level": place.get("game_skill_level"),
        }
        for place in _mappings(items)
    ]
    add(parsed, decode_rows(tables.PLAYER_ELOS, shown, params))
    return parsed


def _absence(page: Page, part: str) -> Parsed:
    return decode_rows(tables.MATCH_ABSENCES, [{"error": error_message(page.body)}], {**page.params, "part": part})


def _read_items(table: Table, page: Page) -> list[Any] | Parsed:
    """The records of a list answer, or a `Parsed` with one reject."""
    if page.status == 400:
        return []  # a walk that asked beyond the largest offset has come to the end
    record = read_object(table, page)
    if isinstance(record, Parsed):
        return record
    items = record.get("items")
    if isinstance(items, list):
        return items
    return Parsed(rejects=[page_reject(table, page.body, "no list of items", "$.items")])


def _mappings(records: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of what should be a list of objects."""
    if isinstance(records, list):
        yield from (record for record in records if isinstance(record, Mapping))


def _factions(match: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The sides of a match by name."""
    teams = match.get("teams")
    for faction in FACTIONS:
        team = teams.get(faction) if isinstance(teams, Mapping) else None
        if isinstance(team, Mapping):
            yield faction, team


def _first(team: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that holds something: histories and details name a side's team by different ones."""
    return next((team[name] for name in names if team.get(name) not in (None, "")), None)


def _match_of(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"match_id": record.get("match_id")}


_OF_MATCH = (tables.MATCHES, tables.MATCH_FACTIONS, tables.MATCH_ROSTERS)
_OF_STATS = (tables.MATCH_ROUNDS, tables.MATCH_ROUND_TEAMS, tables.MATCH_ROUND_PLAYERS)

_ENDPOINTS = (
    Endpoint("player", (tables.PLAYERS, tables.PLAYER_GAMES, tables.PLAYER_ELOS), _parse_player),
    Endpoint("player_history", (tables.HISTORY_MATCHES, tables.HISTORY_PLAYERS), _parse_history),
    Endpoint("player_match_stats", (tables.PLAYER_MATCH_STATS,), _parse_player_match_stats),
    Endpoint("player_stats", (tables.PLAYER_STATS, tables.PLAYER_SEGMENTS), _parse_player_stats),
    Endpoint("player_bans", (tables.PLAYER_BANS,), _parse_items(tables.PLAYER_BANS)),
    Endpoint("match", (*_OF_MATCH, tables.MATCH_ABSENCES), _parse_match),
    Endpoint("match_stats", (*_OF_STATS, tables.MATCH_ABSENCES), _parse_match_stats),
    Endpoint("ranking", (tables.RANKINGS, tables.PLAYER_ELOS), _parse_ranking),
    Endpoint("hub", (tables.HUBS,), _parse_one(tables.HUBS)),
    Endpoint("hub_matches", _OF_MATCH, _parse_matches),
    Endpoint("hub_members", (tables.HUB_MEMBERS,), _parse_items(tables.HUB_MEMBERS)),
    Endpoint("championship", (tables.CHAMPIONSHIPS,), _parse_one(tables.CHAMPIONSHIPS)),
    Endpoint("championship_matches", _OF_MATCH, _parse_matches),
)

SOURCE = Source(name="faceit", endpoints={endpoint.name: endpoint for endpoint in _ENDPOINTS})
