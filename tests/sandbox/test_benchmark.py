"""Bulk rows are deterministic, quick, and in the form of served records."""

from __future__ import annotations

import msgspec
import polars as pl

from sandbox.benchmark import account_of, benchmark_frames, benchmark_pages


def test_a_page_can_hold_a_million_records():
    (page,) = benchmark_pages(seed=1, rows=1_000_000, page_rows=1_000_000)
    assert page.count(b'"match_id"') == 1_000_000


def test_rows_do_not_depend_on_the_page_size():
    def records(page_rows: int) -> list[object]:
        pages = benchmark_pages(seed=3, rows=130_001, page_rows=page_rows)
        return [record for page in pages for record in msgspec.json.decode(page)]

    assert records(130_001) == records(999) == records(60_000)


def test_pages_have_the_requested_size_and_the_last_one_has_the_rest():
    assert [len(frame) for frame in benchmark_frames(1, 250_010, 100_000)] == [100_000, 100_000, 50_010]
    assert [len(frame) for frame in benchmark_frames(1, 7, 3)] == [3, 3, 1]


def test_match_and_slot_are_a_key_and_accounts_follow_the_row_number():
    frame = pl.concat(benchmark_frames(seed=1, rows=200_000, frame_rows=50_000))
    assert frame.select("match_id", "player_slot").is_unique().all()
    assert frame["account_id"][5_000] == account_of(5_000) != account_of(4_999)
    mine = frame.filter(pl.col("account_id") == account_of(0))
    assert mine["start_time"].is_sorted(descending=True)
    assert mine["match_id"].is_sorted(descending=True)


def test_records_have_the_form_of_served_ones(api, account):
    served = api.get(f"/players/{account}/matches?limit=1").json()[0]
    (page,) = benchmark_pages(seed=1, rows=1_000, page_rows=1_000)
    records = msgspec.json.decode(page)
    assert list(records[0]) == list(served)
    for name in ("radiant_win", "version", "average_rank", "party_size"):
        assert {type(record[name]) for record in records} > {type(None)}
