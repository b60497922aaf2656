"""Dagster runs in this process: open the instance, create and execute runs, record the ends of runs that died."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import IO, Any, cast

import psutil
import psycopg
import sqlalchemy.exc
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RepositoryDefinition, RunsFilter
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import DagsterEvent, DagsterEventType, RunFailureReason
from dagster._core.execution.api import create_execution_plan, execute_run_iterator
from dagster._core.snap import snapshot_from_execution_plan
from dagster._core.storage.tags import MAX_RETRIES_TAG
from sqlalchemy.exc import OperationalError

from orchestration.engine.event_log import BatchingEventLogStorage
from orchestration.jobs import NO_CONSOLE_EVENTS
from orchestration.progress import RunDone, SyncDone, subscribe
from orchestration.runs.run_log import logged_run
from warehouse.core import logs
from warehouse.core.errors import DatabaseError, LadderError
from warehouse.database.connection_hints import connection_hint
from warehouse.database.connections import first_line
from warehouse.database.error_messages import SERVER_UNAVAILABLE, to_database_error

__all__ = [
    "WORKER_TAG",
    "cancel_unfinished",
    "create_run",
    "describe_error",
    "execute",
    "fail_dead_runs",
    "fail_unfinished",
    "is_alive",
    "open_instance",
    "process_identity",
    "requeue",
]

#: Tag of a run: the process that executes it, as `process_identity` writes it.
WORKER_TAG = "ladder/process"

_NOT_STARTED = (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING)
_IN_PROGRESS = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_STORAGE = {"module": "orchestration.engine.storage", "class": "HomeStorage"}
#: Start of Dagster's message if an event cannot be stored.
_UNWRITTEN_EVENT = "Exception while writing logger call to event log"
_POOL_RECYCLE_S = 3600
_STATEMENT_TIMEOUT_MS = 60_000
#: SQLSTATE prefixes of connection errors, and of sessions ended by an administrator or a crash.
_CONNECTION_STATES = ("08", "57P")


@contextmanager
def open_instance(home: Path, url: str) -> Iterator[DagsterInstance]:
    """Open the instance of an open warehouse, with pooled connections.

    Args:
        home: DAGSTER_HOME, the value of `prepare_instance`.
        url: URL of the storage, the value of `storage_url`.
    """
    storage = {"custom": {**_STORAGE, "config": {"postgres_url": url}}}
    with DagsterInstance.local_temp(str(home), overrides={"storage": storage}) as instance:
        # By default Dagster opens new connections for each event.
        instance.optimize_for_webserver(
            statement_timeout=_STATEMENT_TIMEOUT_MS, pool_recycle=_POOL_RECYCLE_S, max_overflow=10
        )
        if isinstance(instance.event_log_storage, BatchingEventLogStorage):
            instance.event_log_storage.pool_connections()
        yield instance


@contextmanager
def _convert_storage_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise to_database_error(error.orig, SERVER_UNAVAILABLE) from error


@_convert_storage_errors()
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

    Raises:
        DatabaseError: Dagster's storage is not writable.
    """
    definition = repository.get_job(job)
    # The user sees how the run ends, so the daemon must not retry it.
    tags = {WORKER_TAG: process_identity(), MAX_RETRIES_TAG: "0"}
    run_config = {**NO_CONSOLE_EVENTS, **(config or {})}
    if not assets:
        return instance.create_run_for_job(definition, run_config=run_config, tags=tags)
    selection = frozenset(assets)
    # Only those of their checks that the job has; `create_run_for_job` would select all.
    checks = frozenset(key for key in definition.asset_layer.asset_graph.asset_check_keys if key.asset_key in selection)
    selected = definition.get_subset(asset_selection=selection, asset_check_selection=checks)
    plan = create_execution_plan(selected, run_config=run_config, tags=tags)
    return instance.create_run(
        job_name=job,
        run_id=None,
        run_config=run_config,
        status=None,
        tags=tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, selected.get_job_snapshot_id()),
        job_snapshot=selected.get_job_snapshot(),
        parent_job_snapshot=selected.get_parent_job_snapshot(),
        asset_selection=selection,
        asset_check_selection=checks,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=None,
        job_code_origin=None,
        asset_graph=selected.asset_layer.asset_graph,
    )


def execute(instance: DagsterInstance, repository: RepositoryDefinition, run: DagsterRun) -> RunDone:
    """Execute a run and log it. An interrupt cancels it.

    Raises:
        DatabaseError: Dagster's storage is not writable, because its server is full or down.
    """
    with logs.log_context(run_id=run.run_id, job=run.job_name), logged_run(run) as log:
        try:
            with redirect_stderr(cast(IO[str], _WithoutUnstoredEvents(sys.stderr))):
                done = _execute(instance, repository, run)
        except OperationalError as error:
            raise _storage_failure(instance, run, error) from error
        log.end(done)
        return done


def _execute(instance: DagsterInstance, repository: RepositoryDefinition, run: DagsterRun) -> RunDone:
    errors: list[str] = []
    syncs: list[SyncDone] = []
    is_cancelled = False
    with subscribe(lambda event: syncs.append(event) if isinstance(event, SyncDone) else None):
        for event in execute_run_iterator(InMemoryJob(repository.get_job(run.job_name)), run, instance):
            is_cancelled = is_cancelled or _is_interrupt(event)
            if event.is_step_failure or (event.is_run_failure and not errors):
                errors.append(_describe_failure(event))
    ended = instance.get_run_by_id(run.run_id)
    is_ok = ended is not None and ended.status == DagsterRunStatus.SUCCESS
    if ended is not None and is_ok and _is_outage(syncs):
        # No step fails in this case, so that data that was stored before is built and published.
        is_ok = False
        message = "no source responded to a request"
        if not any(done.failures for done in syncs):  # otherwise each failure already has its own line
            errors.append(message)
        instance.report_run_failed(ended, message)
    return RunDone(run.run_id, is_ok, tuple(errors), is_cancelled and not is_ok)


class _WithoutUnstoredEvents:
    """Standard error without the full events that Dagster writes there if its storage rejects them."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, unless it is such an event. The error itself is also raised."""
        return len(text) if text.startswith(_UNWRITTEN_EVENT) else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _storage_failure(instance: DagsterInstance, run: DagsterRun, error: OperationalError) -> DatabaseError:
    """The error because of which a run was not recorded. The end of the run is recorded if that is still possible."""
    failure = to_database_error(error.orig, SERVER_UNAVAILABLE)
    with suppress(OperationalError):
        stored = instance.get_run_by_id(run.run_id)
        if stored is not None and not stored.is_finished:
            instance.report_run_failed(stored, str(failure))
    return failure


def fail_dead_runs(instance: DagsterInstance) -> int:
    """Record runs whose process has exited as failed, and free their pool slots; returns the number of these runs."""
    dead = [
        run
        for run in instance.get_runs(filters=RunsFilter(statuses=_IN_PROGRESS))
        if WORKER_TAG in run.tags and not is_alive(run.tags[WORKER_TAG])
    ]
    for run in dead:
        fail_unfinished(instance, run.run_id, "the process that executed this run has exited")
    return len(dead)


def fail_unfinished(instance: DagsterInstance, run_id: str, reason: str) -> None:
    """Record that a run failed, unless its end is already recorded, and free its pool slots."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, reason)
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def cancel_unfinished(instance: DagsterInstance, run_id: str) -> None:
    """Record that a run was cancelled, unless its end is already recorded."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run)


def requeue(instance: DagsterInstance, run_id: str) -> None:
    """Return a launched run that has not started to Dagster's queue, from which the next daemon starts it."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status in _NOT_STARTED:
        message = "The worker exited before this run started; it is queued again."
        event = DagsterEvent(DagsterEventType.PIPELINE_ENQUEUED.value, job_name=run.job_name, message=message)
        instance.report_dagster_event(event, run_id=run_id)


def process_identity(pid: int | None = None) -> str:
    """Process id and start time, which distinguish a process from a later one with the same id."""
    process = psutil.Process(pid or os.getpid())
    return f"{process.pid}@{process.create_time():.2f}"


def is_alive(identity: str) -> bool:
    """Whether the process with an identity still runs."""
    pid, _, _ = identity.partition("@")
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE and process_identity(int(pid)) == identity
    except psutil.NoSuchProcess:
        return False


def describe_error(error: BaseException) -> str:
    """An error that no step has reported, in one line: its innermost cause, and what to do if PostgreSQL is down."""
    chain = [error]
    while (cause := _cause(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    for one in chain:
        if isinstance(one, LadderError):
            return str(one)
    message = first_line(chain[-1])
    if any(_is_lost_connection(one) for one in chain):
        return f"PostgreSQL cannot be reached: {message}; {connection_hint('postgres')}"
    return f"{type(chain[-1]).__name__}: {message}"


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_lost_connection(error: BaseException) -> bool:
    """Whether a connection could not be opened or was closed by the server, by the error's class and SQLSTATE."""
    if isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
        state = getattr(error.orig, "pgcode", None)
    elif isinstance(error, psycopg.OperationalError):
        state = error.sqlstate
    else:
        return False
    return state is None or state.startswith(_CONNECTION_STATES)


def _is_outage(syncs: Sequence[SyncDone]) -> bool:
    """Whether there were requests or failures, and no page was received."""
    return any(one.requests or one.failures for one in syncs) and not any(one.pages for one in syncs)


def _is_interrupt(event: DagsterEvent) -> bool:
    if event.event_type == DagsterEventType.RUN_CANCELED:
        return True
    reason = event.job_failure_data.failure_reason if event.is_run_failure else None
    return reason == RunFailureReason.UNEXPECTED_TERMINATION


def _describe_failure(event: DagsterEvent) -> str:
    """One line: the description that a step gave its failure, or the innermost error."""
    if event.is_step_failure:
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return data.user_failure_data.description
        origin, error = event.step_key, data.error
    else:
        origin, error = "the run", event.job_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is not None:
        return f"{origin}: {error.message.strip().splitlines()[0]}"
    return (event.message or "the run failed").splitlines()[0]
