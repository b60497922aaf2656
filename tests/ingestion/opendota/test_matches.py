"""Match details within their budget, and lists of matches without gaps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ingestion.opendota.passes import PASSES, open_context
from ingestion.passes import run_pass
from ingestion.reports import PassReport
from sandbox.faults import Faults
from sandbox.server import Sandbox
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.opendota.conftest import QUICK, Warehouse
from tests.ingestion.scripted_server import Reply, error, scripted

Asked = Callable[[], list[str]]


def known(warehouse: Warehouse, table: str) -> list[int]:
    rows = warehouse.rows(f"SELECT match_id FROM staging_opendota.{table} ORDER BY match_id DESC")
    return [match_id for (match_id,) in rows]


def run_against(warehouse: Warehouse, answer: Callable[[str, int], Reply], name: str) -> tuple[PassReport, list[str]]:
    """Run one pass against a scripted source: its report and the paths it asked."""

    async def scenario() -> tuple[PassReport, list[str]]:
        async with scripted(answer) as server:
            here = warehouse.at(server.url)
            async with open_context(here.settings, here.url, here.lake, patience=QUICK) as context:
                report = await run_pass(context, next(one for one in PASSES if one.name == name))
            return report, [path.removeprefix("/api") for path in server.requests]

    result = asyncio.run(scenario())
    warehouse.load()
    return result


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
    report, paths = run_against(warehouse, lambda path, n: error(404, "Not Found"), "matches")
    assert report.is_ok
    assert report.done == len(paths) == min(100, len(matches))
    assert known(warehouse, "match_absences") == matches[:100]
    _, again = run_against(warehouse, lambda path, n: error(404, "Not Found"), "matches")
    assert not set(again) & set(paths)


def test_details_about_another_match_are_told_and_do_not_eat_every_budget(
    warehouse: Warehouse, players: list[int]
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("player_matches")
    report, first = run_against(warehouse, lambda path, n: Reply(body=b'{"match_id": 1}'), "matches")
    assert len(report.failures) == len(first) > 0
    assert "another match" in report.failures[0].message
    _, second = run_against(warehouse, lambda path, n: Reply(body=b'{"match_id": 1}'), "matches")
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
        return Reply(body=json.dumps({"match_id": id_, "start_time": start, "players": []}).encode())

    _, first = run_against(warehouse, answer, "matches")
    assert f"/matches/{bad}" in first
    assert warehouse.rows("SELECT field_path FROM ops.rejects") == [("$.start_time",)]
    _, second = run_against(warehouse, answer, "matches")
    assert f"/matches/{bad}" not in second
    warehouse.run("matches", clock=ShiftedClock(days=8))
    assert bad in known(warehouse, "matches")


def pages_of(ids: list[int], *, ignores_paging: bool = False) -> Callable[[str, int], Reply]:
    """A source that lists matches newest first, 100 a page, below the id that is asked for."""

    def answer(path: str, times: int) -> Reply:
        below = path.partition("less_than_match_id=")[2]
        chosen = [id_ for id_ in ids if ignores_paging or not below or id_ < int(below)]
        rows = [{"match_id": id_, "start_time": id_} for id_ in sorted(chosen, reverse=True)[:100]]
        return Reply(body=json.dumps(rows).encode())

    return answer


def test_a_list_is_first_read_a_few_pages_deep_and_then_back_to_what_is_known(warehouse: Warehouse) -> None:
    ids = list(range(10_000, 12_000))
    _, paths = run_against(warehouse, pages_of(ids), "pro_matches")
    assert len(paths) == 5
    assert known(warehouse, "pro_matches") == sorted(ids, reverse=True)[:500]
    _, paths = run_against(warehouse, pages_of(ids), "pro_matches")
    assert paths == ["/proMatches"]
    # Far more than the first time is new, and no gap is left.
    more = ids + list(range(12_000, 13_050))
    _, paths = run_against(warehouse, pages_of(more), "pro_matches")
    assert len(paths) == 11
    assert known(warehouse, "pro_matches") == sorted(more, reverse=True)[:1550]


def test_a_sample_of_public_matches_is_never_read_far_back(warehouse: Warehouse) -> None:
    run_against(warehouse, pages_of(list(range(1000, 1100))), "public_matches")
    report, paths = run_against(warehouse, pages_of(list(range(1000, 9000))), "public_matches")
    assert len(paths) == 5
    assert report.is_ok


def test_a_short_list_ends_where_it_ends(warehouse: Warehouse) -> None:
    for _ in range(2):
        report, paths = run_against(warehouse, pages_of([5, 6, 7]), "pro_matches")
        assert paths == ["/proMatches"]
        assert report.is_ok
    assert run_against(warehouse, pages_of([]), "pro_matches")[0].is_ok


def test_a_source_that_repeats_its_page_is_no_endless_walk(warehouse: Warehouse) -> None:
    same = pages_of(list(range(1000, 1500)), ignores_paging=True)
    report, paths = run_against(warehouse, same, "pro_matches")
    assert len(paths) == 2
    assert report.is_ok
    assert len(known(warehouse, "pro_matches")) == 100


def test_a_page_that_came_twice_leaves_the_cursor_so_that_nothing_is_missed(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    run_against(warehouse, pages_of(ids), "pro_matches")
    more = ids + list(range(1300, 1800))
    report, paths = run_against(warehouse, pages_of(more, ignores_paging=True), "pro_matches")
    assert len(paths) == 2
    assert "came twice" in report.failures[0].message
    run_against(warehouse, pages_of(more), "pro_matches")
    assert known(warehouse, "pro_matches") == sorted(more, reverse=True)


def test_an_interrupted_walk_is_walked_again(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    run_against(warehouse, pages_of(ids), "pro_matches")
    more = ids + list(range(1300, 1800))
    whole = pages_of(more)
    report, _ = run_against(
        warehouse, lambda path, n: error(500, "no") if path.endswith("=1500") else whole(path, n), "pro_matches"
    )
    assert report.failures
    assert 1350 not in known(warehouse, "pro_matches")
    run_against(warehouse, whole, "pro_matches")
    assert known(warehouse, "pro_matches") == sorted(more, reverse=True)


def test_new_matches_that_shift_the_pages_hide_nothing(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    run_against(warehouse, pages_of(ids), "pro_matches")

    def shifting(path: str, times: int) -> Reply:
        ids.extend(range(ids[-1] + 1, ids[-1] + 60))
        return pages_of(ids)(path, times)

    ids.extend(range(1300, 1600))
    run_against(warehouse, shifting, "pro_matches")
    run_against(warehouse, pages_of(ids), "pro_matches")
    assert known(warehouse, "pro_matches") == sorted(ids, reverse=True)


def test_an_answer_that_is_no_list_is_kept_as_a_reject_and_moves_no_cursor(warehouse: Warehouse) -> None:
    report, _ = run_against(warehouse, lambda path, n: Reply(body=b'{"matches": []}'), "pro_matches")
    assert "cannot be used (expected an array, got dict)" in report.failures[0].message
    assert warehouse.rows("SELECT count(*) FROM ops.cursors") == [(0,)]
    assert warehouse.rows("SELECT count(*) FROM ops.rejects") == [(1,)]


def test_details_survive_every_fault(warehouse: Warehouse, upstream: Sandbox, players: list[int]) -> None:
    warehouse.track("player", *players)
    warehouse.run("player_matches")
    upstream.set_faults(Faults(seed=2, too_many=0.1, server_error=0.1, hang=0.1, truncate=0.1, cut=0.1, hang_s=0.1))
    report = warehouse.run("matches", opendota_match_budget=40)["matches"]
    assert report.done == 40
    assert len(known(warehouse, "matches")) == 40
