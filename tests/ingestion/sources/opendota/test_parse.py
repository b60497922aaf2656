"""Any response of OpenDota becomes rows and rejects, and recorded responses become rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.opendota.source import SOURCE
from warehouse.model.source import Page, Parsed

OBSERVED_AT = datetime(2026, 11, 1, 12, 0, 0, 5, tzinfo=UTC)
PARAMS: dict[str, dict[str, Any]] = {
    "player": {"account_id": 7},
    "player_matches": {"account_id": 7},
    "player_ratings": {"account_id": 7},
    "player_heroes": {"account_id": 7},
    "match": {"match_id": 9},
    "team_matches": {"team_id": 3},
    "constants": {"resource": "patch"},
}
LISTS = sorted(set(SOURCE.endpoints) - {"player", "player_totals", "match", "team", "league", "constants"})


def parse(endpoint: str, body: Any, *, status: int = 200, params: dict[str, Any] | None = None) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    known = PARAMS.get(endpoint, {}) if params is None else params
    return SOURCE.endpoints[endpoint].parse(Page(endpoint, "/x", known, status, OBSERVED_AT, raw))


def rows(parsed: Parsed, table: str) -> list[dict[str, Any]]:
    return parsed.frames[table].to_dicts() if table in parsed.frames else []


def count(parsed: Parsed) -> int:
    return sum(frame.height for frame in parsed.frames.values())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
#: Almost valid records: the fields that rows need, sometimes with another value, and unknown fields.
nearly = st.fixed_dictionaries(
    {
        "match_id": st.integers(1, 2**40) | json_values,
        "player_slot": st.sampled_from([0, 4, 128, 132]) | json_values,
        "start_time": st.integers(0, 2**33) | json_values,
    },
    optional=dict.fromkeys(
        ("hero_id", "kills", "time", "team_id", "leagueid", "id", "radiant", "roles", "radiant_team", "new"),
        json_values,
    ),
)


@pytest.mark.parametrize(
    ("endpoint", "table"), [("match", "matches"), ("pro_matches", "pro_matches"), ("league_matches", "league_matches")]
)
def test_teams_and_league_are_read_from_objects(endpoint: str, table: str) -> None:
    team = {"team_id": "9100001", "name": "Alpha"}
    record = {"match_id": 9, "start_time": 1, "radiant_team": team, "dire_team": "?", "league": {"leagueid": 5}}
    parsed = parse(endpoint, record | {"players": []} if endpoint == "match" else [record])
    [row] = rows(parsed, table)
    assert (row["radiant_team__team_id"], row["radiant_team__name"]) == (9100001, "Alpha")
    assert (row["dire_team__team_id"], row["league__leagueid"], row["league__name"]) == (None, 5, None)
    assert not parsed.rejects
    assert not parsed.drift


@pytest.mark.parametrize("endpoint", LISTS)
@given(records=st.lists(nearly | json_values, max_size=5))
def test_each_record_of_a_list_is_a_row_or_a_reject(endpoint: str, records: list[Any]) -> None:
    parsed = parse(endpoint, msgspec.json.encode(records))
    assert count(parsed) + len(parsed.rejects) == len(records)


@pytest.mark.parametrize("endpoint", sorted(SOURCE.endpoints))
@given(content=json_values | nearly, status=st.sampled_from([200, 404, 500]))
def test_any_json_is_parsed_without_an_exception(endpoint: str, content: Any, status: int) -> None:
    assert isinstance(parse(endpoint, msgspec.json.encode(content), status=status), Parsed)


@pytest.mark.parametrize("endpoint", sorted(SOURCE.endpoints))
@given(body=st.binary(max_size=40))
def test_any_bytes_are_parsed_without_an_exception(endpoint: str, body: bytes) -> None:
    assert isinstance(parse(endpoint, body), Parsed)


@pytest.mark.parametrize("endpoint", sorted(SOURCE.endpoints))
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'[{"match_id": 1, "player_slot": 1, "start_time": 1, "new": ' + b"[" * 5_000 + b"]" * 5_000 + b"}]",
        b'[{"match_id": 1, "player_slot": 1, "start_time": 1, "new": "\xff"}]',
        b' [{"match_id":1,"player_slot":1,"start_time":1,"new":{"deep":{"er":[{}]}}}] ',
        b'{"profile": {"account_id": 7, "personaname": "\xc3\x28"}}',
        b"\x00",
        b"",
    ],
    ids=["endless", "deep", "not UTF-8", "nested", "half a character", "NUL", "empty"],
)
def test_hostile_bodies_are_parsed_without_an_exception(endpoint: str, body: bytes) -> None:
    parsed = parse(endpoint, body)
    assert "\x00" not in "".join(reject.record for reject in parsed.rejects)


@given(players=st.lists(nearly | json_values, max_size=12))
def test_a_malformed_player_loses_only_that_player(players: list[Any]) -> None:
    match = {"match_id": 9, "start_time": 1, "players": players}
    parsed = parse("match", msgspec.json.encode(match))
    assert len(rows(parsed, "matches")) == 1
    assert len(rows(parsed, "match_players")) + len(parsed.rejects) == len(players)


@pytest.mark.parametrize(
    ("endpoint", "file", "table", "expected"),
    [
        ("player", "players/101695162.json", "players", 1),
        ("player", "players/101695162.json", "player_ranks", 1),
        ("player_matches", "players/101695162/matches__significant=0.json", "player_matches", 6211),
        (
            "player_matches",
            "players/101695162/matches__limit=1000__project=kills,hero_id,start_time.json",
            "player_matches",
            1000,
        ),
        ("player_ratings", "players/101695162/ratings.json", "player_ratings", 135),
        ("player_heroes", "players/101695162/heroes.json", "player_heroes", 116),
        ("match", "matches/1781962623.json", "match_players", 10),
        ("match", "matches/2472899185.json", "match_players", 10),
        ("match", "matches/3254426673.json", "match_players", 10),
        ("pro_matches", "proMatches.json", "pro_matches", 100),
        ("public_matches", "publicMatches.json", "public_matches", 100),
        ("teams", "teams.json", "teams", 1000),
        ("leagues", "leagues.json", "leagues", 1679),
        ("hero_stats", "heroStats.json", "hero_stats", 116),
        ("hero_stats", "../constants/hero_stats_2026.json", "hero_stats", 127),
        ("constants", "../constants/heroes.json", "constants", 127),
        ("constants", "../constants/game_mode.json", "constants", 26),
        ("constants", "../constants/lobby_type.json", "constants", 16),
        ("constants", "../constants/patch.json", "constants", 61),
        ("constants", "../constants/region.json", "constants", 22),
    ],
)
def test_every_recorded_response_becomes_rows(
    recorded: Path, endpoint: str, file: str, table: str, expected: int
) -> None:
    path = recorded / "opendota" / file
    params: dict[str, Any] = {
        "player": {"account_id": 101695162},
        "match": {"match_id": int(path.stem) if path.stem.isdecimal() else 0},
        "constants": {"resource": path.stem},
    }.get(endpoint, {"account_id": 101695162})
    parsed = parse(endpoint, path.read_bytes(), params=params)
    assert parsed.rejects == []
    assert len(rows(parsed, table)) == expected
    unknown = {
        name for name in parsed.drift if name.partition(".")[2] not in SOURCE.endpoints[endpoint].excluded_fields
    }
    assert unknown == set()


@pytest.mark.parametrize("sent", ["Divine", 7.5, [], 10**30])
def test_a_rank_that_cannot_be_read_is_no_observation_and_leaves_the_profile(sent: Any) -> None:
    parsed = parse("player", {"profile": {"account_id": 7, "personaname": "Ann"}, "rank_tier": sent})
    assert [row["personaname"] for row in rows(parsed, "players")] == ["Ann"]
    rated = parse("player_ratings", [{"time": "2026-01-01T00:00:00.000Z", "rank_tier": sent}])
    assert rows(parsed, "player_ranks") == rows(rated, "player_ratings") == []
    assert [(reject.table, reject.field_path) for reject in (*parsed.rejects, *rated.rejects)] == [
        ("player_ranks", "$.rank_tier"),
        ("player_ratings", "$.rank_tier"),
    ]


def test_a_hero_id_in_text_is_a_number() -> None:
    parsed = parse("player_heroes", [{"hero_id": "86", "games": 3}, {"hero_id": 87, "games": 4}])
    assert [row["hero_id"] for row in rows(parsed, "player_heroes")] == [86, 87]


def test_ratings_of_either_shape_are_rows() -> None:
    parsed = parse(
        "player_ratings",
        [
            {"time": "2026-01-01T00:00:00.000Z", "rank_tier": 55},
            {
                "account_id": 7,
                "match_id": 1,
                "solo_competitive_rank": 6789,
                "competitive_rank": None,
                "time": "2016-02-03T04:05:06.000Z",
            },
        ],
    )
    assert parsed.rejects == []
    assert [(row["rank_tier"], row["solo_competitive_rank"]) for row in rows(parsed, "player_ratings")] == [
        (55, None),
        (None, 6789),
    ]


def test_heroes_of_a_public_match_are_kept_as_sent() -> None:
    parsed = parse(
        "public_matches",
        [
            {"match_id": 1, "start_time": 1, "radiant_team": "91,72", "dire_team": [1, 2]},
            {"match_id": 2, "start_time": 1, "radiant_team": [3], "dire_team": None},
        ],
    )
    assert [(row["radiant_team"], row["dire_team"]) for row in rows(parsed, "public_matches")] == [
        ('"91,72"', "[1,2]"),
        ("[3]", None),
    ]


def test_an_anonymous_player_is_kept_as_sent() -> None:
    players = [{"player_slot": 0, "account_id": 4294967295}, {"player_slot": 1, "account_id": None}, {"player_slot": 2}]
    parsed = parse("match", {"match_id": 9, "start_time": 1, "players": players})
    assert [row["account_id"] for row in rows(parsed, "match_players")] == [4294967295, None, None]


@pytest.mark.parametrize("endpoint", ["player_matches", "player_ratings", "player_heroes"])
def test_a_private_profile_is_no_rows_and_no_reject(endpoint: str) -> None:
    parsed = parse(endpoint, [])
    assert count(parsed) == 0
    assert parsed.rejects == []


@pytest.mark.parametrize("endpoint", ["league", "team"])
def test_an_empty_body_for_an_unknown_league_or_team_is_no_rows_and_no_reject(endpoint: str) -> None:
    parsed = parse(endpoint, b"")
    assert count(parsed) == 0
    assert parsed.rejects == []


def test_constants_are_rows_whether_they_come_as_an_object_or_a_list() -> None:
    as_object = parse("constants", {"1": {"id": 1}, "2": "US WEST"})
    as_list = parse("constants", [{"id": 5, "name": "6.75"}, {"name": "no id"}])
    assert [(row["id"], row["value"]) for row in rows(as_object, "constants")] == [
        ("1", '{"id":1}'),
        ("2", '"US WEST"'),
    ]
    assert [row["id"] for row in rows(as_list, "constants")] == ["5", "1"]


def test_a_profile_is_also_an_observation_of_the_rank_at_its_time() -> None:
    parsed = parse("player", {"profile": {"account_id": 7, "personaname": "a"}, "rank_tier": 80, "leaderboard_rank": 3})
    assert rows(parsed, "players")[0]["personaname"] == "a"
    rank = rows(parsed, "player_ranks")[0]
    assert (rank["account_id"], rank["observed_at"], rank["rank_tier"], rank["leaderboard_rank"]) == (
        7,
        "2026-11-01T12:00:00.000005Z",
        80,
        3,
    )


@pytest.mark.parametrize("body", [None, {"profile": None}, {"profile": None, "rank_tier": None}, {"rank_tier": 11}])
def test_a_response_without_a_profile_is_no_row_and_its_rank_counts(body: Any) -> None:
    parsed = parse("player", body)
    assert parsed.rejects == []
    assert rows(parsed, "players") == []
    shown = [row["rank_tier"] for row in rows(parsed, "player_ranks")]
    assert shown == ([body["rank_tier"]] if body and "rank_tier" in body else [])


@pytest.mark.parametrize("body", [{}, {"error": "x"}, {"profile": []}, {"profile": "a", "rank_tier": 11}])
def test_a_profile_of_another_type_is_a_reject_with_its_path(body: Any) -> None:
    parsed = parse("player", body)
    assert [reject.field_path for reject in parsed.rejects] == ["$.profile"]
    assert rows(parsed, "players") == []


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("player", {"profile": {"account_id": 8}, "rank_tier": 11}),
        ("match", {"match_id": 10, "start_time": 1, "players": [{"player_slot": 1}]}),
    ],
)
def test_a_response_about_another_entity_is_rejected_as_a_whole(endpoint: str, body: Any) -> None:
    parsed = parse(endpoint, body)
    assert count(parsed) == 0
    assert "another" in parsed.rejects[0].reason


@pytest.mark.parametrize("endpoint", ["player", "match", "player_matches", "constants"])
def test_a_page_that_is_rejected_as_a_whole_has_the_position_of_invalid_text(endpoint: str) -> None:
    parsed = parse(endpoint, b'"a\x00b')
    assert [(reject.record_index, reject.record) for reject in parsed.rejects] == [(-1, '"a\ufffdb')]


def test_an_unknown_match_is_an_absence() -> None:
    parsed = parse("match", {"error": "Not Found"}, status=404)
    assert rows(parsed, "match_absences") == [{"match_id": 9, "error": "Not Found"}]
    assert rows(parse("match", b"<html>", status=404), "match_absences") == [{"match_id": 9, "error": None}]


def test_chat_messages_may_not_be_stored() -> None:
    for endpoint in ("match", "league_matches"):
        assert SOURCE.endpoints[endpoint].excluded_fields >= {"chat", "all_word_counts", "my_word_counts"}


def test_text_that_postgresql_cannot_store_is_stored_without_it_and_counted() -> None:
    parsed = parse(
        "hero_stats", [{"id": 1, "roles": ["a\x00"]}, {"id": 2, "name": "\x00"}, {"id": 3, "roles": "\\u0000"}]
    )
    assert [(row["id"], row["roles"], row["name"]) for row in rows(parsed, "hero_stats")] == [
        (1, '["a\\ufffd"]', None),
        (2, None, "\ufffd"),
        (3, '"\\\\u0000"', None),
    ]
    assert [(odd.field_path, places) for odd, places in parsed.field_rejects.items()] == [
        ("$.roles", [0]),
        ("$.name", [1]),
    ]
    assert not any("\x00" in name for name in parse("hero_stats", [{"id": 3, "n\x00": 1}]).drift)


@pytest.mark.parametrize(
    ("fields", "slot"),
    [
        ({"team_slot": 2, "isRadiant": True}, 2),
        ({"team_slot": 2, "isRadiant": False}, 130),
        ({"team_slot": 4, "team_number": 1}, 132),
        ({"team_slot": 4, "team_number": 0, "isRadiant": True, "player_slot": None}, 4),
    ],
)
def test_a_slot_is_derived_from_side_and_position(fields: dict[str, Any], slot: int) -> None:
    parsed = parse("match", {"match_id": 9, "start_time": 1753000000, "players": [{"hero_id": 1, **fields}]})
    assert [(row["player_slot"], row["hero_id"]) for row in rows(parsed, "match_players")] == [(slot, 1)]
    parsed = parse("player_matches", [{"match_id": 9, "start_time": 1753000000, **fields}])
    assert [row["player_slot"] for row in rows(parsed, "player_matches")] == [slot]


def test_players_with_only_a_side_get_its_free_positions_in_order() -> None:
    players: list[dict[str, Any]] = [{"isRadiant": False}, {"player_slot": 128}, {"isRadiant": False}]
    parsed = parse("match", {"match_id": 9, "players": players})
    assert [row["player_slot"] for row in rows(parsed, "match_players")] == [129, 128, 130]


@pytest.mark.parametrize(
    "fields",
    [{}, {"team_slot": 2}, {"team_slot": 2, "isRadiant": True, "team_number": 1}, {"team_slot": 9, "isRadiant": True}],
)
def test_a_player_without_a_derivable_slot_is_a_reject(fields: dict[str, Any]) -> None:
    (reject,) = parse("match", {"match_id": 9, "players": [fields]}).rejects
    assert (reject.table, reject.field_path, reject.reason) == ("match_players", "$.player_slot", "missing")


@pytest.mark.parametrize("sent", ["radiant", 2, [], 0.5])
def test_an_unreadable_winner_is_a_reject_and_an_unknown_winner_is_not(sent: Any) -> None:
    parsed = parse("pro_matches", [{"match_id": 1, "radiant_win": sent}, {"match_id": 2, "radiant_win": None}])
    assert [row["match_id"] for row in rows(parsed, "pro_matches")] == [2]
    assert [reject.field_path for reject in parsed.rejects] == ["$.radiant_win"]


def test_ids_as_text_are_the_requested_ids() -> None:
    assert len(rows(parse("match", {"match_id": "9", "players": [{"player_slot": "0"}]}), "match_players")) == 1
    assert len(rows(parse("player", {"profile": {"account_id": "7"}}), "players")) == 1
