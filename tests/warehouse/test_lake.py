"""Promise 1: a payload is in the lake, complete and as fetched, before any other step."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.probe_source import SOURCE, START, page
from warehouse.core.errors import LakeError
from warehouse.lake.files import Lake
from warehouse.model.source import CursorUpdate, Page


def test_a_page_is_read_as_it_was_fetched(lake: Lake) -> None:
    given = Page(
        "scores",
        "/scores/1?limit=2",
        {"player": 1},
        200,
        START,
        b'[ {"game": 1} ]\n',
        cursor=CursorUpdate("c", {"n": 1}),
    )
    path = lake.land(SOURCE, "scores", [given])
    assert list(lake.read(path)) == [given]
    assert path.parent.name == f"date={START.astimezone(UTC).date()}"


def test_duckdb_alone_can_read_the_lake(lake: Lake) -> None:
    lake.land(SOURCE, "scores", [page("scores", [{"game": 4, "points": 9}])])
    rows = duckdb.sql(
        f"SELECT params->>'player', unnest(from_json(decode(body), '[\"JSON\"]'))->>'points' "
        f"FROM read_parquet('{lake.root}/raw/probe/scores/*/*.parquet', hive_partitioning = true)"
    ).fetchall()
    assert rows == [("1", "9")]


def test_excluded_fields_are_never_written(lake: Lake) -> None:
    secret = {"id": 1, "chat": ["hello secret"], "nested": [{"chat": "secret too", "kept": 1}]}
    path = lake.land(SOURCE, "names", [page("names", [secret])])
    assert b"secret" not in next(lake.read(path)).body
    assert b'"kept":1' in next(lake.read(path)).body


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'[{"id": 1, "chat": "secret', b'[{"id": 1, ""'),
        (b'[{"chat": ["secret", {"a": "]secret"}], "id": 1', b'[{"", "id": 1'),
        (b'{"chat": "secret", "deep": ' + b"[" * 100_000, b'{"", "deep": ' + b"[" * 100_000),
        (b'{"chat": secret, "a": "\xff" oops', b'{"", "a": "\xff" oops'),
        (b'{"chat": "secret \xff", "id": 1}', b'{"id":1}'),
        (rb'{"chat": "secret \ud83d", "id": 1}', b'{"id":1}'),
    ],
    ids=["cut", "cut later", "deep", "no JSON", "not UTF-8", "surrogate"],
)
def test_a_malformed_payload_is_landed_without_excluded_fields(lake: Lake, body: bytes, kept: bytes) -> None:
    path = lake.land(SOURCE, "names", [Page("names", "/", {}, 200, START, body)])
    assert next(lake.read(path)).body == kept


def test_a_file_is_listed_only_when_it_is_complete(lake: Lake) -> None:
    path = lake.land(SOURCE, "scores", [page("scores", [])])
    path.with_suffix(".unfinished").write_bytes(b"PAR1")
    assert lake.files("probe") == [path]


def test_the_same_response_at_the_same_time_has_the_same_digest(lake: Lake) -> None:
    first = lake.land(SOURCE, "scores", [page("scores", [{"game": 1}])])
    again = lake.land(SOURCE, "scores", [page("scores", [{"game": 1}])])
    later = lake.land(SOURCE, "scores", [page("scores", [{"game": 1}], hour=1)])
    assert lake.digests(first) == lake.digests(again) != lake.digests(later)


def test_a_damaged_file_is_one_clear_line(lake: Lake) -> None:
    path = lake.land(SOURCE, "scores", [page("scores", [])])
    path.write_bytes(b"damaged")
    with pytest.raises(LakeError, match="restore the file from a backup"):
        list(lake.read(path))


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.warehouse.probe_source import SOURCE, page
from warehouse.core.errors import LakeError
from warehouse.lake.files import Lake
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    records = [{"game": n, "points": n * n} for n in range(5000)]
    Lake(Path(sys.argv[1])).land(SOURCE, "scores", [page("scores", records)])
except LakeError as error:
    print(error)
"""


def test_a_full_disk_is_one_clear_line_and_leaves_no_incomplete_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "no space left for the lake" in done.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
