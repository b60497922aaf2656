"""`ladder run`: in the warm worker when there is one, in this process otherwise."""

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
    """Run everything, or some passes and the marts; ends with 1 when something failed."""
    settings = load_settings()
    logs.configure(settings, "ladder")
    started = time.monotonic()
    view = RunView()
    with view.shown():
        done = execute_run(settings, Run(streams, full_refresh), view)
    if done.is_cancelled:
        # Loaded by the run, if it was done in this process.
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
    """Do a run wherever it is done fastest.

    Raises:
        LadderError: it could not begin.
    """
    if is_running(settings.home):
        view.begin("starting")
        with _servers(settings):
            done = follow_run(settings.home, request, view.handle)
        if done.errors and not done.run_id:
            raise LadderError(done.errors[0])
        return done
    view.begin("loading")
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
def _servers(settings: Settings) -> Iterator[None]:
    """Start embedded servers that died below the worker, and wait until they answer; it does not look at them."""
    if find_running(settings) is not None:
        yield
        return
    with running(settings):
        yield


def show_plan() -> None:
    """Say what a run would ask for and build now; asks and writes nothing."""
    from ingestion.registry import readers
    from orchestration.dbt.graph import models_digest
    from orchestration.pipeline.transform import as_of_date
    from orchestration.warehouse_access import open_warehouse, skipped_sources
    from warehouse.database.connections import connect
    from warehouse.publication.damage import damaged_marts
    from warehouse.publication.publication import plan_build
    from warehouse.staging.load import pending_files

    settings = load_settings()
    with open_warehouse(settings, redis=False) as warehouse:
        _hint_when_nothing_is_tracked(warehouse.url("ingest"))
        lake = warehouse.lake
        with connect(warehouse.url("ingest")) as connection:
            asked = {name: reader for name, reader in readers().items() if reader.is_readable(settings)}
            now = datetime.now(UTC)
            planned = [(name, item) for name, one in asked.items() for item in one.plan(connection, settings, now)]
            pending = [path for one in readers().values() for path in pending_files(connection, lake, one.source)]
        with connect(warehouse.url("transform")) as connection, connection.transaction(force_rollback=True):
            build = plan_build(connection, models_digest=models_digest(settings), as_of_date=as_of_date(settings))
            damaged = damaged_marts(connection)
        unasked = skipped_sources(warehouse)
    made = table(["pass", "requests, at least", "endpoints", "not due"], numbers=["requests, at least", "not due"])
    for name, item in planned:
        endpoints = ", ".join(f"{name} x{count}" for name, count in item.requests.items())
        made.add_row(f"{name}/{item.name}", str(sum(item.requests.values())), endpoints, str(item.skipped))
    console.print(made)
    for name, item in planned:
        if item.due:
            due = ", ".join(f"{reason} x{count}" for reason, count in sorted(item.due.items()))
            console.print(f"{name}/{item.name}: due to be read again, within the budget: {due}")
    for source, reader in asked.items():
        total = sum(sum(item.requests.values()) for name, item in planned if name == source)
        console.print(f"{source}: {total} requests of {reader.call_budget(settings)}")
    for message in unasked:
        console.print(message.message)
    console.print(f"{_files(pending)} to load")
    reason = "something is new" if build.is_needed else "nothing new is loaded yet"
    if damaged:
        reason = f"{len(damaged)} damaged, to be mended ({damaged[0].message})"
    how = "from nothing" if build.is_full else "from what exists"
    console.print(f"marts: {reason}; the next build goes to {build.colour}, {how}")
    for failure in (failure for _, item in planned for failure in item.failures):
        warn(failure.message)


def _hint_when_nothing_is_tracked(database_url: str) -> None:
    from warehouse.database.connections import connect

    with connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM ops.tracked WHERE removed_at IS NULL").fetchone()
    if row is None or row[0] == 0:
        begin = "`ladder track opendota player ID` or `ladder track faceit player NICKNAME`"
        console.print(f"hint: nothing is tracked; begin with {begin}")


def _files(paths: list[Path]) -> str:
    return "1 landed file" if len(paths) == 1 else f"{len(paths)} landed files"
