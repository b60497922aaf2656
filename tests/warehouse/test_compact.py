"""Compaction gives fewer files with the same pages, and correct references even if it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.conftest import Database
from tests.warehouse.probe_source import SOURCE, contents, page
from warehouse.database.connections import connect, role_url
from warehouse.lake.compaction import compact
from warehouse.lake.files import Lake
from warehouse.model.source import Page
from warehouse.schema.migrate import migrate
from warehouse.staging.load import load_pending
from warehouse.staging.replay import replay, replay_rejects

_TODAY = date(2026, 1, 2)
_BAD = [{"game": "many"}, {"game": 9, "points": "many"}]


@pytest.fixture
def loaded(database: Database, lake: Lake) -> Database:
    """Six files of a day with a page each, two with a reject and an unreadable field; and one file of the next day."""
    migrate(database.settings, database.admin_url, [SOURCE])
    for hour in range(6):
        records = [{"game": hour, "points": hour}, *(_BAD if hour % 3 == 2 else [])]
        lake.land(SOURCE, "scores", [page("scores", records, hour=hour, player=hour)])
    lake.land(SOURCE, "scores", [page("scores", [{"game": 7}], hour=30)])
    load_pending(role_url(database.settings, database.admin_url, "ingest"), lake, SOURCE)
    return database


def test_the_files_of_a_closed_day_become_one_with_the_same_pages(loaded: Database, lake: Lake) -> None:
    before = _pages(lake)
    report = compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
    assert (report.files_before, report.files_after) == (6, 1)
    assert len(lake.files("probe")) == 2  # the file of the current day is not closed
    assert _pages(lake) == before
    assert compact(loaded.admin_url, lake, SOURCE, today=_TODAY).files_after == 1


def test_the_ledger_names_the_existing_files(loaded: Database, lake: Lake) -> None:
    compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
    _assert_ledger_is_correct(loaded, lake)
    ingest_url = role_url(loaded.settings, loaded.admin_url, "ingest")
    assert load_pending(ingest_url, lake, SOURCE).files == 0


def test_rejects_reference_their_pages_and_can_be_replayed(loaded: Database, lake: Lake) -> None:
    compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
    _assert_ledger_is_correct(loaded, lake)
    report = replay_rejects(role_url(loaded.settings, loaded.admin_url, "ingest"), lake, SOURCE)
    assert report.rejected == 2
    _assert_ledger_is_correct(loaded, lake)


def test_a_replay_of_the_compacted_lake_gives_the_same_tables(loaded: Database, lake: Lake) -> None:
    with connect(loaded.admin_url) as connection:
        before = contents(connection)
        compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
        replay(loaded.admin_url, lake, SOURCE)
        assert contents(connection) == before
    _assert_ledger_is_correct(loaded, lake)


def test_a_pending_file_is_not_compacted(loaded: Database, lake: Lake) -> None:
    fresh = lake.land(SOURCE, "scores", [page("scores", [{"game": 50}], hour=7, player=50)])
    compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
    assert fresh.exists()
    assert load_pending(role_url(loaded.settings, loaded.admin_url, "ingest"), lake, SOURCE).inserted == 1


def test_abandoned_files_of_killed_writers_are_removed_and_files_being_written_are_not(
    loaded: Database, lake: Lake
) -> None:
    folder = lake.files("probe")[0].parent
    left, written = folder / "left.unfinished", folder / "written.unfinished"
    for path in (left, written):
        path.write_bytes(b"half a file")
    os.utime(left, (0, 0))
    compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
    assert not left.exists()
    assert written.exists()


def test_the_ledger_of_a_missing_lake_is_kept(loaded: Database, lake: Lake) -> None:
    lake.root.rename(lake.root.with_name("elsewhere"))
    compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
    lake.root.with_name("elsewhere").rename(lake.root)
    _assert_ledger_is_correct(loaded, lake)


#: Kills the process at the nth of these steps: the rename, the commit of the ledger, each removal.
_KILLED = """
import os, sys
from datetime import date
from pathlib import Path
from psycopg import Transaction
from tests.warehouse.probe_source import SOURCE
from warehouse.lake.compaction import compact
from warehouse.lake.files import Lake

left = int(sys.argv[3])

def dying(method):
    def step(*arguments, **options):
        global left
        if left == 0:
            os.kill(os.getpid(), 9)
        left -= 1
        return method(*arguments, **options)
    return step

Path.replace, Path.unlink = dying(Path.replace), dying(Path.unlink)
Transaction.__exit__ = dying(Transaction.__exit__)
compact(sys.argv[1], Lake(Path(sys.argv[2])), SOURCE, today=date(2026, 1, 2))
"""


@pytest.mark.parametrize("step", range(7))
def test_a_killed_compaction_loses_no_page_and_the_next_one_completes_it(
    loaded: Database, lake: Lake, step: int
) -> None:
    before = _pages(lake)
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, loaded.admin_url, str(lake.root), str(step)],
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ},
    )
    assert ended.returncode == -9
    assert set(_pages(lake)) == set(before)
    with connect(loaded.admin_url) as connection:
        _assert_reject_references(connection, lake)
    compact(loaded.admin_url, lake, SOURCE, today=_TODAY)
    assert _pages(lake) == before
    _assert_ledger_is_correct(loaded, lake)


def _pages(lake: Lake) -> list[tuple[str, bytes]]:
    return sorted((found.request, found.body) for found in _read(lake))


def _read(lake: Lake) -> list[Page]:
    return [found for path in lake.files("probe") for found in lake.read(path)]


def _assert_ledger_is_correct(database: Database, lake: Lake) -> None:
    with connect(database.admin_url) as connection:
        ledger = dict(connection.execute("SELECT path, pages FROM ops.lake_files").fetchall())
        assert ledger == {lake.name_of(path): len(list(lake.read(path))) for path in lake.files("probe")}
        _assert_reject_references(connection, lake)
        for table in ("rejects", "field_rejects"):
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("ops", table))
            assert connection.execute(count).fetchone() == (2,)


def _assert_reject_references(connection: psycopg.Connection, lake: Lake) -> None:
    found = connection.execute(
        "SELECT lake_path, page FROM ops.rejects UNION ALL SELECT lake_path, page FROM ops.field_rejects"
    )
    for path, place in found.fetchall():
        assert b'"many"' in list(lake.read(lake.root / path))[place].body
