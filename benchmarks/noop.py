"""A run without new data through Dagster and dbt: our warm worker compared with dagster-dbt, which runs dbt's CLI.

Both have the same models, seeds, tests and data. dagster-dbt builds everything, and records a materialization for each
model and a result for each test. Our worker detects that the published marts contain the newest batch, and records one
check result with the state of all marts, besides those of the freshness of sources. Our worker is therefore also timed
with a build: then it records a result for each test, and a materialization for each model that differs from the
previous generation, which are only those of tracked entities. The report counts the events of each.
dagster-dbt is timed in a warm process like ours, and as launched by Dagster; the ratio uses the faster of the two.

    ROUNDS=5 python -m benchmarks.noop
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.noop_sides import Ours, TimedRun, open_ours, open_peer, timed_run
from ingestion.sources.opendota.connector import CONNECTOR, STREAMS
from orchestration.dbt.manifests import prepare, warm_up
from orchestration.pipeline.sync import open_session
from orchestration.pipeline.transform import transform
from orchestration.warehouse_access import Warehouse, open_warehouse
from orchestration.worker.client import Run, follow_run
from sandbox.rate_limits import RequestLimits
from sandbox.server import Sandbox, serve
from sandbox.world import World
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.ops.state import track, untrack
from warehouse.publication.generations import current_generation

PEOPLE, TRACKED, SEED = 120, 40, 7
NO_LIMIT = 1_000_000
#: Most rounds of the measurements that are not used in a ratio with a bar.
MAX_EXTRA_ROUNDS = 3
#: Tracked and untracked in turn: marts depend on tracked entities, so that a build is needed although no row changes.
UNKNOWN_TEAM = "1"

_LADDER = Path(sys.executable).with_name("ladder")

WARM = "ours, warm worker"
BUILDING = "ours, warm worker, not skipped: builds, tests, publishes"
COLD = "ours, a process for the run"
WHOLE = "ours, warm worker, with all passes over the source"
LADDER_RUN = "ours, `ladder run` in a fresh process, with all passes"
PEER_WARM = "dagster-dbt, in a warm process"
PEER_LAUNCHED = "dagster-dbt, launched by Dagster into a process, in-process executor"
FULL, SOME, NOTHING = "dbt build, full", "dbt build, a day's new matches", "dbt build, nothing new, not skipped"


def main() -> None:
    """Fill a warehouse, run all rounds, interleaved, and write the report."""
    rounds = int(os.environ.get("ROUNDS", "5"))
    home = Path(tempfile.mkdtemp(prefix="ladder-bench-"))
    home.chmod(0o755)
    seconds: dict[str, list[float]] = {}
    facts: dict[str, Any] = {"rounds": rounds, "load average before": _load()}
    limits = RequestLimits(per_minute=NO_LIMIT, per_day=NO_LIMIT)
    try:
        with ExitStack() as stack:
            sandbox = stack.enter_context(serve(World(SEED, PEOPLE), limits=limits))
            _use_empty_environment(home, sandbox.url)
            warehouse = stack.enter_context(open_warehouse(load_settings()))
            _fill(warehouse, sandbox)
            # Otherwise each run would fetch details of older matches.
            os.environ["LADDER_OPENDOTA_MATCH_BUDGET"] = "0"
            facts |= _sizes(warehouse)
            _runs(warehouse, rounds, seconds, facts)
            _cold_runs(warehouse, rounds, seconds, facts)
            _builds(warehouse, sandbox, rounds, seconds, facts)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    facts["load average after"] = _load()
    _report(seconds, facts)


def _use_empty_environment(home: Path, url: str) -> None:
    """Remove all LADDER_* variables of a real warehouse from the environment."""
    for name in [name for name in os.environ if name.startswith("LADDER_")]:
        del os.environ[name]
    os.environ.update(LADDER_HOME=str(home), LADDER_OPENDOTA_URL=url)


def _fill(warehouse: Warehouse, sandbox: Sandbox) -> None:
    with connect(warehouse.url("ingest")) as connection:
        track(connection, "opendota", "player", [str(id_) for id_ in sandbox.world.suggested_players(TRACKED)])
    subprocess.run([_LADDER, "run"], check=True, capture_output=True)


def _runs(warehouse: Warehouse, rounds: int, seconds: dict[str, list[float]], facts: dict[str, Any]) -> None:
    with open_peer(warehouse) as peer, open_ours(warehouse) as ours:
        ways: dict[str, Callable[[], TimedRun]] = {
            WARM: lambda: _with_nothing_new(warehouse, ours.launch),
            PEER_WARM: peer.execute,
            PEER_LAUNCHED: peer.launch,
            BUILDING: lambda: _building(warehouse, ours),
            COLD: lambda: _with_nothing_new(warehouse, lambda: _in_new_process(ours)),
            WHOLE: lambda: _with_nothing_new(warehouse, lambda: _whole(warehouse)),
        }
        # The first round is not counted: it fills caches and builds the second colour.
        for number in range(rounds + 1):
            for what, run in ways.items():
                if number > MAX_EXTRA_ROUNDS and what in (COLD, WHOLE):
                    continue
                timed = run()
                print(f"round {number}: {what}: {timed.seconds:.2f} s", flush=True)
                if number:
                    seconds.setdefault(what, []).append(timed.seconds)
                if timed.events:
                    facts.setdefault("asset events of a run", {})[what] = timed.events


def _with_nothing_new(warehouse: Warehouse, run: Callable[[], TimedRun]) -> TimedRun:
    before = _generation(warehouse)
    timed = run()
    assert _generation(warehouse) == before, "something was built, although nothing was new"
    return timed


def _building(warehouse: Warehouse, ours: Ours) -> TimedRun:
    _require_build(warehouse)
    before = _generation(warehouse)
    timed = ours.launch()
    assert _generation(warehouse) == before + 1, "nothing was built"
    return timed


def _require_build(warehouse: Warehouse) -> None:
    """Make the next build necessary without changing any row."""
    with connect(warehouse.url("ingest")) as connection:
        untracked = untrack(connection, "opendota", "team", [UNKNOWN_TEAM])
        if not untracked:
            track(connection, "opendota", "team", [UNKNOWN_TEAM])


def _in_new_process(ours: Ours) -> TimedRun:
    def start() -> str:
        run_id = ours.create().run_id
        subprocess.run([sys.executable, "-m", "orchestration.worker.server", run_id], check=True)
        return run_id

    return timed_run(ours.instance, start)


def _whole(warehouse: Warehouse) -> TimedRun:
    started = time.perf_counter()
    done = follow_run(warehouse.settings.home, Run(), lambda message: None)
    assert done.is_ok, done.errors
    return TimedRun(time.perf_counter() - started, {})


def _cold_runs(warehouse: Warehouse, rounds: int, seconds: dict[str, list[float]], facts: dict[str, Any]) -> None:
    """Time `ladder run` without a worker, so that it executes the run itself."""

    def run() -> TimedRun:
        started = time.perf_counter()
        done = subprocess.run([_LADDER, "run"], check=True, capture_output=True, text=True)
        elapsed = time.perf_counter() - started
        facts["requests of `ladder run` with nothing new"] = int(re.findall(r"(\d+) requests", done.stdout)[-1])
        return TimedRun(elapsed, {})

    for _ in range(min(rounds, MAX_EXTRA_ROUNDS)):
        seconds.setdefault(LADDER_RUN, []).append(_with_nothing_new(warehouse, run).seconds)


def _builds(
    warehouse: Warehouse, sandbox: Sandbox, rounds: int, seconds: dict[str, list[float]], facts: dict[str, Any]
) -> None:
    """Time builds of the idle colour with a warm dbt in this process, including the promotion."""
    url = warehouse.servers.database_url
    prepared = prepare(warehouse.settings, url)
    warm_up(prepared, warehouse.settings, url)
    (matches,) = (definition for definition in STREAMS if definition.name == "player_matches")

    def build(what: str, *, full_refresh: bool = False) -> None:
        started = time.perf_counter()
        done = transform(warehouse, prepared, full_refresh=full_refresh)
        seconds.setdefault(what, []).append(time.perf_counter() - started)
        assert done.is_built, what
        assert done.failure is None, done.failure

    for _ in range(min(rounds, MAX_EXTRA_ROUNDS)):
        build(FULL, full_refresh=True)
        sandbox.advance(days=1)
        with open_session(warehouse, CONNECTOR) as session:
            loaded = session.run(matches).loaded
        facts.setdefault("new matches of each day", []).append(loaded.inserted)
        build(SOME)
        # The other colour lacks the day; after one more build both contain the newest batch.
        _require_build(warehouse)
        transform(warehouse, prepared)
        _require_build(warehouse)
        build(NOTHING)


def _sizes(warehouse: Warehouse) -> dict[str, Any]:
    graph = prepare(warehouse.settings, warehouse.servers.database_url).graph
    with connect(warehouse.url("analyst")) as connection:
        row = connection.execute("SELECT count(*) FROM marts.fct_player_matches").fetchone()
    packages = ("dagster", "dagster-dbt", "dbt-core", "dbt-postgres")
    return {
        "models and seeds": len(graph.models),
        "tests": len(graph.tests),
        "rows of fct_player_matches": row[0] if row else 0,
        "versions": {name: metadata.version(name) for name in packages},
    }


def _generation(warehouse: Warehouse) -> int:
    with connect(warehouse.url("transform")) as connection:
        generation = current_generation(connection)
    return generation.generation if generation else 0


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def _report(seconds: dict[str, list[float]], facts: dict[str, Any]) -> None:
    middle = {what: median(values) for what, values in seconds.items()}
    fastest = min((PEER_WARM, PEER_LAUNCHED), key=lambda what: middle[what])
    report.write(
        "noop",
        seconds=seconds,
        ratios={
            "dagster_dbt_cli_vs_ours": middle[fastest] / middle[WARM],
            "dagster_dbt_cli_as_launched_vs_ours": middle[PEER_LAUNCHED] / middle[WARM],
            "dagster_dbt_cli_vs_ours_building": middle[fastest] / middle[BUILDING],
            "dagster_dbt_cli_as_launched_vs_ours_cold": middle[PEER_LAUNCHED] / middle[COLD],
        },
        bars={"dagster_dbt_cli_vs_ours": ">= 4"},
        facts={
            **facts,
            "compared with": fastest,
            "dagster-dbt": "prepared manifest, partial parse and target folder kept, 4 threads, tests as asset checks, "
            "in PostgreSQL storage; builds everything each time",
            "ours": "checks that the published marts contain the newest batch and confirms all of them with one check "
            "result; also: the cache, freshness of sources",
        },
    )


if __name__ == "__main__":
    main()
