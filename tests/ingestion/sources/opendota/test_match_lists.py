"""Match lists are read without gaps, and each page once, even if scans are interrupted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import pytest

from ingestion.http.client import RetryPolicy
from ingestion.sources.opendota.connector import CONNECTOR
from ingestion.sources.opendota.match_lists import PRO_MATCHES
from ingestion.sync.execution import sync_stream
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply, error, scripted
from tests.ingestion.sources.opendota.conftest import Warehouse


def known(warehouse: Warehouse, table: str) -> list[int]:
    rows = warehouse.rows(f"SELECT match_id FROM staging_opendota.{table} ORDER BY match_id DESC")
    return [match_id for (match_id,) in rows]


def pages_of(ids: list[int], *, ignores_paging: bool = False) -> Callable[[str, int], Reply]:
    """A source that lists matches newest first, 100 per page, below the requested id."""

    def respond(path: str, times: int) -> Reply:
        below = path.partition("less_than_match_id=")[2]
        chosen = [id_ for id_ in ids if ignores_paging or not below or id_ < int(below)]
        rows = [{"match_id": id_, "start_time": id_} for id_ in sorted(chosen, reverse=True)[:100]]
        return Reply(body=json.dumps(rows).encode())

    return respond


def test_a_first_scan_is_a_few_pages_deep_and_later_scans_go_back_to_the_known_matches(warehouse: Warehouse) -> None:
    ids = list(range(10_000, 12_000))
    _, paths = warehouse.run_against(pages_of(ids), "pro_matches")
    assert len(paths) == 5
    assert known(warehouse, "pro_matches") == sorted(ids, reverse=True)[:500]
    # Matches are reported late, below known ones.
    _, again = warehouse.run_against(pages_of(ids), "pro_matches")
    assert again == paths
    # Far more matches than in the first scan are new, and no gap is left.
    more = ids + list(range(12_000, 13_050))
    _, paths = warehouse.run_against(pages_of(more), "pro_matches")
    assert len(paths) == 11
    assert known(warehouse, "pro_matches") == sorted(more, reverse=True)[:1550]


@pytest.mark.parametrize(("name", "place"), [("pro_matches", 1), ("pro_matches", 450), ("public_matches", 450)])
def test_a_match_that_is_reported_late_below_known_ones_is_read_by_the_next_run(
    warehouse: Warehouse, name: str, place: int
) -> None:
    ids = list(range(10_000, 12_000))
    late = ids[-place]
    warehouse.run_against(pages_of([id_ for id_ in ids if id_ != late]), name)
    assert late not in known(warehouse, name)
    warehouse.run_against(pages_of(ids), name)
    assert late in known(warehouse, name)


def test_a_deeper_scan_is_due_once_a_day_and_the_deepest_once_a_week(warehouse: Warehouse) -> None:
    ids = list(range(10_000, 30_000))

    def pages(**later: float) -> int:
        return len(set(warehouse.run_against(pages_of(ids), "pro_matches", clock=ShiftedClock(**later))[1]))

    days = (0, 0.5, 1.1, 1.5, 2.2, 7.1, 7.5, 8.2)
    assert [pages(days=day) for day in days] == [5, 5, 20, 5, 20, 100, 5, 20]


def test_a_sample_of_public_matches_is_never_read_far_back(warehouse: Warehouse) -> None:
    warehouse.run_against(pages_of(list(range(1000, 1100))), "public_matches")
    report, paths = warehouse.run_against(pages_of(list(range(1000, 9000))), "public_matches")
    assert len(paths) == 5
    assert report.is_ok


def test_a_short_list_is_read_to_its_end(warehouse: Warehouse) -> None:
    for _ in range(2):
        report, paths = warehouse.run_against(pages_of([5, 6, 7]), "pro_matches")
        assert paths == ["/proMatches"]
        assert report.is_ok
    assert warehouse.run_against(pages_of([]), "pro_matches")[0].is_ok


def test_a_source_that_repeats_its_page_causes_no_endless_scan(warehouse: Warehouse) -> None:
    same = pages_of(list(range(1000, 1500)), ignores_paging=True)
    report, paths = warehouse.run_against(same, "pro_matches")
    assert len(paths) == 2
    assert report.is_ok
    assert len(known(warehouse, "pro_matches")) == 100


def test_a_repeated_page_keeps_the_cursor_so_that_no_match_is_missed(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    warehouse.run_against(pages_of(ids), "pro_matches")
    more = ids + list(range(1300, 1800))
    report, paths = warehouse.run_against(pages_of(more, ignores_paging=True), "pro_matches")
    assert len(paths) == 2
    assert "the same page was returned twice" in report.failures[0].message
    warehouse.run_against(pages_of(more), "pro_matches")
    assert known(warehouse, "pro_matches") == sorted(more, reverse=True)


def test_a_failed_scan_continues_where_it_stopped_and_leaves_no_gap(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    warehouse.run_against(pages_of(ids), "pro_matches")
    more = ids + list(range(1300, 1800))
    whole = pages_of(more)
    report, _ = warehouse.run_against(
        lambda path, n: error(500, "no") if path.endswith("=1500") else whole(path, n), "pro_matches"
    )
    assert report.failures
    assert 1350 not in known(warehouse, "pro_matches")
    newer = pages_of([*more, 1800])
    _, paths = warehouse.run_against(newer, "pro_matches")
    assert paths == [f"/proMatches?less_than_match_id={id_}" for id_ in (1500, 1400, 1300)] + [
        "/proMatches",
        *(f"/proMatches?less_than_match_id={id_}" for id_ in (1701, 1601, 1501, 1401)),
    ]
    assert known(warehouse, "pro_matches") == [1800, *sorted(more, reverse=True)]


@pytest.mark.parametrize("name", ["pro_matches", "public_matches"])
def test_a_first_scan_finishes_on_a_budget_of_one_request_per_run(warehouse: Warehouse, name: str) -> None:
    ids = list(range(10_000, 12_000))
    requested = []
    for _ in range(5):
        report, paths = warehouse.run_against(pages_of(ids), name, opendota_call_budget=1)
        requested += paths
        assert report.is_ok
    assert len(set(requested)) == 5
    assert known(warehouse, name) == sorted(ids, reverse=True)[:500]
    assert warehouse.rows("SELECT value ->> 'newest_match_id', value ->> 'walk' FROM ops.cursors") == [("11999", None)]


def test_a_killed_scan_requests_only_the_page_in_flight_again(warehouse: Warehouse) -> None:
    whole = pages_of(list(range(10_000, 12_000)))

    def hanging(path: str, times: int) -> Reply:
        return Reply(wait_s=60) if path.endswith("=11700") else whole(path, times)

    def wait_for_three_pages() -> None:
        while sum(1 for path in warehouse.lake.files("opendota") for _ in warehouse.lake.read(path)) < 3:
            time.sleep(0.01)

    async def until_the_fourth_page_hangs() -> None:
        async with scripted(hanging) as server:
            here = warehouse.at(server.url)
            async with CONNECTOR.open_context(
                here.settings, here.url, here.lake, retry_policy=RetryPolicy()
            ) as context:
                task = asyncio.create_task(sync_stream(context, PRO_MATCHES))
                await asyncio.wait_for(asyncio.to_thread(wait_for_three_pages), 20)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(until_the_fourth_page_hangs())
    warehouse.load()
    assert warehouse.rows("SELECT count(*) FROM ops.passes WHERE finished_at IS NULL") == [(1,)]
    _, paths = warehouse.run_against(whole, "pro_matches")
    assert paths == [f"/proMatches?less_than_match_id={id_}" for id_ in (11_700, 11_600)] + [
        "/proMatches",
        *(f"/proMatches?less_than_match_id={id_}" for id_ in (11_900, 11_800, 11_700, 11_600)),
    ]


def test_a_stalled_scan_starts_anew_so_that_new_matches_do_not_wait(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    warehouse.run_against(pages_of(ids), "pro_matches")
    more = pages_of(ids + list(range(1300, 1800)))
    warehouse.run_against(more, "pro_matches", opendota_call_budget=1)
    _, paths = warehouse.run_against(more, "pro_matches", clock=ShiftedClock(days=4), opendota_call_budget=1)
    assert paths == ["/proMatches"]


def test_a_scan_starts_anew_after_an_unusable_page(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    warehouse.run_against(pages_of(ids), "pro_matches")
    more = ids + list(range(1300, 1800))
    whole = pages_of(more)
    report, _ = warehouse.run_against(
        lambda path, n: Reply(body=b"{}") if path.endswith("=1600") else whole(path, n), "pro_matches"
    )
    assert "cannot be used" in report.failures[0].message
    _, paths = warehouse.run_against(whole, "pro_matches")
    assert paths[0] == "/proMatches"
    assert known(warehouse, "pro_matches") == sorted(more, reverse=True)


def test_new_matches_that_shift_the_pages_hide_no_match(warehouse: Warehouse) -> None:
    ids = list(range(1000, 1300))
    warehouse.run_against(pages_of(ids), "pro_matches")

    def shifting(path: str, times: int) -> Reply:
        ids.extend(range(ids[-1] + 1, ids[-1] + 60))
        return pages_of(ids)(path, times)

    ids.extend(range(1300, 1600))
    warehouse.run_against(shifting, "pro_matches")
    warehouse.run_against(pages_of(ids), "pro_matches")
    assert known(warehouse, "pro_matches") == sorted(ids, reverse=True)


def test_a_response_that_is_not_a_list_is_kept_as_a_reject_and_moves_no_cursor(warehouse: Warehouse) -> None:
    report, _ = warehouse.run_against(lambda path, n: Reply(body=b'{"matches": []}'), "pro_matches")
    assert "cannot be used (expected an array, got dict)" in report.failures[0].message
    assert warehouse.rows("SELECT count(*) FROM ops.cursors") == [(0,)]
    assert warehouse.rows("SELECT count(*) FROM ops.rejects") == [(1,)]
