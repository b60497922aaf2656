"""Match details and match statistics within the match budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from ingestion.sync.rereads import SCHEDULE, Reason
from sandbox.server import Sandbox
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply
from tests.ingestion.sources.faceit.conftest import Warehouse
from tests.ingestion.sources.faceit.lists import PLAYER, Script, history, match, match_id, not_found

Requested = Callable[[], list[str]]


def ids(paths: list[str]) -> list[str]:
    return [path.split("/")[2] for path in paths]


def newest_of_history(warehouse: Warehouse, condition: str = "true") -> list[str]:
    query = (
        f"SELECT match_id FROM staging_faceit.history_matches WHERE {condition} ORDER BY finished_at DESC NULLS LAST"
    )
    return [id_ for (id_,) in warehouse.rows(query)]


def with_history(warehouse: Warehouse, *records: Any) -> None:
    warehouse.track("player", PLAYER)
    warehouse.run_against(history(records), "history_matches")


def details(**fields: Any) -> Script:
    """A source that has every match, finished by default."""

    def respond(path: str, times: int) -> Reply:
        record = {
            "match_id": path.split("/")[3],
            "game": "cs2",
            "status": "FINISHED",
            "results": {"winner": "faction1"},
        }
        return Reply(body=json.dumps({**record, **fields}).encode())

    return respond


def test_details_and_statistics_are_read_newest_first_and_once_within_the_budget(
    simulated: Warehouse, players: list[str], requested: Requested
) -> None:
    simulated.track("player", *players)
    simulated.run("players", "history_matches")
    requested()
    newest = newest_of_history(simulated)
    for number in range(2):
        simulated.run("matches", faceit_match_budget=7)
        assert sorted(ids(requested())) == sorted(newest[number * 7 : number * 7 + 7])
    finished = newest_of_history(simulated, "status = 'finished'")
    simulated.run("match_rounds", faceit_match_budget=9)
    assert sorted(ids(requested())) == sorted(finished[:9])
    [(rounds,)] = simulated.rows("SELECT count(*) FROM staging_faceit.match_rounds")
    assert rounds > 0
    assert simulated.rows("SELECT count(*) FROM staging_faceit.match_round_players") == [(rounds * 10,)]


@pytest.mark.parametrize("id_", ["../players/x?a=1#b", "..", "1-a/../../hubs", "a b\u2028%2F"])
def test_an_id_from_a_response_is_one_segment_of_a_path_and_leads_to_no_other(warehouse: Warehouse, id_: str) -> None:
    with_history(warehouse, {**match(1, int(ShiftedClock().now().timestamp()) - 3600), "match_id": id_})
    _, [path] = warehouse.run_against(lambda path, times: not_found(), "matches")
    _, matches, segment = path.split("/")
    assert (matches, unquote(segment)) == ("matches", id_)
    assert "." not in segment.removesuffix("/") or set(id_) != {"."}


def test_a_budget_of_zero_requests_nothing(simulated: Warehouse, players: list[str], requested: Requested) -> None:
    simulated.track("player", *players)
    simulated.run("players", "history_matches")
    requested()
    simulated.run("matches", "match_rounds", faceit_match_budget=0)
    assert requested() == []


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(("name", "reason"), [("matches", "absent"), ("match_rounds", "no_statistics")])
def test_an_absent_part_is_read_by_the_next_run_and_on_a_schedule_until_it_exists(
    warehouse: Warehouse, name: str, reason: Reason, status: int
) -> None:
    with_history(warehouse, match(1, int(ShiftedClock().now().timestamp()) - 3600))

    def requests(respond: Script, **later: float) -> int:
        report, paths = warehouse.run_against(respond, name, ShiftedClock(**later))
        assert report.is_ok
        return len(paths)

    def absent(path: str, times: int) -> Reply:
        return not_found(status=status)

    assert [requests(absent), requests(absent)] == [1, 1]
    hours = SCHEDULE[reason].recent[1].total_seconds() / 3600
    assert [requests(absent, hours=hours - 0.1), requests(absent, hours=hours + 0.1)] == [0, 1]
    assert warehouse.rows("SELECT reason, tries, due_at - last_at FROM ops.rereads") == [
        (reason, 3, SCHEDULE[reason].recent[2])
    ]
    there = details() if name == "matches" else lambda path, n: Reply(body=json.dumps({"rounds": [ROUND]}).encode())
    assert [requests(there, hours=12), requests(there, days=400)] == [1, 0]
    assert warehouse.rows("SELECT reason, due_at FROM ops.rereads") == [(None, None)]


def test_rereads_take_a_fifth_of_the_budget_fewest_tries_first(warehouse: Warehouse) -> None:
    now = int(ShiftedClock().now().timestamp())
    with_history(warehouse, *(match(number, now - 3600 * number) for number in range(1, 21)))
    for _ in range(2):
        warehouse.run_against(lambda path, n: not_found(), "matches", faceit_match_budget=10)
    tries = dict(warehouse.rows("SELECT id, tries FROM ops.rereads"))
    assert {id_: tries[id_] for id_ in map(match_id, range(1, 11))} == {
        match_id(number): 2 if number <= 2 else 1 for number in range(1, 11)
    }
    assert {tries[match_id(number)] for number in range(11, 19)} == {1}
    _, paths = warehouse.run_against(lambda path, n: not_found(), "matches", faceit_match_budget=10)
    assert set(ids(paths)) == {match_id(number) for number in (3, 4, 19, 20)}


def test_a_match_that_changes_in_the_history_is_requested_again_at_once(warehouse: Warehouse) -> None:
    with_history(warehouse, match(1, None, status="ongoing", winner=""), match(2, 1_700_000_000))
    in_flight = details(status="ONGOING", results=None)
    for expected in ([match_id(1), match_id(2)], [match_id(1)]):
        _, paths = warehouse.run_against(
            lambda path, n: (in_flight if path.endswith(match_id(1)) else details())(path, n), "matches"
        )
        assert sorted(ids(paths)) == expected
    assert warehouse.run_against(details(), "matches")[1] == []
    warehouse.run_against(history([match(1, 1_700_000_900), match(2, 1_700_000_000)]), "history_matches")
    _, paths = warehouse.run_against(details(), "matches")
    assert ids(paths) == [match_id(1)]
    assert warehouse.rows("SELECT DISTINCT status, winner FROM staging_faceit.matches") == [("FINISHED", "faction1")]
    assert warehouse.run_against(details(), "matches")[1] == []


def test_cancelled_matches_have_details_and_no_statistics(warehouse: Warehouse) -> None:
    with_history(warehouse, match(1, 1_700_000_000, status="cancelled", winner=""))
    report, paths = warehouse.run_against(details(status="CANCELLED", results={"winner": ""}), "matches")
    assert (report.done, len(paths)) == (1, 1)
    assert warehouse.run_against(details(status="CANCELLED", results={"winner": ""}), "matches")[1] == []
    assert warehouse.run_against(details(), "match_rounds")[1] == []


def test_a_tracked_match_comes_first_and_is_an_error_if_it_is_unknown(warehouse: Warehouse) -> None:
    with_history(warehouse, match(1, 1_700_000_000))
    warehouse.track("match", match_id(77), "77")
    report, paths = warehouse.run_against(lambda path, n: not_found(), "matches", faceit_match_budget=1)
    assert ids(paths) == [match_id(77)]
    messages = [failure.message for failure in report.failures]
    assert len(messages) == 2
    assert all("`ladder untrack faceit match" in message for message in messages)
    _, paths = warehouse.run_against(details(), "matches", faceit_match_budget=1)
    assert ids(paths) == [match_id(77)]
    _, paths = warehouse.run_against(lambda path, n: not_found(), "match_rounds")
    assert sorted(ids(paths)) == [match_id(1), match_id(77)]


SIDE = {"faction_id": "a", "roster": [{"player_id": "p", "nickname": "P"}]}
ROUND = {"match_id": match_id(1), "match_round": "1", "teams": [{"team_id": "a", "players": [{"player_id": "p"}]}]}


@pytest.mark.parametrize(
    ("name", "body", "table", "has_parts"),
    [
        ("matches", {"match_id": "another"}, "match_factions", False),
        (
            "matches",
            {
                "match_id": match_id(1),
                "status": "FINISHED",
                "results": {"winner": "unknown"},
                "teams": {"faction1": SIDE},
            },
            "match_factions",
            True,
        ),
        ("match_rounds", {"rounds": []}, "match_round_teams", False),
        ("match_rounds", {"rounds": [{**ROUND, "match_round": "first"}]}, "match_round_teams", False),
    ],
    ids=["another match", "sides alone", "no rounds", "a map without a number"],
)
def test_responses_without_their_entity_are_kept_and_do_not_consume_every_budget(
    warehouse: Warehouse, name: str, body: Any, table: str, has_parts: bool
) -> None:
    with_history(warehouse, match(1, 1_700_000_000))
    reply = Reply(body=json.dumps(body).encode())
    requested = [
        len(warehouse.run_against(lambda path, n: reply, name, ShiftedClock(days=days))[1]) for days in (0, 0, 0, 8)
    ]
    assert requested == [1, 1, 0, 1]
    assert warehouse.rows("SELECT reason, tries FROM ops.rereads") == [("unreadable", 3)]
    assert warehouse.rows(f"SELECT count(*) > 0 FROM staging_faceit.{table}") == [(has_parts,)]


@pytest.mark.parametrize(
    ("name", "good", "bad", "table"),
    [
        (
            "matches",
            {"match_id": match_id(1), "status": "FINISHED", "results": {"winner": "faction1"}},
            {"teams": {"faction1": {**SIDE, "roster": [*SIDE["roster"], {"player_id": "q", "nickname": "\x00"}]}}},
            "match_rosters",
        ),
        (
            "match_rounds",
            {"rounds": [ROUND]},
            {"rounds": [{**ROUND, "teams": [{"team_id": "a", "players": [{"player_id": "p", "nickname": "\x00"}]}]}]},
            "match_round_players",
        ),
    ],
)
def test_unreadable_parts_of_a_match_are_requested_once_more(
    warehouse: Warehouse, name: str, good: Any, bad: Any, table: str
) -> None:
    with_history(warehouse, match(1, 1_700_000_000))

    def requests(body: Any) -> int:
        return len(warehouse.run_against(lambda path, n: Reply(body=json.dumps(body).encode()), name)[1])

    flawed = {**good, **bad}
    assert [requests(flawed) for _ in range(3)] == [1, 1, 0]
    right = json.loads(json.dumps(flawed).replace("\\u0000", "Q"))
    with_history(warehouse, match(1, 1_700_000_000), match(2, 1_700_000_100))
    assert warehouse.rows(f"SELECT count(*) FROM staging_faceit.{table} WHERE nickname = 'Q'") == [(0,)]
    second = json.loads(json.dumps(flawed).replace(match_id(1), match_id(2)))
    assert requests(second) == 1
    assert requests(json.loads(json.dumps(right).replace(match_id(1), match_id(2)))) == 1
    assert warehouse.rows(f"SELECT match_id FROM staging_faceit.{table} WHERE nickname = 'Q'") == [(match_id(2),)]
    assert requests(second) == 0
    rereads = "SELECT id, reason, due_at FROM ops.rereads ORDER BY id"
    assert warehouse.rows(rereads) == [(match_id(1), "flawed", None), (match_id(2), None, None)]


@pytest.mark.parametrize("name", ["matches", "match_rounds"])
def test_a_tracked_match_that_stays_flawed_is_not_read_by_each_run(warehouse: Warehouse, name: str) -> None:
    warehouse.track("match", match_id(1))
    warehouse.run_against(details(finished_at=1_700_000_000), "matches")
    bodies = {
        "matches": {"match_id": match_id(1), "status": "FINISHED", "teams": {"faction1": {**SIDE, "name": "\x00"}}},
        "match_rounds": {"rounds": [{**ROUND, "played": "often"}]},
    }

    def is_requested(**later: float) -> bool:
        reply = Reply(body=json.dumps(bodies[name]).encode())
        return bool(warehouse.run_against(lambda path, n: reply, name, ShiftedClock(**later))[1])

    days = 31 if name == "matches" else 0
    assert [is_requested(days=days + more) for more in (0, 1, 2, 30, 33)] == [True, True, False, False, True]


def test_a_match_in_progress_is_read_again_until_it_has_ended(warehouse: Warehouse) -> None:
    """By each run if it is tracked by hand; on the schedule if it is in a history."""
    began = int(ShiftedClock().now().timestamp()) - 1200
    with_history(warehouse, {**match(1, None, status="ongoing", winner=""), "started_at": began})
    warehouse.track("match", match_id(2))
    in_flight = details(status="ONGOING", results=None, started_at=began)

    def requested(respond: Script, minutes: int) -> list[str]:
        return sorted(ids(warehouse.run_against(respond, "matches", ShiftedClock(minutes=minutes))[1]))

    both, tracked = [match_id(1), match_id(2)], [match_id(2)]
    found = [requested(in_flight, minutes) for minutes in (0, 1, 20, 35, 60, 70)]
    assert found == [both, both, tracked, both, tracked, both]
    assert requested(details(), 300) == both
    # The history of one match differs from its details.
    assert [requested(details(), 301), requested(details(), 302)] == [[match_id(1)], []]
    assert warehouse.rows("SELECT DISTINCT status FROM staging_faceit.matches") == [("FINISHED",)]
    assert requested(details(), 302 + 30 * 24 * 60) == both


def test_statistics_of_tracked_hubs_and_championships_are_requested_after_those_of_players(
    simulated: Warehouse, upstream: Sandbox, players: list[str], requested: Requested
) -> None:
    scene = upstream.faceit.world.scene
    simulated.track("player", players[0])
    simulated.track("hub", scene.hubs[0].competition_id)
    simulated.track("championship", scene.championships[0].competition_id)
    simulated.run("players", "history_matches", "hubs", "championships")
    requested()
    simulated.run("match_rounds", faceit_match_budget=1000)
    own = newest_of_history(simulated, "status = 'finished'")
    requested_ids = ids(requested())
    assert set(requested_ids[: len(own) - 10]) <= set(own)  # some are requested concurrently
    listed = simulated.rows("SELECT match_id FROM staging_faceit.matches WHERE status = 'FINISHED'")
    assert set(requested_ids) == set(own) | {id_ for (id_,) in listed}
