"""The warm worker: one process that has Dagster, dbt and the definitions loaded and executes runs.

    python -m orchestration.worker.server              serve until standard input closes
    python -m orchestration.worker.server RUN_ID       execute one run and exit

Runs that build marts are executed in this process, one at a time. A run that only syncs sources may take an hour
because of an upstream's rate limit, so it gets a process of its own and blocks no build.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from types import FrameType

import msgspec
from dagster import DagsterInstance
from sqlalchemy.exc import SQLAlchemyError

from orchestration.jobs import is_sync_only
from orchestration.progress import ProgressEvent, RunDone, subscribe
from orchestration.runs.execution import (
    WORKER_TAG,
    cancel_unfinished,
    describe_error,
    fail_dead_runs,
    process_identity,
    requeue,
)
from orchestration.runs.pipeline import Pipeline, open_pipeline
from orchestration.warehouse_access import open_warehouse
from orchestration.worker.client import Address, Launch, Ping, Request, Response, Run, Terminate, address_file
from orchestration.worker.run_outcomes import RunOutcomes
from orchestration.worker.run_processes import RunProcesses
from warehouse.core import logs
from warehouse.core.control_characters import escape_control_characters
from warehouse.core.settings import load_settings

__all__ = ["main"]

_POLL_S = 0.1
_RECORD_AGAIN_S = 2.0
#: Pending connections. With the default of one, clients of a stopped worker wait for minutes.
_BACKLOG = 128
_log = logging.getLogger(__name__)


class Worker:
    """Accepts requests in threads and executes runs in the main thread, where signals can interrupt them.

    Dagster handles interrupts while it executes a run, and afterwards leaves the handler of SIGINT installed for
    SIGTERM too. An error in a request does not end the worker. If the database is unavailable, the end of a run is
    recorded once it is available again.

    Args:
        pipeline: creates and executes runs.
        listener: where clients connect.
        secret: shared with clients, which must prove that they know it.
    """

    def __init__(self, pipeline: Pipeline, listener: Listener, secret: str) -> None:
        self._pipeline = pipeline
        self._listener = listener
        self._secret = secret.encode()
        self._outcomes = RunOutcomes(pipeline.instance)
        self._processes = RunProcesses()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        #: Launched runs that wait for the current one.
        self._waiting: list[str] = []
        self._current: str | None = None
        self._is_busy = False
        self._is_ending = False

    def serve(self) -> None:
        """Execute requested runs until standard input closes."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        threading.Thread(target=self._accept, daemon=True, name="accept").start()
        threading.Thread(target=self._end_when_input_closes, daemon=True, name="watch").start()
        while not self._is_ending:
            try:
                task = self._tasks.get(timeout=_RECORD_AGAIN_S if self._outcomes.has_unrecorded else None)
            except queue.Empty:
                self._outcomes.record()
                continue
            if task is None:
                break
            self._outcomes.record()
            with suppress(KeyboardInterrupt):
                try:
                    self._is_busy = True
                    task()
                finally:
                    self._is_busy = False
        self._end_runs()

    def _end_runs(self) -> None:
        """Cancel runs in child processes, and put runs that have not started back into Dagster's queue."""
        interrupted = self._processes.interrupt_all(self._outcomes.report_canceling)
        # If the database is unavailable as well, the next worker records what is not recorded here.
        with suppress(SQLAlchemyError):
            for run_id in interrupted:
                # A process that was interrupted while it loaded Dagster has recorded nothing.
                cancel_unfinished(self._pipeline.instance, run_id)
            for run_id in self._waiting:
                requeue(self._pipeline.instance, run_id)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """SIGINT interrupts the current task, once; SIGTERM ends the worker."""
        if number == signal.SIGTERM:
            # In a thread: the interrupted code may hold locks that this needs.
            threading.Thread(target=self._end, daemon=True, name="end").start()
        elif self._is_busy:
            self._is_busy = False
            raise KeyboardInterrupt

    def _end(self) -> None:
        """Cancel the current run and end. Dagster would retry a run that ends without a cancellation."""
        self._is_ending = True
        self._tasks.put(None)
        if self._current is not None:
            self._outcomes.report_canceling(self._current)
        os.kill(os.getpid(), signal.SIGINT)

    def _end_when_input_closes(self) -> None:
        """The parent holds the other end of standard input, which closes when it stops the worker or dies."""
        while os.read(0, 4096):
            pass
        self._end()

    def _accept(self) -> None:
        while True:
            with suppress(OSError):
                connection = self._listener.accept()
                threading.Thread(target=self._handle_connection, args=(connection,), daemon=True).start()

    def _handle_connection(self, connection: Connection) -> None:
        with connection, suppress(OSError, EOFError):
            try:
                deliver_challenge(connection, self._secret)
                answer_challenge(connection, self._secret)
                request = msgspec.json.decode(connection.recv_bytes(), type=Request)
            except (AuthenticationError, msgspec.MsgspecError):
                return
            if isinstance(request, Run):
                self._run(request, connection)
                return
            try:
                response = self._handle(request)
            except Exception as error:
                _log.exception("a request failed")
                response = Response(is_ok=False, message=describe_error(error))
            connection.send_bytes(msgspec.json.encode(response))

    def _handle(self, request: Launch | Terminate | Ping) -> Response:
        match request:
            case Launch(run_id):
                return self._launch(run_id)
            case Terminate(run_id):
                return Response(self._terminate(run_id))
            case Ping():
                return Response(is_ok=True)

    def _launch(self, run_id: str) -> Response:
        run = self._pipeline.instance.get_run_by_id(run_id)
        if run is None:
            return Response(is_ok=False, message=f"there is no run {run_id}")
        if self._is_ending:
            return Response(is_ok=False, message="the worker is shutting down")
        if is_sync_only(run):
            return Response(is_ok=True, message=process_identity(self._processes.start(run_id)))
        self._waiting.append(run_id)
        self._tasks.put(lambda: self._execute(run_id))
        return Response(is_ok=True, message=process_identity())

    def _terminate(self, run_id: str) -> bool:
        if self._take(run_id):
            self._outcomes.cancel(run_id)
            return True
        if self._current == run_id:
            os.kill(os.getpid(), signal.SIGINT)
            return True
        return self._processes.interrupt(run_id)

    def _take(self, run_id: str) -> bool:
        """Remove a launched run from the waiting ones; false if it was cancelled while it waited."""
        with suppress(ValueError):
            self._waiting.remove(run_id)
            return True
        return False

    def _execute(self, run_id: str) -> None:
        """Execute a launched run, in the main thread."""
        if not self._take(run_id):
            return
        self._current = run_id
        try:
            run = self._pipeline.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._pipeline.execute(run)
        except KeyboardInterrupt:
            self._outcomes.cancel(run_id)
        except Exception as error:
            self._outcomes.fail(run_id, error)
        finally:
            self._current = None

    def _run(self, request: Run, connection: Connection) -> None:
        """Create and execute a run in the main thread and forward its events; a client that disconnects cancels it."""
        has_started = threading.Event()
        is_over = threading.Event()
        is_abandoned = threading.Event()
        run_ids: list[str] = []

        def send(event: ProgressEvent) -> None:
            with suppress(OSError):
                connection.send_bytes(msgspec.json.encode(event))

        def task() -> None:
            try:
                has_started.set()
                if is_abandoned.is_set():
                    return
                with subscribe(send):
                    run = self._pipeline.create(streams=request.streams, full_refresh=request.full_refresh)
                    run_ids.append(run.run_id)
                    self._current = run.run_id
                    send(self._pipeline.execute(run))
            except KeyboardInterrupt:
                for run_id in run_ids:
                    self._outcomes.cancel(run_id)
                send(RunDone("", is_ok=False, is_cancelled=True))
            except Exception as error:
                for run_id in run_ids:
                    self._outcomes.fail(run_id, error)
                send(RunDone("".join(run_ids), is_ok=False, errors=(describe_error(error),)))
            finally:
                is_over.set()
                self._current = None

        self._tasks.put(task)
        while not is_over.wait(_POLL_S):
            if not is_abandoned.is_set() and connection.poll():
                is_abandoned.set()
                for run_id in run_ids:
                    self._outcomes.report_canceling(run_id)
                if has_started.is_set() and not is_over.is_set():
                    os.kill(os.getpid(), signal.SIGINT)


def _serve(pipeline: Pipeline, home: Path) -> None:
    secret = secrets.token_urlsafe(32)
    # The listener itself does not authenticate: each connection's thread does, so a silent client blocks no other.
    with Listener(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
        port = listener.address[1]
        fail_dead_runs(pipeline.instance)
        pipeline.warm_up()
        path = address_file(home)
        Address(int(port), secret).write(path)
        try:
            Worker(pipeline, listener, secret).serve()
        finally:
            path.unlink(missing_ok=True)


def _execute_one(instance: DagsterInstance, pipeline: Pipeline, run_id: str) -> int:
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return 1
    instance.add_run_tags(run_id, {WORKER_TAG: process_identity()})
    try:
        return 0 if pipeline.execute(run).is_ok else 1
    except (KeyboardInterrupt, SystemExit):
        cancel_unfinished(instance, run_id)
        raise


def main() -> int:
    """Serve, or execute one run."""
    settings = load_settings()
    logs.configure_logging(settings, "worker")
    try:
        with open_warehouse(settings, set_up=False) as warehouse, open_pipeline(warehouse) as pipeline:
            if len(sys.argv) > 1:
                return _execute_one(pipeline.instance, pipeline, sys.argv[1])
            _serve(pipeline, settings.home)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:
        _log.exception("the worker exits")
        sys.stderr.write(f"error: {escape_control_characters(describe_error(error))}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
