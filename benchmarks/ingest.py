"""Load of JSON records with a key, compared with plain binary COPY and with dlt, in one run.

Our time includes all steps: landing, validation, rejects, merge, feed and load ledger. Plain COPY loads the same
encoded rows into an empty table of the same definition with its key. dlt loads the same JSON pages, once as records,
which it validates and normalises itself, and once as Arrow tables from polars' strict reader, which its documentation
recommends as the fast way and which it does not validate; each in file formats that its PostgreSQL destination
supports. `load_vs_dlt_merge` compares the merge of the same input, JSON records; the merge of Arrow tables is reported
separately. For append the fastest variant counts.

    ROWS=1000000 ROUNDS=3 python -m benchmarks.ingest
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import psycopg

from benchmarks import report
from ingestion.sources.opendota.source import SOURCE
from ingestion.sources.opendota.tables import PLAYER_MATCHES
from sandbox.benchmark import account_of, benchmark_pages
from warehouse.core.settings import Settings
from warehouse.database.connections import role_url
from warehouse.embedded import running
from warehouse.lake.files import Lake
from warehouse.model.source import Page
from warehouse.schema.migrate import migrate
from warehouse.staging.decode import frame_schema
from warehouse.staging.load import load_pending

PAGE_ROWS = 2_500
FILE_PAGES = 12
SEED = 20
START = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = "staging_opendota.player_matches"


def main() -> None:
    """Run all rounds, interleaved, and write the report."""
    rows, rounds = int(os.environ.get("ROWS", "1000000")), int(os.environ.get("ROUNDS", "3"))
    home = Path(tempfile.mkdtemp(prefix="ladder-bench-"))
    home.chmod(0o755)
    settings = Settings(home=home)
    seconds: dict[str, list[float]] = {}
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR")
    try:
        with running(settings, redis=False) as servers:
            admin = servers.database_url
            migrate(settings, admin, [SOURCE])
            pages = list(benchmark_pages(SEED, rows, PAGE_ROWS))
            for number in range(rounds):
                for what, elapsed in _round(settings, admin, pages, number).items():
                    seconds.setdefault(what, []).append(elapsed)
                    print(f"round {number + 1}: {what}: {elapsed:.2f} s", flush=True)
            del pages
            memory = {size: _peak_mib(settings, admin, size) for size in (rows, 10 * rows)}
    finally:
        shutil.rmtree(home, ignore_errors=True)
    _report(rows, rounds, seconds, memory)


def _round(settings: Settings, admin: str, pages: list[bytes], number: int) -> dict[str, float]:
    found: dict[str, float] = {}
    url = role_url(settings, admin, "ingest")
    _truncate(admin)
    lake = Lake(settings.home / f"lake-{number}")
    _timed(found, "ours, first time", lambda: _ours(lake, url, pages, START))
    ready = _ready_rows(admin)
    _timed(found, "ours, the same records again", lambda: _ours(lake, url, pages, START))
    _timed(found, "ours, seen again an hour later", lambda: _ours(lake, url, pages, START + timedelta(hours=1)))
    shutil.rmtree(lake.root)
    with psycopg.connect(admin) as connection:
        connection.execute(f"CREATE TABLE public.bare (LIKE {TABLE} INCLUDING ALL)")
        connection.commit()
        _timed(found, "bare binary COPY", lambda: _copy(connection, ready))
        connection.execute("DROP TABLE public.bare")
    for what, disposition, file_format, as_arrow in _DLT:
        if number and what in _FIRST_ROUND_ONLY:
            continue
        name = "".join(letter for letter in what if letter.isalnum()).lower()
        _timed(found, what, lambda: _dlt(settings.home, admin, name, pages, disposition, file_format, as_arrow))  # noqa: B023
        with psycopg.connect(admin) as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM dlt_{name}.player_matches").fetchone()  # type: ignore[misc]
            assert count == sum(1 for page in pages for _ in range(page.count(b'"match_id"')))
            connection.execute(f"DROP SCHEMA dlt_{name} CASCADE")
            connection.execute(f"DROP SCHEMA IF EXISTS dlt_{name}_staging CASCADE")
    return found


_UPSERT = {"disposition": "merge", "strategy": "upsert"}
_DELETE_INSERT = {"disposition": "merge", "strategy": "delete-insert"}
_DLT: tuple[tuple[str, Any, Any, bool], ...] = (
    ("dlt append, JSON, csv", "append", "csv", False),
    ("dlt append, Arrow, csv", "append", "csv", True),
    ("dlt append, Arrow, parquet", "append", "parquet", True),
    ("dlt merge, JSON, upsert, csv", _UPSERT, "csv", False),
    ("dlt merge, Arrow, upsert, csv", _UPSERT, "csv", True),
    ("dlt merge, Arrow, delete-insert, csv", _DELETE_INSERT, "csv", True),
)
#: These take minutes, so that one round is sufficient.
_FIRST_ROUND_ONLY = {"dlt append, JSON, csv", "dlt merge, JSON, upsert, csv"}


def _timed(found: dict[str, float], what: str, work: Any) -> None:
    started = time.perf_counter()
    work()
    found[what] = time.perf_counter() - started


def _ours(lake: Lake, url: str, pages: Iterator[bytes] | list[bytes], observed_at: datetime) -> None:
    stream = iter(pages)
    first = 0
    while bodies := list(islice(stream, FILE_PAGES)):
        lake.land(SOURCE, "player_matches", [_page(body, first + at, observed_at) for at, body in enumerate(bodies)])
        first += len(bodies)
    load_pending(url, lake, SOURCE, ["player_matches"])


def _page(body: bytes, number: int, observed_at: datetime) -> Page:
    account = account_of(number * PAGE_ROWS)
    request = f"/players/{account}/matches?significant=0&offset={number}"
    return Page("player_matches", request, {"account_id": account}, 200, observed_at, body)


def _ready_rows(admin: str) -> list[bytes]:
    with (
        psycopg.connect(admin) as connection,
        connection.cursor().copy(f"COPY {TABLE} TO STDOUT (FORMAT binary)") as stream,
    ):
        whole = b"".join(bytes(part) for part in stream)
    return [whole[at : at + (1 << 18)] for at in range(0, len(whole), 1 << 18)]


def _copy(connection: psycopg.Connection, ready: list[bytes]) -> None:
    with connection.cursor().copy("COPY public.bare FROM STDIN (FORMAT binary)") as stream:
        for part in ready:
            stream.write(part)
    connection.commit()


def _dlt(
    home: Path, admin: str, name: str, pages: list[bytes], disposition: Any, file_format: Any, as_arrow: bool
) -> None:
    import dlt  # noqa: PLC0415  # only the benchmark's own lock installs it
    import msgspec  # noqa: PLC0415

    schema = {column: type_ for column, type_ in frame_schema(PLAYER_MATCHES).items() if column != "account_id"}

    @dlt.resource(
        name="player_matches", primary_key=PLAYER_MATCHES.key, write_disposition=disposition, file_format=file_format
    )
    def records() -> Iterator[Any]:
        for number, body in enumerate(pages):
            account = account_of(number * PAGE_ROWS)
            if as_arrow:
                lines = body.strip()[1:-1].replace(b"},{", b"}\n{")
                frame = pl.read_ndjson(io.BytesIO(lines), schema=schema)
                yield frame.with_columns(pl.lit(account).alias("account_id")).to_arrow()
            else:
                yield [{**record, "account_id": account} for record in msgspec.json.decode(body)]

    folder = home / f"dlt-{name}"
    pipeline = dlt.pipeline(
        pipeline_name=name,
        destination=dlt.destinations.postgres(admin.replace("postgresql://", "postgres://")),
        dataset_name=f"dlt_{name}",
        pipelines_dir=str(folder),
    )
    pipeline.run(records()).raise_on_failed_jobs()
    shutil.rmtree(folder, ignore_errors=True)


def _truncate(admin: str) -> None:
    with psycopg.connect(admin) as connection:
        connection.execute(f"TRUNCATE {TABLE}, {TABLE}__feed")
        connection.execute("DELETE FROM ops.lake_pages")


def _peak_mib(settings: Settings, admin: str, rows: int) -> float:
    """Peak memory (MiB) of a separate process that lands and loads the rows."""
    _truncate(admin)
    url = role_url(settings, admin, "ingest")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.ingest",
            "--load",
            str(rows),
            url,
            str(settings.home / f"lake-memory-{rows}"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    shutil.rmtree(settings.home / f"lake-memory-{rows}")
    return float(done.stdout.split()[-1])


def _load_alone(rows: int, url: str, lake: Path) -> None:
    _ours(Lake(lake), url, benchmark_pages(SEED, rows, PAGE_ROWS), START)
    # Not getrusage(), whose peak includes that of the parent process.
    print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024)  # type: ignore[index]


def _report(rows: int, rounds: int, seconds: dict[str, list[float]], memory: dict[int, float]) -> None:
    middle = {what: median(values) for what, values in seconds.items()}
    merges = {what: value for what, value in middle.items() if what.startswith("dlt merge")}
    record_merges = {what: value for what, value in merges.items() if "JSON" in what}
    appends = {what: value for what, value in middle.items() if what.startswith("dlt append")}
    ours = middle["ours, first time"]
    report.write(
        "ingest",
        seconds=seconds,
        ratios={
            "load_vs_copy": middle["bare binary COPY"] / ours,
            "load_vs_dlt_merge": min(record_merges.values()) / ours,
            "load_vs_dlt_merge_of_arrow": min(merges.values()) / ours,
            "load_vs_dlt_append": min(appends.values()) / ours,
            "again_vs_first": ours / middle["ours, the same records again"],
            "seen_later_vs_first": ours / middle["ours, seen again an hour later"],
            "peak_memory_10m_vs_1m": memory[10 * rows] / memory[rows],
        },
        bars={
            "load_vs_copy": ">= 0.4",
            "load_vs_dlt_merge": ">= 10",
            "load_vs_dlt_append": ">= 2",
            "again_vs_first": ">= 2",
            "peak_memory_10m_vs_1m": "<= 1.2",
        },
        facts={
            "rows": rows,
            "rounds": rounds,
            "rows/s": {what: round(rows / value) for what, value in middle.items()},
            "peak MiB": {size: round(value) for size, value in memory.items()},
            "fastest dlt append": min(appends, key=lambda what: appends[what]),
            "fastest dlt merge": min(merges, key=lambda what: merges[what]),
        },
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        _load_alone(int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
    else:
        main()
