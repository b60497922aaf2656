"""Histories and statistics are read without gaps, and each page once, even if scans are interrupted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from ingestion.http.client import RetryPolicy
from ingestion.sources.faceit.connector import CONNECTOR
from ingestion.sources.faceit.players import HISTORY
from ingestion.sync.execution import sync_stream
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply, error, scripted
from tests.ingestion.sources.faceit.conftest import UNLIMITED, Warehouse
from tests.ingestion.sources.faceit.lists import PLAYER, history, match, query_of, statistics

#: In the past of every clock in this module; a match ends every ten minutes.
START = 1_700_000_000
DAY_S = 86_400


def matches(count: int, *, first: int = 0) -> list[object]:
    return [match(number, START + number * 600) for number in range(first, first + count)]


def stored(warehouse: Warehouse, table: str = "history_matches") -> int:
    [(count,)] = warehouse.rows(f"SELECT count(*) FROM staging_faceit.{table}")
    return int(count)


def cursor(warehouse: Warehouse) -> dict[str, object]:
    [(value,)] = warehouse.rows("SELECT value - 'whole_at' FROM ops.cursors")
    return dict(value)


def bounds(paths: Sequence[str]) -> list[int | None]:
    """Upper bound of each request, as the number of the newest match below it; None for the first page."""
    return [(int(query["to"]) - 1 - START) // 600 if "to" in (query := query_of(path)) else None for path in paths]


@pytest.fixture
def tracking(warehouse: Warehouse) -> Warehouse:
    warehouse.track("player", PLAYER)
    return warehouse


@pytest.mark.parametrize("is_inclusive", [True, False], ids=["bound included", "bound left out"])
def test_a_first_scan_reads_a_long_history_in_full_within_the_caps(tracking: Warehouse, is_inclusive: bool) -> None:
    report, paths = tracking.run_against(history(matches(1430), is_inclusive=is_inclusive), "history_matches")
    assert report.is_ok
    assert stored(tracking) == 1430
    assert stored(tracking, "history_players") == 1430
    assert len(paths) == 15
    assert cursor(tracking) == {"newest": START + 1429 * 600}


@pytest.mark.parametrize("is_inclusive", [True, False], ids=["bound included", "bound left out"])
@pytest.mark.parametrize("size", [3, 99, 100, 101, 250])
def test_statistics_that_share_a_millisecond_are_all_read(tracking: Warehouse, size: int, is_inclusive: bool) -> None:
    shared = [START * 1000 + 5_000_000] * size
    older = [START * 1000 + number for number in range(160)]
    newer = [START * 1000 + 6_000_000 + number for number in range(95)]
    report, _ = tracking.run_against(
        statistics([*newer, *shared, *older], is_inclusive=is_inclusive), "player_match_stats"
    )
    assert report.is_ok
    assert report.notices == ()
    assert stored(tracking, "player_match_stats") == 255 + size


@pytest.mark.parametrize("is_inclusive", [True, False], ids=["bound included", "bound left out"])
def test_more_records_with_one_timestamp_than_can_be_requested_are_a_notice_and_the_rest_is_read(
    tracking: Warehouse, is_inclusive: bool
) -> None:
    shared = [START * 1000 + 5_000_000] * 450
    older = [START * 1000 + 4_999_999 - number for number in range(120)]
    report, _ = tracking.run_against(statistics([*shared, *older], is_inclusive=is_inclusive), "player_match_stats")
    assert report.is_ok
    assert "share a time" in report.notices[0]
    assert stored(tracking, "player_match_stats") == 300 + 120


def test_a_later_scan_ends_some_days_below_the_known_records(tracking: Warehouse) -> None:
    tracking.run_against(history(matches(3000)), "history_matches")
    # A match every ten minutes makes 144 a day.
    _, paths = tracking.run_against(history(matches(3100)), "history_matches", faceit_overlap_days=1)
    assert len(paths) == 3
    assert stored(tracking) == 3100
    _, paths = tracking.run_against(history(matches(3100)), "history_matches", faceit_overlap_days=7)
    assert len(paths) == 11


def test_late_results_and_cancelled_matches_are_stored(tracking: Warehouse) -> None:
    at = START + 200 * 600
    tracking.run_against(history([*matches(200), match(200, None, status="ongoing", winner="")]), "history_matches")
    assert tracking.rows("SELECT finished_at FROM staging_faceit.history_matches WHERE status = 'ongoing'") == [(None,)]
    changed = [*matches(199), match(199, START + 199 * 600, status="cancelled", winner=""), match(200, at)]
    late = match(201, START + 150 * 600 + 1)
    tracking.run_against(history([*changed, late, match(202, at + 600)]), "history_matches")
    rows = tracking.rows("SELECT status, count(*) FROM staging_faceit.history_matches GROUP BY status ORDER BY status")
    assert rows == [("cancelled", 1), ("finished", 202)]


def test_a_match_that_claims_to_end_in_the_future_hides_no_other(tracking: Warehouse) -> None:
    bogus = match(5000, 4_000_000_000)
    tracking.run_against(history([*matches(10), bogus]), "history_matches")
    tracking.run_against(history([*matches(400), bogus]), "history_matches", clock=ShiftedClock(days=1))
    assert stored(tracking) == 401


def test_a_scan_finishes_on_a_budget_of_one_request_per_run(tracking: Warehouse) -> None:
    requested = []
    for _ in range(6):
        report, paths = tracking.run_against(history(matches(570)), "history_matches", faceit_call_budget=1)
        requested += paths
        assert report.is_ok
    assert len(set(requested)) == 6
    assert stored(tracking) == 570
    assert cursor(tracking) == {"newest": START + 569 * 600}


def test_new_matches_do_not_shift_an_interrupted_scan_and_are_read_after_it(tracking: Warehouse) -> None:
    tracking.run_against(history(matches(400)), "history_matches", faceit_call_budget=2)
    _, paths = tracking.run_against(history(matches(450)), "history_matches")
    assert bounds(paths)[:4] == [300, 201, 102, 3]
    assert bounds(paths)[4:] == [None, 350, 251, 152, 53]  # the overlap of a week exceeds the list
    assert stored(tracking) == 450


def test_matches_that_disappear_during_a_scan_hide_no_others(tracking: Warehouse) -> None:
    everything = matches(400)
    tracking.run_against(history(everything), "history_matches", faceit_call_budget=2)
    gone = [record for number, record in enumerate(everything) if number not in range(300, 350)]
    tracking.run_against(history(gone), "history_matches")
    assert stored(tracking) == 400


def test_a_killed_scan_requests_only_the_page_in_flight_again(tracking: Warehouse) -> None:
    whole = history(matches(570))

    def hanging(path: str, times: int) -> Reply:
        reply = whole(path, times)
        waits = 60 if bounds([path]) == [272] else 0
        return Reply(body=reply.body, headers=UNLIMITED, wait_s=waits)

    def wait_for_three_pages() -> None:
        while sum(1 for path in tracking.lake.files("faceit") for _ in tracking.lake.read(path)) < 3:
            time.sleep(0.01)

    async def until_the_fourth_page_hangs() -> None:
        async with scripted(hanging) as server:
            here = tracking.at(server.url)
            async with CONNECTOR.open_context(
                here.settings, here.url, here.lake, retry_policy=RetryPolicy()
            ) as context:
                task = asyncio.create_task(sync_stream(context, HISTORY))
                await asyncio.wait_for(asyncio.to_thread(wait_for_three_pages), 20)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(until_the_fourth_page_hangs())
    tracking.load()
    assert tracking.rows("SELECT count(*) FROM ops.passes WHERE finished_at IS NULL") == [(1,)]
    _, paths = tracking.run_against(whole, "history_matches")
    assert bounds(paths)[:3] == [272, 173, 74]
    assert stored(tracking) == 570


def test_a_stalled_scan_starts_anew_so_that_new_matches_do_not_wait(tracking: Warehouse) -> None:
    tracking.run_against(history(matches(400)), "history_matches", faceit_call_budget=1)
    _, paths = tracking.run_against(
        history(matches(450)), "history_matches", clock=ShiftedClock(days=4), faceit_call_budget=1
    )
    assert bounds(paths) == [None]


def test_a_repeated_first_page_is_reported_and_the_scan_continues_there(tracking: Warehouse) -> None:
    whole = history(matches(400))

    def respond(path: str, times: int) -> Reply:
        return whole(path.partition("&to=")[0], 0) if bounds([path]) == [201] else whole(path, times)

    tracking.run_against(respond, "history_matches")
    report, paths = tracking.run_against(respond, "history_matches")
    assert "the first page was returned again" in report.failures[0].message
    assert bounds(paths) == [201]
    _, paths = tracking.run_against(whole, "history_matches")
    assert bounds(paths)[0] == 201
    assert stored(tracking) == 400


def test_an_unusable_page_is_kept_and_requested_again(tracking: Warehouse) -> None:
    whole = history(matches(250))

    def respond(path: str, times: int) -> Reply:
        return Reply(body=b"[]") if bounds([path]) == [150] else whole(path, times)

    report, _ = tracking.run_against(respond, "history_matches")
    assert "cannot be used" in report.failures[0].message
    assert tracking.rows("SELECT count(*) FROM ops.rejects") == [(1,)]
    _, paths = tracking.run_against(whole, "history_matches")
    assert bounds(paths)[:2] == [150, 51]
    assert stored(tracking) == 250


def test_a_failed_scan_continues_where_it_stopped(tracking: Warehouse) -> None:
    whole = history(matches(400))
    report, _ = tracking.run_against(
        lambda path, n: error(500, "no") if bounds([path]) == [201] else whole(path, n), "history_matches"
    )
    assert report.failures
    _, paths = tracking.run_against(whole, "history_matches")
    assert bounds(paths)[0] == 201
    assert stored(tracking) == 400


@pytest.mark.parametrize(
    ("change", "refused", "unread"),
    [({"results": {"winner": "unknown"}}, 20, 0), ({"max_players": "ten"}, 0, 20)],
    ids=["refused", "a field unread"],
)
def test_records_that_were_wrong_for_a_short_time_are_right_after_the_next_run_and_reread_once(
    tracking: Warehouse, change: dict[str, object], refused: int, unread: int
) -> None:
    everything = [{**match(number, START + number * 600), "max_players": 10} for number in range(1500)]
    # In the middle of a page, far below the records that each scan reads again.
    wrong = [{**record, **change} if 460 <= number < 480 else record for number, record in enumerate(everything)]
    right = "SELECT count(*) FROM staging_faceit.history_matches WHERE max_players = 10 AND winner <> ''"
    report, _ = tracking.run_against(history(wrong), "history_matches")
    assert report.rejected == refused
    assert tracking.rows("SELECT coalesce(sum(records), 0)::integer FROM ops.field_rejects") == [(unread,)]
    assert (stored(tracking), tracking.rows(right)) == (1500 - refused, [(1480,)])
    tracking.run_against(history(everything), "history_matches")
    assert tracking.rows(right) == [(1500,)]
    # Records that stay wrong do not cause a full scan each time.
    _, paths = tracking.run_against(history(wrong), "history_matches", faceit_overlap_days=1)
    assert len(paths) < 5


def test_statistics_without_their_end_are_paged_by_their_creation_time(tracking: Warehouse) -> None:
    timestamps = [(START + number * 3600) * 1000 for number in range(450)]
    report, _ = tracking.run_against(statistics(timestamps, has_end=False), "player_match_stats")
    assert report.is_ok
    assert report.notices == ()
    times = tracking.rows("SELECT finished_at FROM staging_faceit.player_match_stats ORDER BY finished_at")
    assert times == [(timestamp,) for timestamp in timestamps]


def test_statistics_with_one_creation_time_are_read_beyond_the_largest_offset(tracking: Warehouse) -> None:
    """A source without their timestamps cannot apply a bound either."""
    whole = statistics([START * 1000] * 350, has_end=False, maximum=1000)
    _, paths = tracking.run_against(lambda path, n: whole(path.replace("to=", "x="), n), "player_match_stats")
    assert stored(tracking, "player_match_stats") == 350
    assert len(paths) == 5
    # The next run ends at the same page.
    report, _ = tracking.run_against(
        lambda path, n: whole(path.replace("to=", "x="), n), "player_match_stats", clock=ShiftedClock(days=2)
    )
    assert (report.is_ok, report.notices) == (True, ())


def test_a_history_without_timestamps_is_read_as_far_as_the_source_returns_it(tracking: Warehouse) -> None:
    whole = history([match(number, None) for number in range(1250)])
    report, _ = tracking.run_against(whole, "history_matches")
    assert (report.is_ok, stored(tracking)) == (True, 1100)
    assert "share a time" in report.notices[0]


def test_a_match_that_was_reported_late_far_below_the_known_ones_is_read_within_a_month(tracking: Warehouse) -> None:
    everything = matches(1500)
    tracking.run_against(history([*everything[:5], *everything[6:]]), "history_matches", faceit_overlap_days=1)
    for days, count in ((1, 1499), (29, 1499), (31, 1500)):
        tracking.run_against(
            history(everything), "history_matches", clock=ShiftedClock(days=days), faceit_overlap_days=1
        )
        assert stored(tracking) == count
    _, paths = tracking.run_against(
        history(everything), "history_matches", clock=ShiftedClock(days=32), faceit_overlap_days=1
    )
    assert len(paths) < 4


def test_statistics_are_scanned_back_to_the_known_records_too(tracking: Warehouse) -> None:
    timestamps = [(START + number * 3600) * 1000 for number in range(500)]
    tracking.run_against(statistics(timestamps), "player_match_stats")
    more = [*timestamps, *((START + number * 3600) * 1000 for number in range(500, 530))]
    _, paths = tracking.run_against(
        statistics(more), "player_match_stats", clock=ShiftedClock(days=2), faceit_overlap_days=1
    )
    assert len(paths) == 1
    assert stored(tracking, "player_match_stats") == 530


def test_an_empty_list_is_valid(tracking: Warehouse) -> None:
    report, paths = tracking.run_against(history([]), "history_matches")
    assert report.is_ok
    assert len(paths) == 1
    assert cursor(tracking) == {"newest": None}
