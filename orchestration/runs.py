"""Runs of Dagster in this process: opening the instance, creating a run, executing it, clearing up after the dead."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import sqlalchemy.exc
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RepositoryDefinition, RunsFilter
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import DagsterEvent, DagsterEventType, RunFailureReason
from dagster._core.execution.api import execute_run_iterator
from dagster._core.storage.tags import MAX_RETRIES_TAG

from orchestration.event_log import BurstEventLogStorage
from orchestration.jobs import QUIET
from orchestration.progress import PassDone, RunDone, listening
from warehouse import logs
from warehouse.database import first_line
from warehouse.errors import LadderError
from warehouse.server_hints import server_hint

__all__ = [
    "WORKER_TAG",
    "cancel_unfinished",
    "create_run",
    "execute",
    "fail_dead_runs",
    "fail_unfinished",
    "is_alive",
    "opened_instance",
    "process_mark",
    "why",
]

#: Tag of a run: the process that executes it, as `process_mark` writes it.
WORKER_TAG = "ladder/process"

_IN_PROGRESS = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_STORAGE = {"module": "orchestration.storage", "class": "HomeStorage"}
_POOL_RECYCLE_S = 3600
_STATEMENT_TIMEOUT_MS = 60_000
#: Connection exceptions, and ends by the administrator or by a crash.
_CONNECTION_STATES = ("08", "57P")


@contextmanager
def opened_instance(home: Path, url: str) -> Iterator[DagsterInstance]:
    """Open the instance of an open warehouse, keeping its connections between events.

    Args:
        home: what `prepare_instance` has prepared.
        url: the storage, as `storage_url` names it.
    """
    storage = {"custom": {**_STORAGE, "config": {"postgres_url": url}}}
    with DagsterInstance.local_temp(str(home), overrides={"storage": storage}) as instance:
        # By default each event opens connections of its own.
        instance.optimize_for_webserver(
            statement_timeout=_STATEMENT_TIMEOUT_MS, pool_recycle=_POOL_RECYCLE_S, max_overflow=10
        )
        if isinstance(instance.event_log_storage, BurstEventLogStorage):
            instance.event_log_storage.keep_connections()
        yield instance


def create_run(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    job: str,
    *,
    assets: Sequence[AssetKey] = (),
    config: Mapping[str, Any] | None = None,
) -> DagsterRun:
    """Create a run that this process will execute.

    Args:
        instance: where it is recorded.
        repository: the definitions.
        job: name of the job.
        assets: only these assets of the job.
        config: run config.
    """
    definition = repository.get_job(job)
    selection = frozenset(assets) or None
    return instance.create_run_for_job(
        definition.get_subset(asset_selection=selection) if selection else definition,
        run_config={**QUIET, **(config or {})},
        asset_selection=selection,
        # Whoever asked for it sees how it ends; the daemon is not to try again behind his back.
        tags={WORKER_TAG: process_mark(), MAX_RETRIES_TAG: "0"},
    )


def execute(instance: DagsterInstance, repository: RepositoryDefinition, run: DagsterRun) -> RunDone:
    """Execute a run to its end; an interrupt cancels it."""
    errors: list[str] = []
    passes: list[PassDone] = []
    is_cancelled = False
    noting = listening(lambda message: passes.append(message) if isinstance(message, PassDone) else None)
    with logs.bound(run_id=run.run_id, job=run.job_name), noting:
        for event in execute_run_iterator(InMemoryJob(repository.get_job(run.job_name)), run, instance):
            is_cancelled = is_cancelled or _is_interrupt(event)
            if event.is_step_failure or (event.is_run_failure and not errors):
                errors.append(_why(event))
    ended = instance.get_run_by_id(run.run_id)
    is_ok = ended is not None and ended.status == DagsterRunStatus.SUCCESS
    if ended is not None and is_ok and _is_outage(passes):
        # No step fails for it, so that what was stored before is built and published.
        is_ok = False
        message = "no source answered a request"
        if not any(done.failures for done in passes):  # otherwise each failure has its own line already
            errors.append(message)
        instance.report_run_failed(ended, message)
    return RunDone(run.run_id, is_ok, tuple(errors), is_cancelled and not is_ok)


def fail_dead_runs(instance: DagsterInstance) -> int:
    """Mark runs whose process is gone as failed, and free the places that they hold in pools; returns how many."""
    dead = [
        run
        for run in instance.get_runs(filters=RunsFilter(statuses=_IN_PROGRESS))
        if WORKER_TAG in run.tags and not is_alive(run.tags[WORKER_TAG])
    ]
    for run in dead:
        fail_unfinished(instance, run.run_id, "the process that executed this run is gone")
    return len(dead)


def fail_unfinished(instance: DagsterInstance, run_id: str, reason: str) -> None:
    """Record that a run failed, unless its end is recorded, and free the places that it holds in pools."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, reason)
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def cancel_unfinished(instance: DagsterInstance, run_id: str) -> None:
    """Record the end of a run whose execution was interrupted before it could."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run)


def process_mark(pid: int | None = None) -> str:
    """A process of this machine, told from a later one with the same number by its start."""
    process = psutil.Process(pid or os.getpid())
    return f"{process.pid}@{process.create_time():.2f}"


def is_alive(mark: str) -> bool:
    """Whether the process of a mark still runs."""
    pid, _, _ = mark.partition("@")
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE and process_mark(int(pid)) == mark
    except psutil.NoSuchProcess:
        return False


def why(error: BaseException) -> str:
    """What no step has reported, in one line: the innermost cause, and the next step where PostgreSQL is gone."""
    chain = [error]
    while (cause := _cause(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    for one in chain:
        if isinstance(one, LadderError):
            return str(one)
    said = first_line(chain[-1])
    if any(_is_lost_connection(one) for one in chain):
        return f"PostgreSQL cannot be reached: {said}; {server_hint('postgres')}"
    return f"{type(chain[-1]).__name__}: {said}"


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_lost_connection(error: BaseException) -> bool:
    """Whether a connection could not be opened or was ended by the server, by the error's class and SQLSTATE."""
    if isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
        state = getattr(error.orig, "pgcode", None)
    elif isinstance(error, psycopg.OperationalError):
        state = error.sqlstate
    else:
        return False
    return state is None or state.startswith(_CONNECTION_STATES)


def _is_outage(passes: Sequence[PassDone]) -> bool:
    """Whether requests were made or failed, and none was answered."""
    return any(one.requests or one.failures for one in passes) and not any(one.answered for one in passes)


def _is_interrupt(event: DagsterEvent) -> bool:
    if event.event_type == DagsterEventType.RUN_CANCELED:
        return True
    reason = event.job_failure_data.failure_reason if event.is_run_failure else None
    return reason == RunFailureReason.UNEXPECTED_TERMINATION


def _why(event: DagsterEvent) -> str:
    """One line: what a step said of its own accord, or the innermost error."""
    if event.is_step_failure:
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return data.user_failure_data.description
        place, error = event.step_key, data.error
    else:
        place, error = "the run", event.job_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is not None:
        return f"{place}: {error.message.strip().splitlines()[0]}"
    return (event.message or "the run failed").splitlines()[0]
