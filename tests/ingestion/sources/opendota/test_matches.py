"""Match details within the match budget."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ingestion.sources.opendota.connector import CONNECTOR
from ingestion.sync.rereads import SCHEDULE
from sandbox.faults import Faults
from sandbox.server import Sandbox
from tests.conftest import Database
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply, error
from tests.ingestion.sources.opendota.conftest import Warehouse
from warehouse.database.connections import connect

Requested = Callable[[], list[str]]


def known(warehouse: Warehouse, table: str) -> list[int]:
    rows = warehouse.rows(f"SELECT match_id FROM staging_opendota.{table} ORDER BY match_id DESC")
    return [match_id for (match_id,) in rows]


def test_details_are_read_newest_first_and_once_within_the_budget(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    requested()
    newest = sorted(set(known(warehouse, "player_matches")), reverse=True)
    read = []
    for _ in range(2):
        warehouse.run("matches", opendota_match_budget=10)
        read.append([int(path.rpartition("/")[2]) for path in requested()])
    assert sorted(read[0], reverse=True) == newest[:10]
    # At most a fifth goes to matches that are not parsed yet.
    again = set(read[1]) & set(read[0])
    unparsed = warehouse.rows("SELECT count(*) FROM staging_opendota.matches WHERE version IS NULL")[0][0]
    assert len(again) == 2 <= unparsed
    assert known(warehouse, "matches") == newest[:18]
    assert len(known(warehouse, "match_players")) == 180


def test_a_budget_of_zero_requests_nothing(warehouse: Warehouse, players: list[int], requested: Requested) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    requested()
    warehouse.run("matches", opendota_match_budget=0)
    assert requested() == []


def test_chat_messages_are_not_stored(warehouse: Warehouse, players: list[int]) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    warehouse.run("matches", opendota_match_budget=60)
    bodies = [page.body for path in warehouse.lake.files("opendota", "match") for page in warehouse.lake.read(path)]
    assert any(b'"objectives"' in body for body in bodies)
    assert not any(b'"chat"' in body for body in bodies)


HISTORY_ID = 8_000_000_000
STARTED = 1_700_000_000


def with_history(warehouse: Warehouse, *played_days_ago: float) -> list[int]:
    """Track a player with a match for each of these ages, newest first."""
    now = ShiftedClock().now().timestamp()
    ids = [HISTORY_ID - place for place, _ in enumerate(played_days_ago)]
    rows = [
        {"match_id": id_, "player_slot": 0, "start_time": int(now - days * 86_400)}
        for id_, days in zip(ids, played_days_ago, strict=True)
    ]
    warehouse.track("player", 7)
    warehouse.run_against(lambda path, n: Reply(body=json.dumps(rows).encode()), "player_matches")
    return ids


def details(path: str, *, version: int | None) -> Reply:
    seats = [{"player_slot": slot, "hero_id": 1} for slot in (0, 128)]
    id_ = int(path.rpartition("/")[2])
    match = {"match_id": id_, "start_time": STARTED, "version": version, "players": seats}
    return Reply(body=json.dumps(match).encode())


UNSETTLED: dict[str, Callable[[str, int], Reply]] = {
    "absent": lambda path, n: error(404, "Not Found"),
    "absent, gone": lambda path, n: error(410, "Gone"),
    "unparsed": lambda path, n: details(path, version=None),
    "unreadable": lambda path, n: Reply(body=b'{"match_id": 1}'),
    "refused": lambda path, n: Reply(403, b"<html>"),
}


@pytest.mark.parametrize("reason", list(UNSETTLED))
def test_an_unsettled_match_is_read_by_the_next_run_and_on_a_schedule_until_it_is_settled(
    warehouse: Warehouse, reason: str
) -> None:
    [id_] = with_history(warehouse, 0.5)

    def is_requested(respond: Callable[[str, int], Reply], **later: float) -> bool:
        return bool(warehouse.run_against(respond, "matches", clock=ShiftedClock(**later))[1])

    unsettled = UNSETTLED[reason]
    reason = reason.partition(",")[0]
    waits = SCHEDULE[reason].recent  # type: ignore[index]
    assert [is_requested(unsettled), is_requested(unsettled)] == [True, True]
    hours = waits[1].total_seconds() / 3600
    assert [is_requested(unsettled, hours=hours - 0.1), is_requested(unsettled, hours=hours + 0.1)] == [False, True]
    [(kept, tries, due)] = warehouse.rows("SELECT reason, tries, due_at FROM ops.rereads")
    assert (kept, tries) == (reason, 3)
    with warehouse.connection() as connection:
        planned_syncs = CONNECTOR.plan(connection, warehouse.settings, due)
    assert [dict(one.due) for one in planned_syncs if one.name == "matches"] == [{reason: 1}]
    days = (hours / 24) + waits[2].days + 0.3
    assert is_requested(lambda path, n: details(path, version=21), days=days)
    assert warehouse.rows("SELECT match_id, version FROM staging_opendota.matches") == [(id_, 21)]
    assert warehouse.rows("SELECT reason, due_at FROM ops.rereads") == [(None, None)]
    assert not is_requested(unsettled, days=400)


def test_the_schedule_ends_and_is_short_for_old_matches(warehouse: Warehouse) -> None:
    recent, old = with_history(warehouse, 1, 100)
    requested: list[str] = []
    for days in (0, 0, 1, 2, 4, 8, 16, 31, 62, 90, 200):
        requested += warehouse.run_against(UNSETTLED["absent"], "matches", clock=ShiftedClock(days=days))[1]
    assert requested.count(f"/matches/{recent}") == 1 + len(SCHEDULE["absent"].recent)
    assert requested.count(f"/matches/{old}") == 1 + len(SCHEDULE["absent"].old)
    assert warehouse.rows("SELECT DISTINCT reason, due_at FROM ops.rereads") == [("absent", None)]


def test_a_match_that_was_read_before_rereads_were_recorded_is_read_again_too(
    warehouse: Warehouse, database: Database
) -> None:
    absent, unparsed = with_history(warehouse, 1, 2)
    by_id = {str(absent): UNSETTLED["absent"], str(unparsed): UNSETTLED["unparsed"]}
    warehouse.run_against(lambda path, n: by_id[path.rpartition("/")[2]](path, n), "matches")
    with connect(database.admin_url) as connection:
        connection.execute("DELETE FROM ops.rereads")
    _, paths = warehouse.run_against(lambda path, n: details(path, version=21), "matches")
    assert paths == [f"/matches/{absent}", f"/matches/{unparsed}"]
    assert warehouse.run_against(lambda path, n: details(path, version=21), "matches")[1] == []


def test_a_tracked_match_is_read_by_each_run_until_it_is_parsed_and_then_at_a_long_interval(
    warehouse: Warehouse,
) -> None:
    warehouse.track("match", 12)

    def is_requested(version: int | None, **later: float) -> bool:
        _, paths = warehouse.run_against(
            lambda path, n: details(path, version=version), "matches", clock=ShiftedClock(**later)
        )
        return bool(paths)

    assert all(is_requested(None) for _ in range(4))
    assert is_requested(21)
    assert [is_requested(21), is_requested(21, days=29), is_requested(21, days=31)] == [False, False, True]
    assert warehouse.rows("SELECT version FROM staging_opendota.matches") == [(21,)]


def test_details_about_another_match_are_reported_and_do_not_consume_every_budget(
    warehouse: Warehouse, players: list[int]
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    report, first = warehouse.run_against(lambda path, n: Reply(body=b'{"match_id": 1}'), "matches")
    assert len(report.failures) == len(first) > 0
    assert "another match" in report.failures[0].message
    _, second = warehouse.run_against(lambda path, n: Reply(body=b'{"match_id": 1}'), "matches")
    assert len(set(second) & set(first)) == 20  # a fifth of the budget


def test_a_tracked_match_comes_first_and_is_an_error_if_it_is_unknown(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    oldest = known(warehouse, "player_matches")[-1]
    warehouse.track("match", oldest, 12)
    requested()
    report = warehouse.run("matches", opendota_match_budget=2)["matches"]
    assert sorted(requested()) == sorted([f"/matches/{oldest}", "/matches/12"])
    assert known(warehouse, "matches") == [oldest]
    [failure] = report.failures
    assert "`ladder untrack opendota match 12`" in failure.message
    assert known(warehouse, "match_absences") == [12]
    warehouse.run("matches", opendota_match_budget=1)
    assert requested() == ["/matches/12"]


def test_matches_of_tracked_teams_and_leagues_are_requested_too(
    warehouse: Warehouse, upstream: Sandbox, requested: Requested
) -> None:
    warehouse.track("team", upstream.world.pro_scene.teams[0].team_id)
    warehouse.track("league", 18_101)
    warehouse.run("teams", "leagues", "team_matches", "league_matches")
    requested()
    warehouse.run("matches", opendota_match_budget=1000)
    wanted = set(known(warehouse, "team_matches")) | set(known(warehouse, "league_matches"))
    assert wanted
    assert set(requested()) == {f"/matches/{id_}" for id_ in wanted}


def test_an_unknown_team_or_league_is_one_line(warehouse: Warehouse) -> None:
    warehouse.track("team", 77)
    warehouse.track("league", 3)
    reports = warehouse.run("teams", "leagues", "team_matches", "league_matches")
    for kind, id_ in (("team", 77), ("league", 3)):
        [failure] = reports[f"{kind}_matches"].failures
        assert f"`ladder untrack opendota {kind} {id_}`" in failure.message


def test_details_that_cannot_become_a_row_are_kept_and_do_not_consume_every_budget(
    warehouse: Warehouse, players: list[int]
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    bad = known(warehouse, "player_matches")[0]

    def respond(path: str, times: int) -> Reply:
        id_ = int(path.rpartition("/")[2])
        winner = "unknown" if id_ == bad else True
        seats = [{"player_slot": slot, "account_id": None, "hero_id": 1} for slot in (0, 128)]
        match = {"match_id": id_, "start_time": STARTED, "radiant_win": winner, "version": 21, "players": seats}
        return Reply(body=json.dumps(match).encode())

    _, first = warehouse.run_against(respond, "matches")
    assert f"/matches/{bad}" in first
    assert warehouse.rows("SELECT field_path FROM ops.rejects") == [("$.radiant_win",)]
    for expected in (True, False):
        _, paths = warehouse.run_against(respond, "matches")
        assert (f"/matches/{bad}" in paths) is expected
    warehouse.run("matches", clock=ShiftedClock(days=8))
    assert bad in known(warehouse, "matches")


@pytest.mark.parametrize("is_tracked", [True, False], ids=["tracked", "of a player"])
@pytest.mark.parametrize(
    ("wrong", "before"),
    [({"player_slot": "nowhere"}, [(1,)]), ({"hero_id": "unknown"}, [(1,), (None,)])],
    ids=["refused", "a field unread"],
)
def test_a_match_with_unreadable_players_is_requested_once_more(
    warehouse: Warehouse, wrong: dict[str, str], before: list[tuple[int | None]], is_tracked: bool
) -> None:
    ids = [12, 11] if is_tracked else with_history(warehouse, 1, 2)
    if is_tracked:
        warehouse.track("match", *ids)

    def requested(second: dict[str, str], **later: float) -> list[int]:
        seats = [{"player_slot": 0, "hero_id": 1}, {"player_slot": 128, "hero_id": 7}]

        def respond(path: str, n: int) -> Reply:
            id_ = int(path.rpartition("/")[2])
            # The second match stays wrong.
            last = {**seats[1], **(second if id_ == ids[0] else wrong)}
            match = {"match_id": id_, "start_time": STARTED, "version": 21, "players": [seats[0], last]}
            return Reply(body=json.dumps(match).encode())

        paths = warehouse.run_against(respond, "matches", ShiftedClock(**later), opendota_match_budget=10)[1]
        return sorted((int(path.rpartition("/")[2]) for path in paths), reverse=True)

    def heroes(id_: int) -> list[tuple[int | None]]:
        query = "SELECT hero_id FROM staging_opendota.match_players WHERE match_id = %s ORDER BY player_slot"
        return warehouse.rows(query, id_)

    assert requested(wrong) == ids
    assert heroes(ids[0]) == before
    assert [requested({}), requested({})] == [ids, []]
    assert (heroes(ids[0]), heroes(ids[1])) == ([(1,), (7,)], before)
    rereads = "SELECT id::bigint, reason, due_at FROM ops.rereads ORDER BY id DESC"
    assert warehouse.rows(rereads) == [(ids[0], None, None), (ids[1], "flawed", None)]
    # A tracked match is still read at a long interval.
    assert requested({}, days=31) == (ids if is_tracked else [])


def test_matches_whose_replays_are_parsed_late_are_read_again_until_all_are_parsed(
    warehouse: Warehouse, upstream: Sandbox, players: list[int]
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    warehouse.run("matches", opendota_match_budget=20)
    unparsed = "SELECT match_id FROM staging_opendota.matches WHERE version IS NULL ORDER BY match_id"
    before = warehouse.rows(unparsed)
    assert before
    upstream.advance(days=30)
    warehouse.run("matches", opendota_match_budget=20)
    match_log = upstream.world.match_log
    parsed = {
        int(id_) for id_, at in zip(match_log.match_id, match_log.parsed_at, strict=True) if at <= upstream.world.now
    }
    read_again = dict(warehouse.rows("SELECT id::bigint, reason FROM ops.rereads WHERE reason IS NULL"))
    assert set(read_again) <= parsed
    assert not {id_ for (id_,) in warehouse.rows(unparsed)} & set(read_again)
    tried = {id_ for (id_,) in warehouse.rows("SELECT id::bigint FROM ops.rereads WHERE tries > 1 OR reason IS NULL")}
    assert len(tried) == min(4, len(before))  # a fifth of the budget


def test_details_survive_every_fault(warehouse: Warehouse, upstream: Sandbox, players: list[int]) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    upstream.set_faults(Faults(seed=2, too_many=0.1, server_error=0.1, hang=0.1, truncate=0.1, cut=0.1, hang_s=0.1))
    report = warehouse.run("matches", opendota_match_budget=40)["matches"]
    assert report.done == 40
    assert len(known(warehouse, "matches")) == 40
