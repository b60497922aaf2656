"""Short sample responses of both sources, and unexpected values to put into them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE as OPENDOTA
from tests.dbt import faceit_payloads
from tests.dbt.project import match_details, match_row
from warehouse.model.source import Page, Parsed, Source
from warehouse.model.tables import Table

__all__ = [
    "MISSING",
    "SAMPLE_RESPONSES",
    "SampleResponse",
    "unexpected_effects",
    "unexpected_values",
    "value_paths",
    "with_value",
]

MISSING = object()
_OBSERVED_AT = datetime(2026, 3, 1, tzinfo=UTC)

#: Structural keys of a response: a change of their values may remove rows.
_STRUCTURE = {
    "faction1",
    "faction2",
    "games",
    "cs2",
    "items",
    "players",
    "profile",
    "roster",
    "rounds",
    "segments",
    "stats",
    "teams",
}
#: Columns that are read from fields with another name.
_READ_FROM: dict[str, frozenset[str]] = {
    "faction": frozenset(("faction1", "faction2")),
    "finished_at": frozenset(("Match Finished At",)),
    "game": frozenset(("Game",)),
    "match_id": frozenset(("Match Id",)),
    "match_round": frozenset(("Match Round",)),
    "player_id": frozenset(("Player Id",)),
    "team_nickname": frozenset(("nickname",)),
    "winner": frozenset(("faction_id", "name", "nickname", "team_id")),
    "skill_level": frozenset(("game_skill_level",)),
    "detailed_results": frozenset(("faction_id", "name", "nickname", "team_id")),
}


@dataclass(frozen=True)
class SampleResponse:
    """A sample response of a source, with the parameters of its request."""

    source: Source
    endpoint: str
    body: Any
    params: Mapping[str, Any] = field(default_factory=dict)

    def page(self, body: Any) -> Page:
        """The response as a page with another body."""
        raw = json.dumps(body).encode()
        return Page(self.endpoint, f"/{self.endpoint}", self.params, 200, _OBSERVED_AT, raw)

    def parse(self, body: Any) -> Parsed:
        """Parse the response with another body."""
        return self.source.endpoints[self.endpoint].parse(self.page(body))

    def __str__(self) -> str:
        """`source/endpoint`."""
        return f"{self.source.name}/{self.endpoint}"


def _dota_match(match_id: int) -> dict[str, Any]:
    return match_details(
        match_id,
        {0: 7, 1: None, 128: 8, 129: 9},
        picks_bans=[{"is_pick": True, "hero_id": 5, "team": 0, "order": 1}],
        patch=58,
        leagueid=3,
        radiant_team_id=10,
        dire_team_id=20,
        radiant_name="Ten",
        dire_name="Twenty",
    )


def _team_match(match_id: int) -> dict[str, Any]:
    teams = {"radiant_team_id": 10, "radiant_name": "Ten", "dire_team_id": 20, "dire_name": "Twenty", "leagueid": 3}
    return {"match_id": match_id, "start_time": 1767225600, "duration": 2000, "radiant_win": True, **teams}


SAMPLE_RESPONSES = (
    SampleResponse(
        OPENDOTA,
        "player",
        {
            "profile": {"account_id": 7, "personaname": "seven", "plus": True, "steamid": "76561197960265735"},
            "rank_tier": 53,
            "leaderboard_rank": None,
            "computed_mmr": 3000.5,
            "mmr_estimate": {"estimate": 3000},
        },
        {"account_id": 7},
    ),
    SampleResponse(OPENDOTA, "player_matches", [match_row(1), match_row(2, 128), match_row(3)], {"account_id": 7}),
    SampleResponse(
        OPENDOTA,
        "player_ratings",
        [{"time": "2025-12-01T00:00:00.000Z", "rank_tier": 52}, {"time": "2025-12-02T00:00:00.000Z", "rank_tier": 53}],
        {"account_id": 7},
    ),
    SampleResponse(
        OPENDOTA,
        "player_heroes",
        [{"hero_id": 1, "last_played": 1767225600, "games": 40, "win": 26}, {"hero_id": "2", "games": 1, "win": 0}],
        {"account_id": 7},
    ),
    SampleResponse(OPENDOTA, "match", _dota_match(130), {"match_id": 130}),
    SampleResponse(OPENDOTA, "pro_matches", [_team_match(900), _team_match(901)]),
    SampleResponse(
        OPENDOTA,
        "public_matches",
        [{"match_id": 5, "radiant_win": True, "start_time": 1767225600, "radiant_team": [1, 2], "dire_team": "3,4"}],
    ),
    SampleResponse(OPENDOTA, "league_matches", [_team_match(900)], {"league_id": 3}),
    SampleResponse(
        OPENDOTA,
        "team_matches",
        [{"match_id": 900, "radiant": True, "radiant_win": True, "start_time": 1767225600, "opposing_team_id": 20}],
        {"team_id": 10},
    ),
    SampleResponse(
        OPENDOTA,
        "teams",
        [{"team_id": 10, "rating": 1200.5, "wins": 3, "losses": 1, "last_match_time": 1767225600, "name": "Ten"}],
    ),
    SampleResponse(OPENDOTA, "leagues", [{"leagueid": 3, "name": "Three", "tier": "premium"}]),
    SampleResponse(OPENDOTA, "hero_stats", [{"id": 1, "localized_name": "One", "roles": ["Carry"], "pro_pick": 3}]),
    SampleResponse(OPENDOTA, "constants", {"1": {"id": 1, "name": "one"}, "2": {"id": 2}}, {"resource": "heroes"}),
    SampleResponse(
        FACEIT,
        "player",
        faceit_payloads.profile("p1", "76561197960265735", cs2={"faceit_elo": 1500, "skill_level": 7, "region": "EU"}),
        {"player_id": "p1"},
    ),
    SampleResponse(
        FACEIT,
        "player_history",
        {"items": [faceit_payloads.history(1), faceit_payloads.history(2)], "start": 0, "end": 2},
        {"player_id": "p1", "game": "cs2"},
    ),
    SampleResponse(
        FACEIT,
        "player_match_stats",
        {"items": [faceit_payloads.listed(1, **{"Match Finished At": 1767225600000}), faceit_payloads.listed(2)]},
        {"player_id": "p1", "game": "cs2"},
    ),
    SampleResponse(
        FACEIT,
        "player_stats",
        {
            "player_id": "p1",
            "game_id": "cs2",
            "lifetime": {"Matches": "3"},
            "segments": [{"type": "Map", "mode": "5v5", "label": "Mirage", "stats": {"Matches": "3"}}],
        },
        {"player_id": "p1", "game": "cs2"},
    ),
    SampleResponse(FACEIT, "match", faceit_payloads.details(1), {"match_id": "f1"}),
    SampleResponse(FACEIT, "match_stats", faceit_payloads.match_statistics(1), {"match_id": "f1"}),
    SampleResponse(
        FACEIT, "hub_matches", {"items": [faceit_payloads.details(1), faceit_payloads.details(2)]}, {"hub_id": "h"}
    ),
    SampleResponse(
        FACEIT,
        "ranking",
        {"items": [{"player_id": "p1", "nickname": "P1", "country": "de", "position": 1, "faceit_elo": 3000}]},
        {"game_id": "cs2", "region": "EU"},
    ),
    SampleResponse(
        FACEIT,
        "player_bans",
        {"items": [{"user_id": "p1", "type": "smurf", "starts_at": "2025-12-01T00:00:00.000Z", "reason": "x"}]},
        {"player_id": "p1"},
    ),
)

#: Replacements of a value: missing, another type, out of every column's range, invalid characters, or any JSON.
unexpected_values = st.one_of(
    st.just(MISSING),
    st.none(),
    st.booleans(),
    st.sampled_from(["seven", "", "\x00", "cut \ud83d", "\ude00", "\U0001f600" * 1000, "faction1", "null", "0x10"]),
    st.sampled_from([2.5, -0.0, 3.0, 1e308, 10**9, 2**31, 2**32, 2**63, -(2**63), 10**30, float("inf"), float("nan")]),
    st.sampled_from([0, -1, 4102444800, 1767225600000, 9 * 10**18, [], {}, [1], {"a": 1}]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
)

ValuePath = tuple[str | int, ...]


def value_paths(body: Any, path: ValuePath = ()) -> Iterator[ValuePath]:
    """Paths of all values within a response, without the empty path."""
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from value_paths(value, (*path, key))


def with_value(body: Any, path: ValuePath, value: Any) -> Any:
    """A copy of a response with another value at one path."""
    copied = copy.deepcopy(body)
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    if value is MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return copied


def unexpected_effects(response: SampleResponse, path: ValuePath, value: Any) -> list[str]:
    """Effects of changing one value that are not allowed; an empty list if there are none.

    A row may only be lost because of its key or its result, no other column may change, and a lost value must be
    counted with its path.
    """
    before, after = response.parse(response.body), response.parse(with_value(response.body, path, value))
    names = {key for key in path if isinstance(key, str)}
    last = next((key for key in reversed(path) if isinstance(key, str)), None)
    wrong = []
    for table in response.source.endpoints[response.endpoint].tables:
        old, new = _rows(table, before), _rows(table, after)
        lost = sum(map(len, old.values())) - sum(map(len, new.values()))
        if lost > 0 and not (_may_remove_rows(table, last) or _is_whole_record(path)):
            wrong.append(f"{table.name}: {lost} rows lost")
        if lost > 0 and not (
            after.rejects or after.field_rejects or value is MISSING or value is None or isinstance(value, dict | list)
        ):
            wrong.append(f"{table.name}: rows lost without a reject")
        for key in old.keys() & new.keys():
            if len(old[key]) == len(new[key]) == 1:
                wrong += _changes(table, old[key][0], new[key][0], names, value, after)
    return wrong


def _rows(table: Table, parsed: Parsed) -> dict[Any, list[dict[str, Any]]]:
    """Rows of a table by key."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for row in parsed.frames[table.name].to_dicts() if table.name in parsed.frames else []:
        found.setdefault(tuple(row[name] for name in table.key), []).append(row)
    return found


def _may_remove_rows(table: Table, name: str | None) -> bool:
    needed = {
        key
        for column in table.columns
        if column.name in table.key or column.is_required or column.decides_result
        for key in (*column.record_path, *_READ_FROM.get(column.name, ()))
    }
    return name in needed | _STRUCTURE


def _is_whole_record(path: ValuePath) -> bool:
    return isinstance(path[-1], int) or len(path) == 1


def _changes(
    table: Table, old: dict[str, Any], new: dict[str, Any], names: set[str], value: Any, parsed: Parsed
) -> list[str]:
    wrong = []
    for column in table.columns:
        if old[column.name] == new[column.name]:
            continue
        sources = {*column.record_path, *_READ_FROM.get(column.name, ())}
        is_of_constant = table.name == "constants"
        if not sources & names and not _STRUCTURE & names and not is_of_constant:
            wrong.append(f"{table.name}.{column.name} changed from {old[column.name]!r} to {new[column.name]!r}")
        is_lost = new[column.name] is None and value is not MISSING and value is not None
        counted = [field_reject.field_path for field_reject in parsed.field_rejects if field_reject.table == table.name]
        path = "$." + ".".join(column.record_path)
        is_zero = column.time is not None and column.time.is_zero_null and type(value) is int and value == 0
        is_elsewhere = is_of_constant or (isinstance(value, dict | list) and column.record_path[-1] not in names)
        is_none = is_zero or is_elsewhere or (value == "" and column.is_lenient)
        if is_lost and not is_none and not any(path.startswith(each) for each in counted):
            wrong.append(f"{table.name}.{column.name} became null and was not counted ({counted})")
    return wrong
