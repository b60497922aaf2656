"""Any response of FACEIT becomes rows and rejects, and recorded responses of both eras become rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.faceit.source import SOURCE
from warehouse.model.source import Page, Parsed

OBSERVED_AT = datetime(2026, 11, 1, 12, 0, 0, 5, tzinfo=UTC)
PLAYER = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"
OLD_PLAYER = "bb75c4d7-8167-4494-9a9d-efdf9bda3862"
MATCH = "1-bb13fd78-e183-4d37-8a4b-ceed67da5265"
OLD_MATCH = "1-61e5c416-cb78-4951-bb1c-5a04ceea9a3e"
HUB = "05f970ad-b6a9-4740-89d1-a9fea46f7525"
PARAMS: dict[str, dict[str, Any]] = {
    "player": {"player_id": PLAYER},
    "player_history": {"player_id": PLAYER, "game": "cs2"},
    "player_match_stats": {"player_id": PLAYER, "game": "cs2"},
    "player_stats": {"player_id": PLAYER, "game": "cs2"},
    "player_bans": {"player_id": PLAYER},
    "match": {"match_id": MATCH},
    "match_stats": {"match_id": MATCH},
    "ranking": {"game_id": "cs2", "region": "EU"},
    "hub_matches": {"hub_id": HUB},
    "hub_members": {"hub_id": HUB},
}
LISTS = ("player_history", "player_match_stats", "player_bans", "ranking", "hub_matches", "hub_members")


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
    {"match_id": st.just(MATCH) | json_values, "player_id": st.just(PLAYER) | json_values},
    optional=dict.fromkeys(
        ("finished_at", "teams", "stats", "results", "position", "user_id", "type", "starts_at", "faceit_elo", "new"),
        json_values,
    ),
)


@pytest.mark.parametrize("endpoint", LISTS)
@given(records=st.lists(nearly | json_values, max_size=5))
def test_each_record_of_a_list_is_a_row_or_a_reject(endpoint: str, records: list[Any]) -> None:
    parsed = parse(endpoint, msgspec.json.encode({"items": records, "start": 0, "end": 20}))
    table = SOURCE.endpoints[endpoint].tables[0].name
    refused = [reject for reject in parsed.rejects if reject.table == table]
    assert len(rows(parsed, table)) + len(refused) == len(records)


@pytest.mark.parametrize("endpoint", sorted(SOURCE.endpoints))
@given(content=json_values | nearly, status=st.sampled_from([200, 404, 500]))
def test_any_json_is_parsed_without_an_exception(endpoint: str, content: Any, status: int) -> None:
    assert isinstance(parse(endpoint, msgspec.json.encode(content), status=status), Parsed)


@pytest.mark.parametrize("endpoint", sorted(SOURCE.endpoints))
@given(content=json_values | nearly)
def test_any_record_of_a_list_is_parsed_without_an_exception(endpoint: str, content: Any) -> None:
    body = {"items": [content], "rounds": [content], "segments": content, "games": content, "teams": content}
    assert isinstance(parse(endpoint, msgspec.json.encode(body)), Parsed)


@pytest.mark.parametrize("endpoint", sorted(SOURCE.endpoints))
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"items": [{"match_id": "1", "new": ' + b"[" * 5_000 + b"]" * 5_000 + b"}]}",
        b'{"items": [{"match_id": "\xff"}]}',
        b'{"player_id": "\xc3\x28"}',
        b"\x00",
        b"",
    ],
    ids=["endless", "deep", "not UTF-8", "half a character", "NUL", "empty"],
)
def test_hostile_bodies_are_parsed_without_an_exception(endpoint: str, body: bytes) -> None:
    parsed = parse(endpoint, body)
    assert "\x00" not in "".join(reject.record for reject in parsed.rejects)


@pytest.mark.parametrize(
    ("endpoint", "file", "expected"),
    [
        ("player", f"players/{PLAYER}.json", {"players": 1, "player_games": 13, "player_elos": 13}),
        ("player", "players__nickname=Darwin.json", {"players": 1, "player_games": 13, "player_elos": 13}),
        ("player_history", f"players/{PLAYER}/history__game=cs2.json", {"history_matches": 20, "history_players": 200}),
        ("player_match_stats", f"players/{PLAYER}/games_cs2_stats.json", {"player_match_stats": 20}),
        ("player_stats", f"players/{PLAYER}/stats_cs2.json", {"player_stats": 1, "player_segments": 10}),
        ("player_bans", f"players/{PLAYER}/bans.json", {"player_bans": 1}),
        ("match", f"matches/{MATCH}.json", {"matches": 1, "match_factions": 2, "match_rosters": 12}),
        (
            "match_stats",
            f"matches/{MATCH}/stats.json",
            {"match_rounds": 1, "match_round_teams": 2, "match_round_players": 10},
        ),
        ("ranking", "rankings_cs2_EU.json", {"rankings": 20, "player_elos": 20}),
        ("ranking", "rankings_cs2_EU_player.json", {"rankings": 20, "player_elos": 20}),
        ("hub", f"hubs/{HUB}.json", {"hubs": 1}),
        ("hub_members", f"hubs/{HUB}/members.json", {"hub_members": 20}),
        ("championship", "championships/4af3f365-8333-418c-8677-eba68d63fffb.json", {"championships": 1}),
        # The missing games cs2 and dota2 are an observation each.
        ("player", "csgo_era/player.json", {"players": 1, "player_games": 2, "player_elos": 4}),
        ("player_history", "csgo_era/history.json", {"history_matches": 1, "history_players": 10}),
        ("player_history", "csgo_era/empty_history.json", {"history_matches": 0, "history_players": 0}),
        ("player_stats", "csgo_era/stats.json", {"player_stats": 1, "player_segments": 9}),
        ("match", "csgo_era/match.json", {"matches": 1, "match_factions": 2, "match_rosters": 10}),
        (
            "match_stats",
            "csgo_era/match_stats.json",
            {"match_rounds": 1, "match_round_teams": 2, "match_round_players": 10},
        ),
    ],
)
def test_every_recorded_response_becomes_rows(
    recorded: Path, endpoint: str, file: str, expected: dict[str, int]
) -> None:
    params = PARAMS.get(endpoint, {})
    if file.startswith("csgo_era"):
        old = {"player_id": OLD_PLAYER, "match_id": OLD_MATCH, "game": "csgo"}
        params = {name: old.get(name, value) for name, value in params.items()}
    parsed = parse(endpoint, (recorded / "faceit" / file).read_bytes(), params=params)
    assert parsed.rejects == []
    assert {name: frame.height for name, frame in parsed.frames.items()} == expected
    assert not parsed.drift


def test_a_profile_is_an_observation_of_the_elo_in_each_game_at_its_time(recorded: Path) -> None:
    parsed = parse("player", (recorded / f"faceit/players/{PLAYER}.json").read_bytes())
    elos = {row["game"]: row for row in rows(parsed, "player_elos")}
    sent = json.loads((recorded / f"faceit/players/{PLAYER}.json").read_bytes())["games"]
    assert {game: (row["faceit_elo"], row["skill_level"]) for game, row in elos.items()} == {
        game: (profile["faceit_elo"], profile["skill_level"]) for game, profile in sent.items()
    }
    assert {(row["observed_at"], row["seen_in"]) for row in elos.values()} == {
        ("2026-11-01T12:00:00.000005Z", "profile")
    }
    accounts = {row["game"]: row["game_player_id"] for row in rows(parsed, "player_games")}
    assert (accounts["dota2"], accounts["cs2"]) == ("[U:1:42330621]", "76561198002596349")


def test_segments_keep_every_number_as_the_text_that_was_sent(recorded: Path) -> None:
    body = (recorded / f"faceit/players/{PLAYER}/stats_cs2.json").read_bytes()
    sent = json.loads(body)
    parsed = parse("player_stats", body)
    assert json.loads(rows(parsed, "player_stats")[0]["lifetime"]) == sent["lifetime"]
    stored = {(row["type"], row["mode"], row["label"]): row["stats"] for row in rows(parsed, "player_segments")}
    assert {key: json.loads(text) for key, text in stored.items()} == {
        (one["type"], one["mode"], one["label"]): one["stats"] for one in sent["segments"]
    }


def test_a_malformed_time_loses_no_match_and_a_missing_id_only_its_match() -> None:
    items = [{"match_id": "1", "finished_at": "soon"}, {"match_id": "2", "finished_at": 5}, {"finished_at": 6}]
    parsed = parse("player_history", {"items": items})
    assert [(row["match_id"], row["finished_at"]) for row in rows(parsed, "history_matches")] == [
        ("1", None),
        ("2", None),
    ]
    assert [reject.field_path for reject in parsed.rejects] == ["$.match_id"]
    assert [(odd.field_path, places) for odd, places in parsed.field_rejects.items()] == [
        ("$.finished_at", [0]),
        ("$.finished_at", [1]),
    ]


def test_times_in_milliseconds_are_read_as_the_seconds_that_they_are() -> None:
    parsed = parse("player_history", {"items": [{"match_id": "1", "started_at": 1753000000123}]})
    assert [row["started_at"] for row in rows(parsed, "history_matches")] == [1753000000]
    stats = {"Match Id": "1", "Match Finished At": 1753000000}
    parsed = parse("player_match_stats", {"items": [{"stats": stats}]})
    assert [row["finished_at"] for row in rows(parsed, "player_match_stats")] == [1753000000000]
    assert parsed.field_rejects == {}


_TEAMS = {
    "faction1": {"faction_id": "t1", "name": "Alpha", "roster": [{"player_id": "p1"}]},
    "faction2": {"faction_id": "t2", "name": "Beta", "roster": [{"player_id": "p2"}]},
}


@pytest.mark.parametrize(
    ("sent", "winner"),
    [
        ("faction2", "faction2"),
        ("Faction2", "faction2"),
        ("FACTION_2", "faction2"),
        ("t2", "faction2"),
        ("Beta", "faction2"),
        ("", ""),
        ("draw", ""),
        (None, None),
    ],
)
def test_a_winner_named_by_id_or_name_is_a_side(sent: Any, winner: str | None) -> None:
    results = {"winner": sent, "score": {"faction1": 0, "faction2": 2}}
    match = {"match_id": "1", "teams": _TEAMS, "results": results, "detailed_results": [{"winner": sent}]}
    parsed = parse("hub_matches", {"items": [match]})
    [row] = rows(parsed, "matches")
    assert row["winner"] == winner
    assert msgspec.json.decode(row["detailed_results"]) == [{"winner": winner}]
    teams = {side: {"team_id": team["faction_id"], "nickname": team["name"]} for side, team in _TEAMS.items()}
    parsed = parse("player_history", {"items": [{"match_id": "1", "teams": teams, "results": results}]})
    assert [row["winner"] for row in rows(parsed, "history_matches")] == [winner]


@pytest.mark.parametrize("sent", ["t3", "left", 3, ["faction1"], True])
def test_a_winner_that_is_no_side_is_a_reject_and_never_a_match_without_one(sent: Any) -> None:
    match = {"match_id": "1", "teams": _TEAMS, "results": {"winner": sent}}
    for endpoint, table in (("hub_matches", "matches"), ("player_history", "history_matches")):
        parsed = parse(endpoint, {"items": [match]})
        assert rows(parsed, table) == []
        assert [reject.field_path for reject in parsed.rejects] == ["$.results.winner"]


def test_a_name_of_both_sides_is_no_winner() -> None:
    teams = {side: {**team, "name": "Mix"} for side, team in _TEAMS.items()}
    parsed = parse("hub_matches", {"items": [{"match_id": "1", "teams": teams, "results": {"winner": "Mix"}}]})
    assert [reject.reason for reject in parsed.rejects] == ["the text is not an accepted value"]


@pytest.mark.parametrize(
    "teams",
    [
        {side.upper(): team for side, team in _TEAMS.items()},
        list(_TEAMS.values()),
        {side: {**team, "players": team["roster"], "roster": None} for side, team in _TEAMS.items()},
    ],
    ids=["upper case", "list", "players"],
)
def test_sides_and_rosters_under_other_names_are_read(teams: Any) -> None:
    for endpoint, table in (("hub_matches", "match_rosters"), ("player_history", "history_players")):
        parsed = parse(endpoint, {"items": [{"match_id": "1", "teams": teams}]})
        found = [(row["player_id"], row["faction"]) for row in rows(parsed, table)]
        assert found == [("p1", "faction1"), ("p2", "faction2")]
        assert (parsed.rejects, parsed.field_rejects) == ([], {})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"teams": 3}, "$.teams"),
        ({"teams": {"home": {}, "away": {}}}, "$.teams"),
        ({"teams": {"faction1": 3, "faction2": _TEAMS["faction2"]}}, "$.teams"),
        ({"teams": {**_TEAMS, "faction1": {"roster": "p1"}}}, "$.teams.faction1.roster"),
        ({"teams": {**_TEAMS, "faction1": {"roster": ["p1"]}}}, "$.teams.faction1.roster[]"),
    ],
)
def test_players_in_an_unreadable_list_are_counted(change: dict[str, Any], path: str) -> None:
    parsed = parse("hub_matches", {"items": [{"match_id": "1", **change}]})
    assert [row["match_id"] for row in rows(parsed, "matches")] == ["1"]
    assert [odd.field_path for odd in parsed.field_rejects] == [path]


def test_an_empty_text_in_place_of_a_level_is_null_and_loses_no_row() -> None:
    games = {"cs2": {"skill_level": "", "faceit_elo": ""}}
    elo, *_ = rows(parse("player", {"player_id": PLAYER, "games": games}), "player_elos")
    assert (elo["game"], elo["faceit_elo"], elo["skill_level"]) == ("cs2", None, None)
    team = {"players": [{"player_id": PLAYER, "skill_level": ""}]}
    body = {"items": [{"match_id": "1", "teams": {"faction1": team}}]}
    [player] = rows(parse("player_history", body), "history_players")
    assert player["skill_level"] is None


@pytest.mark.parametrize(
    ("games", "without_elo"),
    [
        ({}, ["cs2", "csgo", "dota2"]),
        ({"cs2": None, "dota2": {"faceit_elo": 1}}, ["cs2", "csgo"]),
        (None, []),
        ("", []),
    ],
)
def test_a_missing_game_of_a_profile_is_an_observation_of_no_elo(games: Any, without_elo: list[str]) -> None:
    parsed = parse("player", {"player_id": PLAYER, "games": games})
    assert [row["game"] for row in rows(parsed, "player_elos") if row["faceit_elo"] is None] == without_elo


def test_a_side_has_its_team_in_either_pair_of_fields() -> None:
    player = {"player_id": PLAYER}
    details = {"faction1": {"team_id": "t", "nickname": "T", "faction_id": "", "roster": [player]}}
    parsed = parse("match", {"match_id": MATCH, "teams": details})
    assert [(row["faction_id"], row["name"]) for row in rows(parsed, "match_factions")] == [("t", "T")]
    assert not parsed.drift
    history = {"faction1": {"faction_id": "f", "name": "F", "players": [player]}}
    parsed = parse("player_history", {"items": [{"match_id": "1", "teams": history}]})
    assert [(row["team_id"], row["team_nickname"]) for row in rows(parsed, "history_players")] == [("f", "F")]


def test_a_vote_has_its_maps() -> None:
    entities = [{"guid": "3070284539", "class_name": "de_pango"}]
    voting = {"map": {"pick": ["3070284539"], "entities": entities}}
    [match] = rows(parse("match", {"match_id": MATCH, "voting": voting}), "matches")
    assert json.loads(match["map_entities"]) == entities


def test_statistics_without_an_object_are_a_reject() -> None:
    parsed = parse("player_match_stats", {"items": [{"stats": []}, {"stats": {"Match Id": "1", "Kills": "3"}}]})
    assert [(row["match_id"], row["match_round"]) for row in rows(parsed, "player_match_stats")] == [("1", 1)]
    assert len(parsed.rejects) == 1


def test_every_player_of_a_roster_without_an_id_is_a_reject() -> None:
    roster = [{"nickname": "a"}, {"nickname": "b", "player_id": None}, {"player_id": PLAYER}]
    parsed = parse("match", {"match_id": MATCH, "teams": {"faction1": {"roster": roster, "substitutes": roster}}})
    assert [(reject.table, reject.field_path) for reject in parsed.rejects] == [("match_rosters", "$.player_id")] * 4
    assert len(rows(parsed, "match_rosters")) == 1


def test_a_substitute_who_played_is_in_the_roster_once() -> None:
    team = {"roster": [{"player_id": "a"}, {"player_id": "b"}], "substitutes": [{"player_id": "b"}, {"player_id": "c"}]}
    parsed = parse("match", {"match_id": MATCH, "teams": {"faction1": team, "faction2": {"faction_id": "bye"}}})
    roster = [(row["player_id"], row["is_substitute"]) for row in rows(parsed, "match_rosters")]
    assert roster == [("a", False), ("b", False), ("c", True)]
    assert [row["faction_id"] for row in rows(parsed, "match_factions")] == [None, "bye"]


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("player", {"player_id": "another"}),
        ("match", {"match_id": "another"}),
        ("match_stats", {"rounds": [{"match_id": MATCH, "match_round": "1"}, {"match_id": "another"}]}),
    ],
)
def test_a_response_about_another_entity_is_rejected_as_a_whole(endpoint: str, body: Any) -> None:
    parsed = parse(endpoint, body)
    assert count(parsed) == 0
    assert "another" in parsed.rejects[0].reason


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(("endpoint", "part"), [("match", "match"), ("match_stats", "stats")])
def test_an_unknown_match_is_an_absence(endpoint: str, part: str, status: int) -> None:
    body = {"errors": [{"message": "The match was not found", "code": "err_nf0", "http_status": status}]}
    parsed = parse(endpoint, body, status=status)
    assert rows(parsed, "match_absences") == [{"match_id": MATCH, "part": part, "error": "The match was not found"}]


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("endpoint", ["player_history", "player_stats", "player_match_stats", "ranking"])
def test_a_404_or_410_of_an_optional_endpoint_is_no_rows_and_no_reject(endpoint: str, status: int) -> None:
    parsed = parse(endpoint, {"message": "not found"}, status=status)
    assert (count(parsed), parsed.rejects) == (0, [])


def test_a_column_that_can_name_a_captain_is_not_public() -> None:
    columns = {f"{table.name}.{column.name}": column for table in SOURCE.tables for column in table.columns}
    captains = {name for name, column in columns.items() if "or its captain" in column.description}
    assert captains == {
        "history_players.team_id",
        "history_players.team_nickname",
        "player_match_stats.stats",
        "match_factions.faction_id",
        "match_factions.name",
        "match_rounds.round_stats",
        "match_round_teams.team_id",
        "match_round_teams.team_stats",
        "match_round_players.team_id",
    }
    people = {name for name in columns if name.endswith(("player_id", "user_id", "nickname"))}
    assert {columns[name].privacy for name in captains | people} == {"pseudonymous"}
