"""FACEIT as the warehouse sees it: endpoints, the tables they fill, and how an answer becomes rows.

Parsing is pure and never raises for what an answer holds: whatever cannot become a row becomes a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingestion.parsing import (
    ABSENT,
    add,
    error_message,
    is_same_id,
    iso_utc,
    milliseconds,
    note_odd,
    objects_of,
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
#: Of these, games that are no longer played: FACEIT may stop answering for them.
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
    """A profile, the accounts in its games, and as observations of their own the elos that it shows.

    `null` is the answer for a player whom FACEIT does not show; a stored profile stays as it is.
    """
    if page.status == 200 and page.body.strip() == b"null":
        return to_rows(tables.PLAYERS, [], page)
    record = read_object(tables.PLAYERS, page)
    if isinstance(record, Parsed):
        return record
    player_id = record.get("player_id")
    # Asked by nickname or by an account in a game, the answer alone tells the id.
    if "player_id" in page.params and not is_same_id(player_id, page.params["player_id"]):
        reason = "the answer is about another player"
        return Parsed(rejects=[page_reject(tables.PLAYERS, page.body, reason, "$.player_id")])
    seen = {"observed_at": iso_utc(page.observed_at), "seen_in": "profile"}
    parsed = to_rows(tables.PLAYERS, [record], page)
    games = record.get("games")
    if games is not None and not isinstance(games, Mapping):
        note_odd(parsed, tables.PLAYER_GAMES, "$.games", "expected an object", 0)
        games = None
    played = []
    for game, profile in (games or {}).items():
        if isinstance(profile, Mapping):
            played.append({**profile, "player_id": player_id, "game": game})
        elif profile is not None:
            note_odd(parsed, tables.PLAYER_GAMES, "$.games[]", "expected an object", 0)
    add(parsed, to_rows(tables.PLAYER_GAMES, played, page))
    # That a game is not there, or no longer, is an observation of its elo as well.
    missing = [
        {"player_id": player_id, "game": game} for game in GAMES if games is not None and games.get(game) is None
    ]
    add(parsed, to_rows(tables.PLAYER_ELOS, [*played, *missing], page, **seen))
    return parsed


def _parse_history(page: Page) -> Parsed:
    """The matches of a player's history, and everybody in them; a 404 or 410 means that there are none."""
    if page.status in ABSENT:
        return to_rows(tables.HISTORY_MATCHES, [], page)
    items = _read_items(tables.HISTORY_MATCHES, page)
    if isinstance(items, Parsed):
        return items
    parsed = to_rows(tables.HISTORY_MATCHES, [with_winner(item) for item in items], page)
    players = [
        {
            **player,
            **_match_of(match),
            "faction": faction,
            "team_id": _first(team, "team_id", "faction_id"),
            "team_nickname": _first(team, "nickname", "name"),
        }
        for index, match in _indexed(items)
        for faction, team in sides_of(parsed, tables.HISTORY_PLAYERS, match, index)
        for player in objects_of(
            parsed, tables.HISTORY_PLAYERS, f"$.teams.{faction}.players", _first(team, "players", "roster"), index
        )
    ]
    add(parsed, to_rows(tables.HISTORY_PLAYERS, players, page))
    return parsed


def _parse_player_match_stats(page: Page) -> Parsed:
    """A player's statistics, one record a map; a 404 or 410 means that there are none."""
    if page.status in ABSENT:
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
                    # Records as of 2024 lack the end; they were made right after it.
                    "finished_at": stats.get("Match Finished At", milliseconds(stats.get("Created At"))),
                    "stats": stats,
                }
            )
        else:
            records.append(item)
    return to_rows(tables.PLAYER_MATCH_STATS, records, page)


def _parse_match(page: Page) -> Parsed:
    """A match; or, for a 404 or 410, the fact that FACEIT does not know it."""
    if page.status in ABSENT:
        return _absence(page, "match")
    record = read_object(tables.MATCHES, page)
    if isinstance(record, Parsed):
        return record
    if not is_same_id(record.get("match_id"), page.params.get("match_id")):
        reason = "the answer is about another match"
        return Parsed(rejects=[page_reject(tables.MATCHES, page.body, reason, "$.match_id")])
    return _matches([record], page)


def _parse_matches(page: Page) -> Parsed:
    """The matches of a hub or championship."""
    items = _read_items(tables.MATCHES, page)
    return items if isinstance(items, Parsed) else _matches(items, page)


def _matches(records: Sequence[Any], page: Page) -> Parsed:
    """Matches, their sides, and the rosters of these."""
    parsed = to_rows(tables.MATCHES, [with_winner(record) for record in records], page)
    factions, rosters = [], []
    for index, match in _indexed(records):
        for faction, team in sides_of(parsed, tables.MATCH_FACTIONS, match, index):
            place = {**_match_of(match), "faction": faction}
            id_, name = _first(team, "faction_id", "team_id"), _first(team, "name", "nickname")
            factions.append({**team, **place, "faction_id": id_, "name": name})
            named: set[str] = set()
            for part in ("roster", "substitutes"):
                listed = _first(team, "roster", "players") if part == "roster" else team.get(part)
                path = f"$.teams.{faction}.{part}"
                for player in objects_of(parsed, tables.MATCH_ROSTERS, path, listed, index):
                    # A substitute is in both lists; a player without an id is a reject each time.
                    id_ = player.get("player_id")
                    if id_ is None or str(id_) not in named:
                        named.add(str(id_))
                        rosters.append({**player, **place, "is_substitute": part == "substitutes"})
    add(parsed, to_rows(tables.MATCH_FACTIONS, factions, page))
    add(parsed, to_rows(tables.MATCH_ROSTERS, rosters, page))
    return parsed


def _parse_match_stats(page: Page) -> Parsed:
    """A match's statistics by map, side and player; or, for a 404 or 410, the fact that there are none."""
    if page.status in ABSENT:
        return _absence(page, "stats")
    record = read_object(tables.MATCH_ROUNDS, page)
    if isinstance(record, Parsed):
        return record
    rounds = record.get("rounds")
    if not isinstance(rounds, list):
        return Parsed(rejects=[page_reject(tables.MATCH_ROUNDS, page.body, "no list of rounds", "$.rounds")])
    if any(not is_same_id(one.get("match_id"), page.params.get("match_id")) for _, one in _indexed(rounds)):
        reason = "the answer is about another match"
        return Parsed(rejects=[page_reject(tables.MATCH_ROUNDS, page.body, reason, "$.rounds.match_id")])
    parsed = to_rows(tables.MATCH_ROUNDS, rounds, page)
    teams, players = [], []
    for index, one in _indexed(rounds):
        place = {**_match_of(one), "match_round": one.get("match_round")}
        for team in objects_of(parsed, tables.MATCH_ROUND_TEAMS, "$.teams", one.get("teams"), index):
            teams.append({**team, **place})
            listed = objects_of(parsed, tables.MATCH_ROUND_PLAYERS, "$.teams.players", team.get("players"), index)
            players += [{**player, **place, "team_id": team.get("team_id")} for player in listed]
    add(parsed, to_rows(tables.MATCH_ROUND_TEAMS, teams, page))
    add(parsed, to_rows(tables.MATCH_ROUND_PLAYERS, players, page))
    return parsed


def _parse_player_stats(page: Page) -> Parsed:
    """A player's lifetime totals, and those of each segment; a 404 or 410 means that there are none."""
    if page.status in ABSENT:
        return to_rows(tables.PLAYER_STATS, [], page)
    record = read_object(tables.PLAYER_STATS, page)
    if isinstance(record, Parsed):
        return record
    parsed = to_rows(tables.PLAYER_STATS, [record], page)
    place = {name: record.get(name) for name in ("player_id", "game_id")}
    listed = objects_of(parsed, tables.PLAYER_SEGMENTS, "$.segments", record.get("segments"), 0)
    add(parsed, to_rows(tables.PLAYER_SEGMENTS, [{**segment, **place} for segment in listed], page))
    return parsed


def _parse_ranking(page: Page) -> Parsed:
    """Places of a ranking, and each elo in it as an observation of its own; a 404 or 410 means that there is none."""
    if page.status in ABSENT:
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
    add(parsed, to_rows(tables.PLAYER_ELOS, shown, page, **seen))
    return parsed


def _absence(page: Page, part: str) -> Parsed:
    return to_rows(tables.MATCH_ABSENCES, [{"error": error_message(page.body)}], page, part=part)


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


def _indexed(records: Sequence[Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """The objects among records, with their positions; whatever else is there is a reject of its own."""
    return [(index, record) for index, record in enumerate(records) if isinstance(record, Mapping)]


def _first(record: Mapping[str, Any], *names: str) -> Any:
    """The value under the first of some names, by which endpoints differ; empty text is none."""
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _match_of(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"match_id": record.get("match_id")}


#: What a profile holds of a person and no table needs.
_OF_A_PERSON = frozenset(
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
#: The same of everybody in a list or a match; the chat of a match besides.
_OF_PEOPLE = frozenset(("avatar", "chat_room_id", "faceit_url"))

_OF_MATCH = (tables.MATCHES, tables.MATCH_FACTIONS, tables.MATCH_ROSTERS)
_OF_STATS = (tables.MATCH_ROUNDS, tables.MATCH_ROUND_TEAMS, tables.MATCH_ROUND_PLAYERS)

_ENDPOINTS = (
    Endpoint(
        "player", (tables.PLAYERS, tables.PLAYER_GAMES, tables.PLAYER_ELOS), _parse_player, excluded_fields=_OF_A_PERSON
    ),
    Endpoint(
        "player_history", (tables.HISTORY_MATCHES, tables.HISTORY_PLAYERS), _parse_history, excluded_fields=_OF_PEOPLE
    ),
    Endpoint("player_match_stats", (tables.PLAYER_MATCH_STATS,), _parse_player_match_stats),
    Endpoint("player_stats", (tables.PLAYER_STATS, tables.PLAYER_SEGMENTS), _parse_player_stats),
    Endpoint("player_bans", (tables.PLAYER_BANS,), _parse_items(tables.PLAYER_BANS)),
    Endpoint("match", (*_OF_MATCH, tables.MATCH_ABSENCES), _parse_match, excluded_fields=_OF_PEOPLE),
    Endpoint("match_stats", (*_OF_STATS, tables.MATCH_ABSENCES), _parse_match_stats),
    Endpoint("ranking", (tables.RANKINGS, tables.PLAYER_ELOS), _parse_ranking, excluded_fields=_OF_PEOPLE),
    Endpoint("hub", (tables.HUBS,), _parse_one(tables.HUBS)),
    Endpoint("hub_matches", _OF_MATCH, _parse_matches, excluded_fields=_OF_PEOPLE),
    Endpoint("hub_members", (tables.HUB_MEMBERS,), _parse_items(tables.HUB_MEMBERS), excluded_fields=_OF_PEOPLE),
    Endpoint("championship", (tables.CHAMPIONSHIPS,), _parse_one(tables.CHAMPIONSHIPS)),
    Endpoint("championship_matches", _OF_MATCH, _parse_matches, excluded_fields=_OF_PEOPLE),
)

SOURCE = Source(name="faceit", endpoints={endpoint.name: endpoint for endpoint in _ENDPOINTS})
