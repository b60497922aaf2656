"""Match details within their budget."""

from __future__ import annotations

import json
from collections.abc import Callable

from sandbox.faults import Faults
from sandbox.server import Sandbox
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.opendota.conftest import Warehouse
from tests.ingestion.scripted_server import Reply, error

Asked = Callable[[], list[str]]


def known(warehouse: Warehouse, table: str) -> list[int]:
    rows = warehouse.rows(f"SELECT match_id FROM staging_opendota.{table} ORDER BY match_id DESC")
    return [match_id for (match_id,) in rows]


def test_details_are_read_newest_first_and_once_within_the_budget(
    warehouse: Warehouse, players: list[int], asked: Asked
) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    asked()
    newest = sorted(set(known(warehouse, "player_matches")), reverse=True)
    for number in range(2):
        warehouse.run("matches", opendota_match_budget=7)
        wanted = newest[number * 7 : number * 7 + 7]
        assert sorted(asked(), reverse=True) == [f"/matches/{id_}" for id_ in wanted]
    assert known(warehouse, "matches") == newest[:14]
    assert len(known(warehouse, "match_players")) == 140


def test_a_budget_of_nothing_reads_nothing(warehouse: Warehouse, players: list[int], asked: Asked) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    asked()
    warehouse.run("matches", opendota_match_budget=0)
    assert asked() == []


def test_what_people_wrote_is_not_stored(warehouse: Warehouse, players: list[int]) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    warehouse.run("matches", opendota_match_budget=60)
    bodies = [page.body for path in warehouse.lake.files("opendota", "match") for page in warehouse.lake.read(path)]
    assert any(b'"objectives"' in body for body in bodies)
    assert not any(b'"chat"' in body for body in bodies)


def test_a_discovered_match_that_is_not_known_is_recorded_as_absent_and_asked_for_once(
    warehouse: Warehouse, players: list[int]
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    matches = known(warehouse, "player_matches")
    report, paths = warehouse.run_against(lambda path, n: error(404, "Not Found"), "matches")
    assert report.is_ok
    assert report.done == len(paths) == min(100, len(matches))
    assert known(warehouse, "match_absences") == matches[:100]
    _, again = warehouse.run_against(lambda path, n: error(404, "Not Found"), "matches")
    assert not set(again) & set(paths)


def test_details_about_another_match_are_told_and_do_not_eat_every_budget(
    warehouse: Warehouse, players: list[int]
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    report, first = warehouse.run_against(lambda path, n: Reply(body=b'{"match_id": 1}'), "matches")
    assert len(report.failures) == len(first) > 0
    assert "another match" in report.failures[0].message
    _, second = warehouse.run_against(lambda path, n: Reply(body=b'{"match_id": 1}'), "matches")
    assert not set(second) & set(first)


def test_a_tracked_match_comes_first_and_is_an_error_when_it_is_not_known(
    warehouse: Warehouse, players: list[int], asked: Asked
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    oldest = known(warehouse, "player_matches")[-1]
    warehouse.track("match", oldest, 12)
    asked()
    report = warehouse.run("matches", opendota_match_budget=2)["matches"]
    assert sorted(asked()) == sorted([f"/matches/{oldest}", "/matches/12"])
    assert known(warehouse, "matches") == [oldest]
    [failure] = report.failures
    assert "`ladder untrack opendota match 12`" in failure.message
    assert known(warehouse, "match_absences") == [12]
    warehouse.run("matches", opendota_match_budget=1)
    assert asked() == ["/matches/12"]


def test_matches_of_tracked_teams_and_leagues_are_wanted_too(
    warehouse: Warehouse, upstream: Sandbox, asked: Asked
) -> None:
    warehouse.track("team", upstream.world.pro_scene.teams[0].team_id)
    warehouse.track("league", 18_101)
    warehouse.run("teams", "leagues", "team_matches", "league_matches")
    asked()
    warehouse.run("matches", opendota_match_budget=1000)
    wanted = set(known(warehouse, "team_matches")) | set(known(warehouse, "league_matches"))
    assert wanted
    assert set(asked()) == {f"/matches/{id_}" for id_ in wanted}


def test_an_unknown_team_or_league_is_one_line(warehouse: Warehouse) -> None:
    warehouse.track("team", 77)
    warehouse.track("league", 3)
    reports = warehouse.run("teams", "leagues", "team_matches", "league_matches")
    for kind, id_ in (("team", 77), ("league", 3)):
        [failure] = reports[f"{kind}_matches"].failures
        assert f"`ladder untrack opendota {kind} {id_}`" in failure.message


def test_details_that_cannot_become_a_row_are_kept_and_do_not_eat_every_budget(
    warehouse: Warehouse, players: list[int]
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    bad = known(warehouse, "player_matches")[0]

    def answer(path: str, times: int) -> Reply:
        id_ = int(path.rpartition("/")[2])
        start = "yesterday" if id_ == bad else 1
        seats = [{"player_slot": slot, "account_id": None, "hero_id": 1} for slot in (0, 128)]
        return Reply(body=json.dumps({"match_id": id_, "start_time": start, "players": seats}).encode())

    _, first = warehouse.run_against(answer, "matches")
    assert f"/matches/{bad}" in first
    assert warehouse.rows("SELECT field_path FROM ops.rejects") == [("$.start_time",)]
    _, second = warehouse.run_against(answer, "matches")
    assert f"/matches/{bad}" not in second
    warehouse.run("matches", clock=ShiftedClock(days=8))
    assert bad in known(warehouse, "matches")


def test_players_of_a_match_that_were_refused_are_asked_for_once_more(warehouse: Warehouse, players: list[int]) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    warehouse.run("matches", opendota_match_budget=1000)
    warehouse.track("match", 12)

    def requests(hero: object) -> int:
        seats = [{"player_slot": slot, "hero_id": hero if slot else 1} for slot in (0, 128)]
        body = json.dumps({"match_id": 12, "start_time": 1, "players": seats}).encode()
        return len(warehouse.run_against(lambda path, n: Reply(body=body), "matches")[1])

    assert [requests("nobody"), requests(7), requests(7)] == [1, 1, 0]
    heroes = "SELECT hero_id FROM staging_opendota.match_players WHERE match_id = 12 ORDER BY player_slot"
    assert warehouse.rows(heroes) == [(1,), (7,)]


def test_details_survive_every_fault(warehouse: Warehouse, upstream: Sandbox, players: list[int]) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    upstream.set_faults(Faults(seed=2, too_many=0.1, server_error=0.1, hang=0.1, truncate=0.1, cut=0.1, hang_s=0.1))
    report = warehouse.run("matches", opendota_match_budget=40)["matches"]
    assert report.done == 40
    assert len(known(warehouse, "matches")) == 40
