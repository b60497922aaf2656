"""Rankings, hubs and championships: complete, in pages of the size that FACEIT allows, and no more often than due."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply
from tests.ingestion.sources.faceit.conftest import Warehouse
from tests.ingestion.sources.faceit.lists import Script, not_found, paged, query_of

Requested = Callable[[], list[str]]
HUB = "05f970ad-b6a9-4740-89d1-a9fea46f7525"


def places(count: int) -> Script:
    items = [{"player_id": f"p{n}", "position": n, "faceit_elo": 5000 - n} for n in range(1, count + 1)]
    return lambda path, times: paged(items, query_of(path))


def members(count: int) -> Script:
    items = [{"user_id": f"u{n}", "nickname": f"n{n}", "roles": ["member"]} for n in range(count)]
    return lambda path, times: paged(items, query_of(path), maximum=50)


def positions(warehouse: Warehouse, game: str = "cs2", region: str = "EU") -> list[int]:
    query = "SELECT position FROM staging_faceit.rankings WHERE game_id = %s AND region = %s ORDER BY position"
    return [position for (position,) in warehouse.rows(query, game, region)]


@pytest.mark.parametrize(("top", "requests"), [(20, 1), (100, 1), (150, 2), (1000, 5)])
def test_the_top_of_each_region_and_game_is_read(warehouse: Warehouse, top: int, requests: int) -> None:
    report, paths = warehouse.run_against(
        places(430), "rankings", faceit_ranking_top=top, faceit_ranking_regions="EU,SA"
    )
    assert report.is_ok
    assert len(paths) == 4 * requests
    for game in ("cs2", "dota2"):
        for region in ("EU", "SA"):
            assert positions(warehouse, game, region) == list(range(1, min(top, 430) + 1))
    assert warehouse.rows("SELECT count(*) FROM staging_faceit.player_elos WHERE seen_in = 'ranking'") == [
        (4 * min(top, 430),)
    ]


def test_a_ranking_limit_of_zero_requests_nothing(warehouse: Warehouse) -> None:
    assert warehouse.run_against(places(10), "rankings", faceit_ranking_top=0)[1] == []


def test_rankings_are_read_every_six_hours(warehouse: Warehouse) -> None:
    requested = [
        len(warehouse.run_against(places(10), "rankings", ShiftedClock(hours=hours), faceit_ranking_regions="EU")[1])
        for hours in (0, 5, 7)
    ]
    assert requested == [2, 0, 2]


def test_a_region_where_a_game_has_no_ranking_is_no_failure(warehouse: Warehouse) -> None:
    def respond(path: str, times: int) -> Reply:
        return not_found("ranking") if "dota2" in path else places(10)(path, times)

    report, paths = warehouse.run_against(respond, "rankings", faceit_ranking_regions="EU")
    assert report.is_ok
    assert positions(warehouse) == list(range(1, 11))
    assert warehouse.run_against(respond, "rankings", faceit_ranking_regions="EU")[1] == []
    assert len(paths) == 2


def test_a_scan_of_members_has_pages_of_fifty_and_continues_where_the_budget_ended(warehouse: Warehouse) -> None:
    warehouse.track("hub", HUB)
    requested: list[str] = []
    for _ in range(5):
        requested += warehouse.run_against(members(230), "hub_members", faceit_call_budget=1)[1]
    assert [query_of(path).get("offset", "0") for path in requested] == ["0", "50", "100", "150", "200"]
    assert warehouse.rows("SELECT count(*) FROM staging_faceit.hub_members") == [(230,)]
    assert warehouse.run_against(members(230), "hub_members", ShiftedClock(days=6))[1] == []
    assert len(warehouse.run_against(members(240), "hub_members", ShiftedClock(days=8))[1]) == 5


def test_a_repeated_first_page_of_members_hides_no_member(warehouse: Warehouse) -> None:
    warehouse.track("hub", HUB)

    def respond(path: str, times: int) -> Reply:
        is_wrong = query_of(path).get("offset") == "100"
        return members(230)("/members?limit=50" if is_wrong else path, times)

    report, _ = warehouse.run_against(respond, "hub_members")
    assert "the first page was returned again" in report.failures[0].message
    warehouse.run_against(members(230), "hub_members")
    assert warehouse.rows("SELECT count(*) FROM staging_faceit.hub_members") == [(230,)]


@pytest.mark.parametrize("nickname", [b"new", rb"new \ud83d", b"new \x00"])
def test_a_repeated_first_page_is_recognised_by_its_start_offset(warehouse: Warehouse, nickname: bytes) -> None:
    """Even if a member has joined at the top since, with any name."""
    warehouse.track("hub", HUB)

    def respond(path: str, times: int) -> Reply:
        is_wrong = query_of(path).get("offset") == "100"
        if not is_wrong:
            return members(230)(path, times)
        return Reply(body=b'{"items": [{"user_id": "new", "nickname": "%s", "roles": []}], "start": 0}' % nickname)

    report, _ = warehouse.run_against(respond, "hub_members")
    assert "the first page was returned again" in report.failures[0].message
    _, paths = warehouse.run_against(members(230), "hub_members")
    assert [query_of(path).get("offset") for path in paths] == ["100", "150", "200"]


def hub_with(timestamps: Sequence[int], *, max_offset: int | None = None) -> Script:
    """A hub with matches that ended at these times, in this order."""
    items = [{"match_id": f"1-{timestamp}", "status": "FINISHED", "finished_at": timestamp} for timestamp in timestamps]

    def respond(path: str, times: int) -> Reply:
        if not path.partition("?")[0].endswith("/matches"):
            return Reply(body=json.dumps({"hub_id": HUB}).encode())
        return paged(items, query_of(path), maximum=50, max_offset=max_offset)

    return respond


def pages_of(paths: list[str]) -> int:
    return sum("/matches?" in path for path in paths)


def count_matches(warehouse: Warehouse) -> int:
    [(count,)] = warehouse.rows("SELECT count(*) FROM staging_faceit.matches")
    return int(count)


#: In the past of every clock in this module; a match ends every ten minutes.
START = 1_700_000_000
TIMESTAMPS = [START + number * 600 for number in range(1200)]


@pytest.mark.parametrize(
    "order",
    [
        lambda timestamps: timestamps,
        lambda timestamps: [
            timestamp for day in range(0, len(timestamps), 144) for timestamp in timestamps[day : day + 144][::-1]
        ],
        lambda timestamps: sorted(timestamps, key=lambda timestamp: timestamp * 7919 % 10_007),
    ],
    ids=["oldest first", "days in their order", "no order"],
)
def test_a_list_that_is_not_newest_first_is_read_to_its_end(
    warehouse: Warehouse, order: Callable[[list[int]], list[int]]
) -> None:
    warehouse.track("hub", HUB)
    warehouse.run_against(hub_with(order(TIMESTAMPS[:1000])), "hubs")
    assert count_matches(warehouse) == 1000
    warehouse.run_against(hub_with(order(TIMESTAMPS)), "hubs", ShiftedClock(hours=2))
    assert count_matches(warehouse) == 1200


def test_a_refused_offset_is_the_end_of_a_list(warehouse: Warehouse) -> None:
    warehouse.track("hub", HUB)
    newest_first = hub_with(TIMESTAMPS[::-1], max_offset=200)
    report, _ = warehouse.run_against(newest_first, "hubs")
    assert report.is_ok
    assert "no more than 250" in report.notices[0]
    assert count_matches(warehouse) == 250
    assert warehouse.rows("SELECT count(*) FROM ops.rejects") == [(0,)]
    report, paths = warehouse.run_against(newest_first, "hubs", ShiftedClock(hours=1))
    assert (report.notices, pages_of(paths)) == ((), 1)


def test_the_last_days_of_a_hub_are_read_again_once_a_day_and_its_last_hours_each_time(warehouse: Warehouse) -> None:
    warehouse.track("hub", HUB)
    requests = [
        pages_of(warehouse.run_against(hub_with(TIMESTAMPS[::-1]), "hubs", ShiftedClock(hours=hours))[1])
        for hours in (0, 1, 12, 23, 25, 26)
    ]
    # A match every ten minutes makes 36 in six hours, and a thousand in a week.
    assert requests == [25, 1, 1, 1, 21, 1]


def test_the_first_scan_of_a_hub_is_limited_and_a_notice_says_so(warehouse: Warehouse) -> None:
    warehouse.track("hub", HUB)
    many = [START - number * 600 for number in range(7000)]
    report, paths = warehouse.run_against(hub_with(many), "hubs")
    assert (report.is_ok, pages_of(paths), count_matches(warehouse)) == (True, 100, 5000)
    assert "first 5000 records" in report.notices[0]
    report, paths = warehouse.run_against(hub_with([START + 600, *many]), "hubs", ShiftedClock(hours=1))
    assert (report.notices, pages_of(paths), count_matches(warehouse)) == ((), 1, 5001)


def test_tracked_hubs_and_championships_are_read_with_all_finished_matches(
    simulated: Warehouse, upstream: Sandbox, requested: Requested
) -> None:
    world = upstream.faceit.world
    tracked: dict[str, Any] = {"hub": world.scene.hubs[0], "championship": world.scene.championships[0]}
    for kind, competition in tracked.items():
        simulated.track(kind, competition.competition_id)
    for days in (0, 3):
        upstream.advance(days=days)
        reports = simulated.run("hubs", "championships", "hub_members", clock=ShiftedClock(days=days))
        assert all(report.is_ok for report in reports.values())
        for competition in tracked.values():
            series = world.history.series
            place = world.scene.competitions.index(competition)
            is_over = (series.competition == place) & (series.result_at <= world.now) & (series.visible_at <= world.now)
            stored = simulated.rows(
                "SELECT match_id FROM staging_faceit.matches WHERE competition_id = %s", competition.competition_id
            )
            assert {id_ for (id_,) in stored} == set(series.match_id[is_over].tolist())
            assert stored
    [(count,)] = simulated.rows("SELECT count(*) FROM staging_faceit.hub_members")
    assert count == len(world.accounts.plays("cs2"))
    assert simulated.rows("SELECT count(*) FROM staging_faceit.hubs") == [(1,)]
    assert simulated.rows("SELECT count(*) FROM staging_faceit.championships") == [(1,)]


def test_an_unknown_hub_or_championship_is_one_line(simulated: Warehouse) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    simulated.track("hub", unknown)
    simulated.track("championship", unknown)
    reports = simulated.run("hubs", "championships", "hub_members")
    lines = [failure.message for report in reports.values() for failure in report.failures]
    assert len(lines) == 2
    for kind, line in zip(("hub", "championship"), lines, strict=True):
        assert f"`ladder untrack faceit {kind} {unknown}`" in line


@pytest.mark.parametrize(("game", "has_notice"), [("cs2", False), ("csgo", False), ("valorant", True)])
def test_a_hub_of_a_game_that_is_not_read_is_a_notice(warehouse: Warehouse, game: str, has_notice: bool) -> None:
    warehouse.track("hub", HUB)

    def respond(path: str, times: int) -> Reply:
        if path.endswith(f"/hubs/{HUB}"):
            return Reply(body=json.dumps({"hub_id": HUB, "game_id": game}).encode())
        return paged([], query_of(path))

    report, _ = warehouse.run_against(respond, "hubs")
    assert report.is_ok
    assert report.notices == (
        (f"hub {HUB}: its game is valorant; only matches of cs2 and csgo are read",) if has_notice else ()
    )
