"""Pending files are found after any failure, at a cost that does not depend on the size of the lake."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Database
from tests.warehouse.probe_source import SOURCE, page
from warehouse.database.connections import connect, role_url
from warehouse.database.locks import hold_build_lock
from warehouse.lake.compaction import compact, compact_when_due
from warehouse.lake.files import Lake
from warehouse.schema.migrate import migrate
from warehouse.staging.load import load_pending, pending_files

_listed: list[str] | None = None


def _record_listing(event: str, arguments: tuple[Any, ...]) -> None:
    """Record listed folders, if enabled; an audit hook cannot be removed."""
    if _listed is not None and event in ("os.scandir", "os.listdir") and arguments[0]:
        _listed.append(str(arguments[0]))


sys.addaudithook(_record_listing)


@contextmanager
def folders_listed() -> Iterator[list[str]]:
    """Folders that are listed within the block, by any function."""
    global _listed  # noqa: PLW0603 - an audit hook has no state of its own
    found: list[str] = []
    _listed = found
    try:
        yield found
    finally:
        _listed = None


@pytest.fixture
def ingest_url(database: Database) -> str:
    migrate(database.settings, database.admin_url, [SOURCE])
    return role_url(database.settings, database.admin_url, "ingest")


def land_days(lake: Lake, *days: int) -> list[Path]:
    return [lake.land(SOURCE, "scores", [page("scores", [{"game": day}], hour=24 * day)]) for day in days]


def test_a_load_lists_only_pending_files_whatever_the_size_of_the_lake(ingest_url: str, lake: Lake) -> None:
    land_days(lake, *range(40))
    assert load_pending(ingest_url, lake, SOURCE).files == 40
    with folders_listed() as idle:
        assert load_pending(ingest_url, lake, SOURCE).files == 0
    (path,) = land_days(lake, 40)
    with folders_listed() as loading:
        assert load_pending(ingest_url, lake, SOURCE).files == 1
    raw = str(lake.root / "raw")
    assert [folder for folder in (*idle, *loading) if folder.startswith(raw)] == []
    assert lake.marked_pending("probe") == []
    assert path.exists()


def test_a_load_that_was_killed_after_its_commit_loads_nothing_twice(ingest_url: str, lake: Lake) -> None:
    paths = land_days(lake, 0, 1)
    load_pending(ingest_url, lake, SOURCE)
    lake.mark_pending(paths)
    assert load_pending(ingest_url, lake, SOURCE).files == 0
    assert lake.marked_pending("probe") == []


def test_a_writer_killed_before_its_file_was_complete_leaves_nothing_to_load(ingest_url: str, lake: Lake) -> None:
    (path,) = land_days(lake, 0)
    load_pending(ingest_url, lake, SOURCE)
    lost = path.with_name("killed.parquet")
    lake.mark_pending([lost])
    assert load_pending(ingest_url, lake, SOURCE).files == 0
    # The file may be about to be renamed: only an old marker is removed.
    assert lake.marked_pending("probe") == [lost]
    lake.remove_stale_markers("probe", older_than_s=0)
    assert lake.marked_pending("probe") == []


@pytest.mark.parametrize("reason", ["another lake", "markers removed", "a day later", "another database"])
def test_files_without_a_marker_are_found_if_the_markers_may_be_incomplete(
    database: Database, ingest_url: str, lake: Lake, reason: str
) -> None:
    (path, other) = land_days(lake, 0, 1)
    load_pending(ingest_url, lake, SOURCE)
    restored = path.with_name("restored.parquet")
    shutil.copy(other, restored)
    match reason:
        case "another lake":
            shutil.copytree(lake.root, lake.root.with_name("copy"))
            lake = Lake(lake.root.with_name("copy"))
            (lake.root / "pending" / "probe" / "listed.token").write_text("other")
        case "markers removed":
            shutil.rmtree(lake.root / "pending")
        case "a day later":
            with psycopg.connect(database.admin_url) as connection:
                connection.execute("UPDATE ops.lake_listings SET listed_at = listed_at - interval '25 hours'")
        case _:
            with psycopg.connect(database.admin_url) as connection:
                connection.execute("UPDATE ops.lake_listings SET token = '1:' || split_part(token, ':', 2)")
    with connect(ingest_url) as connection:
        assert [found.name for found in pending_files(connection, lake, SOURCE)] == ["restored.parquet"]
    assert load_pending(ingest_url, lake, SOURCE).files == 1
    with folders_listed() as listed:
        load_pending(ingest_url, lake, SOURCE)
    assert not any("raw" in folder for folder in listed)


def test_a_lake_whose_markers_cannot_be_written_is_listed_every_time(ingest_url: str, lake: Lake) -> None:
    land_days(lake, 0)
    shutil.rmtree(lake.root / "pending")
    (lake.root / "pending").touch()
    assert load_pending(ingest_url, lake, SOURCE).files == 1
    assert load_pending(ingest_url, lake, SOURCE).files == 0


def test_closed_days_are_compacted_automatically_once_a_day(database: Database, ingest_url: str, lake: Lake) -> None:
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
    for observed in (yesterday, yesterday, now, now):
        lake.land(SOURCE, "scores", [replace(page("scores", [{"game": 1}]), observed_at=observed)])
    compact_when_due(database.admin_url, lake, SOURCE)  # before anything was loaded: nothing to do
    load_pending(ingest_url, lake, SOURCE)
    with hold_build_lock(database.admin_url):
        compact_when_due(database.admin_url, lake, SOURCE)
        assert len(lake.files("probe")) == 4
    compact_when_due(database.admin_url, lake, SOURCE)
    assert len(lake.files("probe")) == 3
    lake.land(SOURCE, "scores", [replace(page("scores", [{"game": 2}]), observed_at=yesterday)])
    load_pending(ingest_url, lake, SOURCE)
    compact_when_due(database.admin_url, lake, SOURCE)
    assert len(lake.files("probe")) == 4  # it was done today
    assert compact(database.admin_url, lake, SOURCE).files_after == 1


def test_the_next_compaction_continues_after_the_time_budget(database: Database, ingest_url: str, lake: Lake) -> None:
    land_days(lake, 0, 0, 1, 1)
    load_pending(ingest_url, lake, SOURCE)
    compact(database.admin_url, lake, SOURCE, time_budget_s=0)
    assert len(lake.files("probe")) == 3
    compact_when_due(database.admin_url, lake, SOURCE)
    assert len(lake.files("probe")) == 2
