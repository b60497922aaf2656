"""`ladder run`: runs the pipeline in the warm worker if there is one, in this process otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer

from orchestration.cli.terminal import RunView, console, errors, table, warn
from orchestration.progress import RunDone
from orchestration.worker.client import Run, follow_run, is_running
from warehouse.core import logs
from warehouse.core.errors import LadderError
from warehouse.core.settings import Settings, load_settings
from warehouse.embedded import find_running, running

__all__ = ["execute_run", "run_pipeline", "show_plan"]


def run_pipeline(streams: tuple[str, ...], *, full_refresh: bool) -> None:
    """Run everything, or some streams and the marts; exits with 1 after a failure."""
    settings = load_settings()
    logs.configure_logging(settings, "ladder")
    started = time.monotonic()
    view = RunView()
    with view.shown():
        done = execute_run(settings, Run(streams, full_refresh), view)
    if done.is_cancelled:
        # Already imported if the run was executed in this process.
        from orchestration.engine.interrupts import exit_code

        raise typer.Exit(exit_code())
    for line in dict.fromkeys([*view.failures, *done.errors]):
        warn(line)
    for test in view.failing_tests:
        errors.print(f"  first rows of {test.name}:")
        for row in test.rows:
            errors.print(f"    {row}")
    published = view.published
    if published is not None:
        verb = "published" if published.is_new else "nothing new; still"
        console.print(
            f"{verb} generation {published.generation} in {time.monotonic() - started:.1f} s: "
            f"{view.requests} requests, {view.changed} rows changed",
        )
    if view.failures or not done.is_ok:
        raise typer.Exit(1)


def execute_run(settings: Settings, request: Run, view: RunView) -> RunDone:
    """Execute a run in the worker, or in this process if there is no worker.

    Raises:
        LadderError: the run could not start.
    """
    if is_running(settings.home):
        view.show_activity("starting")
        with _embedded_servers(settings):
            done = follow_run(settings.home, request, view.handle)
        if done.errors and not done.run_id:
            raise LadderError(done.errors[0])
        return done
    view.show_activity("loading")
    from orchestration.progress import subscribe
    from orchestration.runs.execution import fail_dead_runs
    from orchestration.runs.pipeline import open_pipeline, select_streams
    from orchestration.warehouse_access import open_warehouse

    select_streams(request.streams, settings)
    with open_warehouse(settings) as warehouse, open_pipeline(warehouse) as pipeline, subscribe(view.handle):
        fail_dead_runs(pipeline.instance)
        _hint_when_nothing_is_tracked(warehouse.url("ingest"))
        return pipeline.execute(pipeline.create(streams=request.streams, full_refresh=request.full_refresh))


@contextmanager
def _embedded_servers(settings: Settings) -> Iterator[None]:
    """Restart embedded servers that have died, and wait until they respond: the worker does not supervise them."""
    if find_running(settings) is not None:
        yield
        return
    with running(settings):
        yield


def show_plan() -> None:
    """Show what a run would request and build now, without requests and writes."""
    from ingestion.registry import connectors
    from orchestration.dbt.graph import models_digest
    from orchestration.pipeline.transform import as_of_date
    from orchestration.warehouse_access import open_warehouse, skipped_sources
    from warehouse.database.connections import connect
    from warehouse.publication.damage import damaged_marts
    from warehouse.publication.plan import plan_build
    from warehouse.staging.load import pending_files

    settings = load_settings()
    with open_warehouse(settings, redis=False) as warehouse:
        _hint_when_nothing_is_tracked(warehouse.url("ingest"))
        lake = warehouse.lake
        with connect(warehouse.url("ingest")) as connection:
            readable = {name: reader for name, reader in connectors().items() if reader.is_readable(settings)}
            now = datetime.now(UTC)
            planned = [(name, item) for name, one in readable.items() for item in one.plan(connection, settings, now)]
            pending = [path for one in connectors().values() for path in pending_files(connection, lake, one.source)]
        with connect(warehouse.url("transform")) as connection, connection.transaction(force_rollback=True):
            build = plan_build(connection, models_digest=models_digest(settings), as_of_date=as_of_date(settings))
            damaged = damaged_marts(connection)
        skipped = skipped_sources(warehouse)
    plan_table = table(["stream", "min. requests", "endpoints", "not due"], numbers=["min. requests", "not due"])
    for name, item in planned:
        endpoints = ", ".join(f"{name} x{count}" for name, count in item.requests.items())
        plan_table.add_row(f"{name}/{item.name}", str(sum(item.requests.values())), endpoints, str(item.skipped))
    console.print(plan_table)
    for name, item in planned:
        if item.due:
            due = ", ".join(f"{reason} x{count}" for reason, count in sorted(item.due.items()))
            console.print(f"{name}/{item.name}: due to be fetched again, within the budget: {due}")
    for source, reader in readable.items():
        total = sum(sum(item.requests.values()) for name, item in planned if name == source)
        console.print(f"{source}: {total} requests of {reader.call_budget(settings)}")
    for source_skipped in skipped:
        console.print(source_skipped.message)
    console.print(f"{_files(pending)} to load")
    reason = "new data" if build.is_needed else "no new data is loaded"
    if damaged:
        reason = f"{len(damaged)} damaged, to be repaired ({damaged[0].message})"
    kind = "full" if build.is_full else "incremental"
    console.print(f"marts: {reason}; the next build is {kind}, in {build.colour}")
    for failure in (failure for _, item in planned for failure in item.failures):
        warn(failure.message)


def _hint_when_nothing_is_tracked(database_url: str) -> None:
    from warehouse.database.connections import connect

    with connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM ops.tracked WHERE removed_at IS NULL").fetchone()
    if row is None or row[0] == 0:
        commands = "`ladder track opendota player ID` or `ladder track faceit player NICKNAME`"
        console.print(f"hint: nothing is tracked; start with {commands}")


def _files(paths: list[Path]) -> str:
    return "1 pending file" if len(paths) == 1 else f"{len(paths)} pending files"
