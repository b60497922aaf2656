"""Incremental refresh of the marts after 10,000 changed rows, by length of the history, compared with plain dbt models.

Each size of history has its own warehouse. In each round the same changes are loaded, and then
  - the blue colour is built as in a run, models and tests with four threads: the whole build;
  - the models of the green colour run sequentially, without tests, so that their times do not overlap:
    `refresh` is the sum of dbt's times of all of them, `additive` that of the additive layer;
  - the peers run sequentially after them, over green's fact, whose feed contains the touched keys.
At the end there is a build without changes and a build on the next day, which moves every window. At the smallest size
an analyst reads during a full refresh.

    SIZES=2000000,8000000 ROUNDS=3 python -m benchmarks.marts
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.marts_figures import ADDITIVE, MODELS, TOTALS, WHOLE, Measured, label_of, report_sizes
from benchmarks.marts_history import History, vacuum
from benchmarks.marts_peers import SequentialModels, first_built_peers, wrong_rows
from benchmarks.marts_readers import READS_PER_SECOND, reading
from orchestration.dbt.graph import PROJECT
from orchestration.dbt.manifests import Prepared, prepare, warm_up
from orchestration.dbt.results import NodeResult
from orchestration.dbt.runner import build
from orchestration.pipeline.transform import build_failure, transform
from orchestration.warehouse_access import Warehouse, open_warehouse
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.publication.plan import build_session
from warehouse.publication.statistics import refresh_statistics

IDLE_S = 20.0
MART = "player_character_win_rates"
LAYERS = {
    ADDITIVE: {path.stem for path in (PROJECT / "models" / "totals").glob("*.sql")},
    "facts": {path.stem for path in (PROJECT / "models" / "marts" / "facts").glob("*.sql")},
}


def main() -> None:
    """Measure all sizes, the smallest first, and write the report after each."""
    sizes = sorted(int(size) for size in os.environ.get("SIZES", "2000000,8000000").split(","))
    rounds = int(os.environ.get("ROUNDS", "3"))
    found: dict[int, Measured] = {}
    for size in sizes:
        home = Path(tempfile.mkdtemp(prefix="ladder-bench-"))
        home.chmod(0o755)
        _use_empty_environment(home)
        found[size] = Measured()
        try:
            with open_warehouse(load_settings(), redis=False) as warehouse:
                _measure(warehouse, size, rounds, found[size], with_readers=size == sizes[0])
        finally:
            shutil.rmtree(home, ignore_errors=True)
        report_sizes(found, rounds)


def _use_empty_environment(home: Path) -> None:
    """Remove all LADDER_* variables of a real warehouse from the environment."""
    for name in [name for name in os.environ if name.startswith("LADDER_")]:
        del os.environ[name]
    os.environ["LADDER_HOME"] = str(home)


def _measure(warehouse: Warehouse, size: int, rounds: int, found: Measured, *, with_readers: bool) -> None:
    url = warehouse.servers.database_url
    history = History(warehouse, size)
    print(f"{label_of(size)} rows", flush=True)
    started = time.perf_counter()
    found.facts["rows of all staging tables"] = history.fill()
    found.add("fill", time.perf_counter() - started)
    prepared = prepare(warehouse.settings, url)
    warm_up(prepared, warehouse.settings, url)
    for _ in ("blue", "green"):
        _full_build(warehouse, prepared, found)
    ours, peers = SequentialModels(warehouse, PROJECT, "green"), first_built_peers(warehouse, "green")
    for number in range(1, rounds + 1):
        print(f" round {number}", flush=True)
        # In production hours pass between two runs, in which autovacuum does this.
        vacuum(warehouse, "marts", "prep", "peer")
        history.change(number)
        refresh_statistics(url)
        _whole_build(warehouse, prepared, found)
        _one_by_one(ours.run(), found)
        for name, seconds in peers.run().items():
            found.add(name, seconds)
        found.facts.setdefault("touched in each round", []).append(_touched(warehouse))
    _compare(warehouse, found)
    _build_nothing(warehouse, prepared, found)
    _build_next_day(warehouse, prepared, history, ours, rounds + 1, found)
    if with_readers:
        _read_during_full_refresh(warehouse, prepared, found)


def _full_build(warehouse: Warehouse, prepared: Prepared, found: Measured) -> None:
    started = time.perf_counter()
    done = transform(warehouse, prepared, full_refresh=True)
    found.add("full build, with the promotion", time.perf_counter() - started)
    assert done.is_built
    if done.failure is not None:
        raise done.failure
    models, tests = _split(done.results)
    found.add("full build: models, summed", sum(models.values()))
    found.add("full build: tests, summed", sum(tests.values()))


def _whole_build(warehouse: Warehouse, prepared: Prepared, found: Measured) -> None:
    """Build blue incrementally as in a run."""
    started = time.perf_counter()
    with build_session(warehouse.url("transform")) as lock:
        results = build(prepared, warehouse.settings, warehouse.url("transform"), "blue", lock=lock)
    found.add(WHOLE, time.perf_counter() - started)
    failure = build_failure(results)
    if failure is not None:
        raise failure
    models, tests = _split(results)
    found.add("models in it, summed", sum(models.values()))
    found.add("tests in it, summed", sum(tests.values()))
    found.add(f"{TOTALS} in it", models[TOTALS])
    for name, seconds in tests.items():
        found.tests.setdefault(name, []).append(seconds)


def _one_by_one(models: Mapping[str, float], found: Measured) -> None:
    """Record the times of green's models."""
    for layer, names in LAYERS.items():
        found.add(layer, sum(seconds for name, seconds in models.items() if name in names))
    found.add(MODELS, sum(models.values()))
    found.add(TOTALS, models[TOTALS])
    found.add(MART, models[MART])
    for name, seconds in models.items():
        found.models.setdefault(name, []).append(seconds)


def _split(results: Sequence[NodeResult]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of models and of tests by name."""
    models, tests = (
        {result.name: result.duration_s for result in results if result.unique_id.startswith(kind)}
        for kind in ("model.", "test.")
    )
    return models, tests


def _touched(warehouse: Warehouse) -> dict[str, int]:
    """Counts of the entities that the changes of a round touched in green."""
    with connect(warehouse.servers.database_url) as connection:
        row = connection.execute(
            "SELECT count(*), count(DISTINCT match_id), count(DISTINCT player_id), count(DISTINCT played_date), "
            "count(DISTINCT (player_id, character_id)) FROM prep.fct_player_matches__feed_green"
        ).fetchone()
    assert row is not None
    return dict(zip(("feed rows", "matches", "players", "days", "players and heroes"), row, strict=True))


def _compare(warehouse: Warehouse, found: Measured) -> None:
    """Count the wrong rows after all rounds."""
    with connect(warehouse.servers.database_url) as connection:
        found.ratios |= {
            "wrong_rows_ours": wrong_rows(connection, f"prep.{TOTALS}_blue", "blue")
            + wrong_rows(connection, f"prep.{TOTALS}_green", "green"),
            "wrong_rows_touched_keys": wrong_rows(connection, "peer.touched_keys", "green"),
            "wrong_rows_lookback_3_days": wrong_rows(connection, "peer.lookback_3_days", "green", by=("played_date",)),
        }
        for table in (
            f"prep.{TOTALS}_green",
            "peer.touched_keys",
            "peer.lookback_3_days",
            "marts_green.fct_player_matches",
        ):
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            found.facts[f"rows of {table}"] = row[0] if row else 0
        found.facts["PostgreSQL"] = connection.info.parameter_status("server_version")


def _build_nothing(warehouse: Warehouse, prepared: Prepared, found: Measured) -> None:
    """Count the tuples that a build without changes writes."""
    before = _tuples_written(warehouse)
    started = time.perf_counter()
    with build_session(warehouse.url("transform")) as lock:
        results = build(prepared, warehouse.settings, warehouse.url("transform"), "blue", lock=lock)
    found.add("whole build with nothing new", time.perf_counter() - started)
    assert build_failure(results) is None
    after = _tuples_written(warehouse)
    written = {table: count - before.get(table, 0) for table, count in after.items()}
    found.ratios["noop_tuples_written"] = sum(written.values())
    found.facts["tuples written with nothing new"] = {table[1]: count for table, count in written.items() if count}


def _build_next_day(
    warehouse: Warehouse, prepared: Prepared, history: History, ours: SequentialModels, number: int, found: Measured
) -> None:
    """Load the changes of a round with matches of the next day, so that days enter and leave the windows."""
    vacuum(warehouse, "marts", "prep")
    history.change(number, days_after=1)
    refresh_statistics(warehouse.servers.database_url)
    started = time.perf_counter()
    with build_session(warehouse.url("transform")) as lock:
        results = build(prepared, warehouse.settings, warehouse.url("transform"), "blue", lock=lock)
    found.add("whole build, a day later", time.perf_counter() - started)
    assert build_failure(results) is None
    found.add("models, one by one, a day later", sum(ours.run().values()))


def _tuples_written(warehouse: Warehouse) -> dict[tuple[int, str], int]:
    """Tuples written so far, by table (a recreated table counts as another one), once all statistics are reported."""
    found: dict[tuple[int, str], int] | None = None
    with connect(warehouse.servers.database_url, autocommit=True) as connection:
        while True:
            rows = connection.execute(
                "SELECT relid::bigint, schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del "
                "FROM pg_stat_user_tables WHERE schemaname IN ('prep', 'ops') "
                "OR schemaname LIKE 'marts\\_%' OR schemaname LIKE 'staging\\_%'"
            ).fetchall()
            before, found = found, {(relid, name): written for relid, name, written in rows}
            if found == before:
                return found
            # A process reports its statistics at the latest a second after its transaction.
            time.sleep(1.5)


def _read_during_full_refresh(warehouse: Warehouse, prepared: Prepared, found: Measured) -> None:
    vacuum(warehouse, "marts", "prep")
    with reading(warehouse.url("analyst")) as take:
        time.sleep(IDLE_S)
        idle = take()
        started = time.perf_counter()
        done = transform(warehouse, prepared, full_refresh=True)
        during_build = take()
        found.add("full build, while an analyst reads", time.perf_counter() - started)
    assert done.failure is None, done.failure
    errors = [*idle.errors, *during_build.errors]
    found.ratios["reader_p99_full_refresh_vs_idle"] = during_build.percentile(99) / idle.percentile(99)
    found.ratios["reader_p50_full_refresh_vs_idle"] = during_build.percentile(50) / idle.percentile(50)
    found.ratios["reader_errors"] = len(errors)
    found.facts["reads"] = {
        what: {
            "count": len(reads.seconds),
            "p50 ms": round(1000 * reads.percentile(50), 2),
            "p99 ms": round(1000 * reads.percentile(99), 2),
            "longest ms": round(1000 * max(reads.seconds), 2),
        }
        for what, reads in (("idle", idle), ("during a full refresh", during_build))
    } | {"a second": READS_PER_SECOND, "errors": errors[:5]}


if __name__ == "__main__":
    main()
