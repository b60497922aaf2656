"""Promises 2 and 3: exactly once in effect, and the order of arrival does not matter."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import Database
from tests.warehouse.probe_source import SOURCE, START, clear, contents, deletion, page, written
from warehouse.database.connections import connect, role_url
from warehouse.lake.files import Lake
from warehouse.model.source import CursorUpdate, Page, Parsed
from warehouse.ops.state import read_cursors
from warehouse.schema.migrate import migrate
from warehouse.staging.load import load_files, load_pending, pending_files
from warehouse.staging.prepare import GROUP_BYTES


@pytest.fixture
def ingest_url(database: Database) -> str:
    migrate(database.settings, database.admin_url, [SOURCE])
    return role_url(database.settings, database.admin_url, "ingest")


@pytest.fixture
def connection(ingest_url: str) -> Iterator[psycopg.Connection]:
    with connect(ingest_url) as opened:
        yield opened


def test_a_landed_page_becomes_rows_ledger_and_cursor_in_one_batch(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    move = CursorUpdate("scores/1", {"newest": 2})
    lake.land(SOURCE, "scores", [page("scores", [{"game": 1, "points": 5}, {"game": 2, "won": True}], cursor=move)])
    report = load_pending(ingest_url, lake, SOURCE)
    assert (report.files, report.pages, report.records, report.inserted) == (1, 1, 2, 2)
    assert report.changed == {"scores": 2}
    assert [row[:4] for row in contents(connection)["scores"]] == [(1, 1, 5, None), (1, 2, None, True)]
    assert read_cursors(connection, "probe", "scores/")["scores/1"].value == {"newest": 2}
    assert connection.execute("SELECT source, files, inserted FROM ops.batches").fetchall() == [("probe", 1, 2)]


def test_loading_the_same_pages_again_writes_nothing(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    pages = [page("scores", [{"game": game, "points": game} for game in range(300)])]
    lake.land(SOURCE, "scores", pages)
    load_pending(ingest_url, lake, SOURCE)
    before, count = contents(connection), written(connection)
    path = lake.land(SOURCE, "scores", pages)
    assert load_pending(ingest_url, lake, SOURCE).files == 1
    load_files(connection, lake, SOURCE, [path], is_reload=True)
    assert contents(connection) == before
    assert written(connection) == count


def test_content_observed_again_only_updates_the_observation_time(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    lake.land(SOURCE, "names", [page("names", [{"id": 1, "name": "a", "tags": [1]}])])
    load_pending(ingest_url, lake, SOURCE)
    lake.land(SOURCE, "names", [page("names", [{"id": 1, "name": "a", "tags": [1]}], hour=2)])
    report = load_pending(ingest_url, lake, SOURCE)
    assert (report.inserted, report.updated, report.reobserved, report.changed) == (0, 0, 1, {})
    ((batch,),) = connection.execute("SELECT _batch_id FROM staging_probe.names").fetchall()
    assert batch == 1
    assert connection.execute("SELECT count(*) FROM staging_probe.names__feed").fetchone() == (0,)


def test_a_change_leaves_the_old_image_in_the_feed(ingest_url: str, connection: psycopg.Connection, lake: Lake) -> None:
    lake.land(SOURCE, "scores", [page("scores", [{"game": 1, "points": 5}])])
    load_pending(ingest_url, lake, SOURCE)
    lake.land(SOURCE, "scores", [page("scores", [{"game": 1, "points": 6}], hour=1)])
    lake.land(SOURCE, "scores", [deletion("scores", "scores", [{"player": 1, "game": 1}], hour=2)])
    for path in pending_files(connection, lake, SOURCE):
        load_files(connection, lake, SOURCE, [path])
    feed = connection.execute(
        "SELECT _feed_batch_id, _operation, points, _batch_id FROM staging_probe.scores__feed ORDER BY 1"
    ).fetchall()
    assert feed == [(2, "update", 5, 1), (3, "delete", 6, 2)]


def test_a_deletion_of_several_keys_deletes_only_these_rows(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    for player in (7, 8):
        records = [{"game": 1, "points": 1}, {"game": 2, "points": 2}]
        lake.land(SOURCE, "scores", [page("scores", records, player=player)])
    gone = [{"player": 7, "game": 1}, {"player": 8, "game": 2}]
    lake.land(SOURCE, "scores", [deletion("scores", "scores", gone, hour=1)])
    load_pending(ingest_url, lake, SOURCE)
    rows = connection.execute("SELECT player, game FROM staging_probe.scores WHERE _deleted_at IS NOT NULL ORDER BY 1")
    assert rows.fetchall() == [(7, 1), (8, 2)]


def test_an_unreadable_deletion_is_a_reject_and_other_pages_are_loaded(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    lake.land(SOURCE, "scores", [deletion("scores", "no such table", [], hour=1), page("scores", [{"game": 1}])])
    report = load_pending(ingest_url, lake, SOURCE)
    assert (report.inserted, report.rejected) == (1, 1)


def test_equal_numbers_in_different_notations_converge_in_any_order(
    ingest_url: str, connection: psycopg.Connection, database: Database, tmp_path: Path
) -> None:
    ends = []
    for order in (("1", "1.0"), ("1.0", "1")):
        clear(database.admin_url)
        lake = Lake(tmp_path / order[0])
        for number in order:
            body = f'[{{"id":1,"tags":{number}}}]'.encode()
            path = lake.land(SOURCE, "names", [Page("names", f"/{number}", {}, 200, START, body)])
            load_files(connection, lake, SOURCE, [path])
        ends.append(connection.execute("SELECT tags::text FROM staging_probe.names").fetchall())
        connection.commit()
    assert ends[0] == ends[1]


def test_a_late_page_does_not_restore_a_deleted_row(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    lake.land(SOURCE, "scores", [deletion("scores", "scores", [{"player": 1, "game": 1}], hour=5)])
    load_pending(ingest_url, lake, SOURCE)
    lake.land(SOURCE, "scores", [page("scores", [{"game": 1, "points": 5}], hour=4)])
    load_pending(ingest_url, lake, SOURCE)
    ((points, deleted_at),) = connection.execute("SELECT points, _deleted_at FROM staging_probe.scores").fetchall()
    assert points is None
    assert deleted_at is not None


observations = st.lists(
    st.one_of(
        st.builds(
            lambda game, points, hour: page("scores", [{"game": game, "points": points}], hour=hour),
            st.integers(1, 3),
            st.integers(0, 2),
            st.integers(0, 3),
        ),
        st.builds(
            lambda game, hour: deletion("scores", "scores", [{"player": 1, "game": game}], hour=hour),
            st.integers(1, 3),
            st.integers(0, 3),
        ),
        st.builds(
            lambda ids, text, hour: page("names", [{"id": id_, "name": text} for id_ in ids], hour=hour),
            st.lists(st.integers(1, 3), min_size=1, max_size=4),
            st.sampled_from(["a", "b"]),
            st.integers(0, 3),
        ),
    ),
    min_size=1,
    max_size=7,
)


_DELETED_TWICE = [deletion("scores", "scores", [{"player": 1, "game": 1}], hour=hour) for hour in (0, 1)]


@given(observations, st.randoms(use_true_random=False), st.integers(1, 7))
@example(_DELETED_TWICE, Random(0), 1)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_order_and_batching_of_the_same_pages_gives_the_same_rows(
    connection: psycopg.Connection,
    database: Database,
    tmp_path_factory: pytest.TempPathFactory,
    pages: list[Page],
    random,
    step: int,
) -> None:
    ends = []
    shuffled = list(pages)
    random.shuffle(shuffled)
    for order, size in ((pages, 1), (shuffled, step), (shuffled[::-1], len(pages))):
        clear(database.admin_url)
        lake = Lake(tmp_path_factory.mktemp("lake"))
        for group in _batched(order, size):
            paths = [lake.land(SOURCE, item.endpoint, [item]) for item in group]
            load_files(connection, lake, SOURCE, paths)
        ends.append(contents(connection))
    assert ends[0] == ends[1] == ends[2]


def _batched(items: list[Page], size: int) -> Iterator[list[Page]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _load_in_process(url: str, root: Path, barrier) -> None:  # a multiprocessing barrier has no public type
    barrier.wait()
    load_pending(url, Lake(root), SOURCE)


def test_two_processes_at_once_load_every_page_exactly_once(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    # Some pages fill a group, so that the processes compete for several groups.
    for player in range(20):
        records = [{"game": game, "points": player} for game in range(100)]
        lake.land(SOURCE, "scores", [page("scores", records, player=player)])
        if player % 5 == 0:
            lake.land(SOURCE, "names", [page("names", [{"id": 1000 + player, "name": "n" * GROUP_BYTES}])])
        lake.land(SOURCE, "names", [page("names", [{"id": player, "name": str(player)}])])
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_load_in_process, args=(ingest_url, lake.root, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert {name: len(rows) for name, rows in contents(connection).items()} == {"scores": 2000, "names": 24}
    assert connection.execute("SELECT sum(inserted), sum(files) FROM ops.batches").fetchone() == (2024, 44)


def test_a_bulk_load_with_a_known_key_is_merged(ingest_url: str, connection: psycopg.Connection, lake: Lake) -> None:
    count = 12_001
    lake.land(SOURCE, "scores", [page("scores", [{"game": 7_777, "points": -1}], hour=1)])
    load_pending(ingest_url, lake, SOURCE)
    lake.land(SOURCE, "scores", [page("scores", [{"game": game, "points": game} for game in range(count)])])
    report = load_pending(ingest_url, lake, SOURCE)
    assert (report.inserted, report.updated) == (count - 1, 0)
    assert connection.execute("SELECT points FROM staging_probe.scores WHERE game = 7777").fetchone() == (-1,)


def test_bulk_and_small_loads_give_the_same_rows(
    database: Database, ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    records = [{"game": game, "points": game, "won": game % 3 == 0} for game in range(12_000)]
    lake.land(SOURCE, "scores", [page("scores", records)])
    load_pending(ingest_url, lake, SOURCE)
    bulk = contents(connection)
    clear(database.admin_url)
    paths = [lake.land(SOURCE, "scores", [page("scores", records[at : at + 1000])]) for at in range(0, 12_000, 1000)]
    for path in paths:
        load_files(connection, lake, SOURCE, [path])
    assert contents(connection) == bulk


def test_rejects_are_stored_with_their_position_and_counted(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    path = lake.land(SOURCE, "scores", [page("scores", [{"game": 1}]), page("scores", [{"game": "x"}, {"game": 2}])])
    report = load_pending(ingest_url, lake, SOURCE)
    assert (report.inserted, report.rejected) == (2, 1)
    rows = connection.execute("SELECT lake_path, page, record_index, field_path, record FROM ops.rejects").fetchall()
    assert rows == [(lake.name_of(path), 1, 0, "$.game", '{"game":"x"}')]


def test_an_older_page_does_not_move_a_cursor_back(ingest_url: str, connection: psycopg.Connection, lake: Lake) -> None:
    for hour in (3, 1):
        lake.land(SOURCE, "scores", [page("scores", [], hour=hour, cursor=CursorUpdate("c", {"hour": hour}))])
        load_pending(ingest_url, lake, SOURCE)
    assert read_cursors(connection, "probe", "c")["c"].value == {"hour": 3}


def test_unknown_fields_are_named_up_to_a_limit_and_then_counted_together(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    for start in range(0, 1000, 50):
        record = {"id": start, **{f"new_{number:04}": 0 for number in range(start, start + 50)}}
        lake.land(SOURCE, "names", [page("names", [record])])
        load_pending(ingest_url, lake, SOURCE)
    assert connection.execute("SELECT count(*), max(pages) FROM ops.drift").fetchone() == (201, 800)
    assert connection.execute("SELECT pages FROM ops.drift WHERE field = 'names.*'").fetchone() == (800,)


def test_a_page_that_the_database_rejects_becomes_a_reject_and_all_others_are_loaded(
    database: Database, ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    with psycopg.connect(database.admin_url) as admin:
        admin.execute("ALTER TABLE staging_probe.scores ADD CHECK (points <> 13)")
    for first in (0, 10):
        pages = [
            page(
                "scores",
                [{"game": number, "points": 13 if number in (3, 17) else 0}],
                cursor=CursorUpdate(f"scores/{number}", {}),
            )
            for number in range(first, first + 10)
        ]
        lake.land(SOURCE, "scores", pages)
    lake.land(SOURCE, "names", [page("names", [{"id": 1, "name": "a"}])])
    report = load_pending(ingest_url, lake, SOURCE)
    assert (report.files, report.inserted, report.rejected) == (3, 19, 2)
    assert pending_files(connection, lake, SOURCE) == []
    stored = connection.execute("SELECT game FROM staging_probe.scores ORDER BY game").fetchall()
    assert stored == [(number,) for number in range(20) if number not in (3, 17)]
    rejects = connection.execute("SELECT page, record_index, reason FROM ops.rejects ORDER BY lake_path").fetchall()
    assert [(number, index) for number, index, _ in rejects] == [(3, -1), (7, -1)]
    assert all(reason.startswith("not stored: ") and "check constraint" in reason for _, _, reason in rejects)
    # Its cursor does not change, so that it is requested again.
    assert "scores/3" not in read_cursors(connection, "probe", "scores/")


def test_a_page_whose_parser_fails_becomes_a_reject_and_all_others_are_loaded(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    def parse(answer: Page) -> Parsed:
        if b"13" in answer.body:
            raise RecursionError
        return SOURCE.endpoints["scores"].parse(answer)

    endpoint = replace(SOURCE.endpoints["scores"], parse=parse)
    source = replace(SOURCE, endpoints={**SOURCE.endpoints, "scores": endpoint})
    lake.land(source, "scores", [page("scores", [{"game": number, "points": 1}]) for number in (12, 13, 14)])
    report = load_pending(ingest_url, lake, source)
    assert (report.inserted, report.rejected) == (2, 1)
    assert connection.execute("SELECT reason FROM ops.rejects").fetchone() == ("not parsed: RecursionError",)


def test_a_page_with_too_many_bad_records_is_one_reject(
    ingest_url: str, connection: psycopg.Connection, lake: Lake
) -> None:
    lake.land(SOURCE, "scores", [page("scores", [0] * 20_000), page("scores", [{"game": 1}], hour=1)])
    report = load_pending(ingest_url, lake, SOURCE)
    assert (report.inserted, report.rejected) == (1, 1)
    reasons = connection.execute("SELECT record_index, reason FROM ops.rejects").fetchall()
    assert reasons == [(-1, "more than 10000 of its records cannot be read")]
