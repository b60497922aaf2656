"""The warm worker: one process that has Dagster, dbt and the definitions loaded and executes runs.

    python -m orchestration.worker.server              serve, until standard input closes
    python -m orchestration.worker.server RUN_ID       execute one run and end

Runs that build are executed here, one after the other. A run that only fetches may take an hour at an upstream's pace:
it gets a process of its own, so that it keeps no build waiting.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from types import FrameType

import msgspec
from dagster import DagsterInstance, DagsterRun
from sqlalchemy.exc import SQLAlchemyError

from orchestration.assets.staging import staging_assets
from orchestration.progress import ProgressEvent, RunDone, subscribe
from orchestration.runs.execution import (
    WORKER_TAG,
    cancel_unfinished,
    describe_error,
    fail_dead_runs,
    fail_unfinished,
    process_identity,
    requeue,
)
from orchestration.runs.pipeline import Pipeline, open_pipeline
from orchestration.warehouse_access import open_warehouse
from orchestration.worker.client import Address, Launch, Ping, Request, Response, Run, Terminate, address_file
from warehouse.core import logs
from warehouse.core.settings import load_settings
from warehouse.core.visible import visible

__all__ = ["main"]

_POLL_S = 0.1
_RECORD_AGAIN_S = 2.0
#: Connections that wait to be taken; the default of one makes clients of a worker that is stopped wait for minutes.
_BACKLOG = 128
_log = logging.getLogger(__name__)


class Worker:
    """Takes requests in threads and executes runs in the main thread, where an interrupt can reach them.

    Dagster handles interrupts while it executes a run, and leaves the handler of SIGINT for SIGTERM too. No error of a
    request ends the worker. Where the database is gone, the end of a run is recorded as soon as it is back.
    """

    def __init__(self, pipeline: Pipeline, listener: Listener, secret: str) -> None:
        self._pipeline = pipeline
        self._listener = listener
        self._secret = secret.encode()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        #: Launched runs that wait for the one at hand.
        self._waiting: list[str] = []
        self._current: str | None = None
        self._is_busy = False
        self._is_ending = False
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._unrecorded: dict[str, Callable[[], None]] = {}

    def serve(self) -> None:
        """Execute what is requested until standard input closes."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        threading.Thread(target=self._accept, daemon=True, name="accept").start()
        threading.Thread(target=self._stop_at_end_of_input, daemon=True, name="watch").start()
        while not self._is_ending:
            try:
                task = self._work.get(timeout=_RECORD_AGAIN_S if self._unrecorded else None)
            except queue.Empty:
                self._record_ends()
                continue
            if task is None:
                break
            self._record_ends()
            with suppress(KeyboardInterrupt):
                try:
                    self._is_busy = True
                    task()
                finally:
                    self._is_busy = False
        self._end_runs()

    def _end_runs(self) -> None:
        """Cancel runs in processes of their own, and put those that have not begun back into Dagster's queue."""
        # Threads that wait for them take them out of the dictionary.
        children = dict(self._children)
        for run_id, child in children.items():
            self._report_canceling(run_id)
            child.send_signal(signal.SIGINT)
        for child in children.values():
            child.wait()
        # The end of a server that is gone too: the next worker records what is not recorded here.
        with suppress(SQLAlchemyError):
            for run_id in children:
                # One that was interrupted while it loaded Dagster has recorded nothing.
                cancel_unfinished(self._pipeline.instance, run_id)
            for run_id in self._waiting:
                requeue(self._pipeline.instance, run_id)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Interrupt the work at hand, once; SIGTERM ends the worker."""
        if number == signal.SIGTERM:
            # Not here: the thread that is interrupted may hold what is needed for it.
            threading.Thread(target=self._end, daemon=True, name="end").start()
        elif self._is_busy:
            self._is_busy = False
            raise KeyboardInterrupt

    def _end(self) -> None:
        """Cancel the run at hand and end. Dagster would try a run again that ends without having been cancelled."""
        self._is_ending = True
        self._work.put(None)
        if self._current is not None:
            self._report_canceling(self._current)
        os.kill(os.getpid(), signal.SIGINT)

    def _accept(self) -> None:
        while True:
            with suppress(OSError):
                connection = self._listener.accept()
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: Connection) -> None:
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
                answer = self._answer(request)
            except Exception as error:
                _log.exception("a request failed")
                answer = Response(is_ok=False, message=describe_error(error))
            connection.send_bytes(msgspec.json.encode(answer))

    def _answer(self, request: Launch | Terminate | Ping) -> Response:
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
            return Response(is_ok=False, message="the worker is about to end")
        if _builds(run):
            self._waiting.append(run_id)
            self._work.put(lambda: self._execute(run_id))
            return Response(is_ok=True, message=process_identity())
        # It ends with its run, on a signal, or with this process, however that ends.
        child = subprocess.Popen(
            [sys.executable, "-m", "orchestration.processes.exit_with_parent", "orchestration.worker.server", run_id],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._children[run_id] = child
        threading.Thread(target=self._reap, args=(run_id, child), daemon=True).start()
        return Response(is_ok=True, message=process_identity(child.pid))

    def _reap(self, run_id: str, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._children.pop(run_id, None)

    def _execute(self, run_id: str) -> None:
        if not self._take(run_id):
            return
        self._current = run_id
        try:
            run = self._pipeline.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._pipeline.execute(run)
        except KeyboardInterrupt:
            self._cancel(run_id)
        except Exception as error:
            self._fail(run_id, error)
        finally:
            self._current = None

    def _cancel(self, run_id: str) -> None:
        self._unrecorded[run_id] = partial(cancel_unfinished, self._pipeline.instance, run_id)
        self._record_ends()

    def _fail(self, run_id: str, error: Exception) -> None:
        """Record the end of a run by an error that no step has reported."""
        _log.exception("run %s failed", run_id)
        self._unrecorded[run_id] = partial(fail_unfinished, self._pipeline.instance, run_id, describe_error(error))
        self._record_ends()

    def _record_ends(self) -> None:
        """Record how runs ended, as far as the database can be reached."""
        for run_id, record in list(self._unrecorded.items()):
            try:
                record()
            except Exception as error:
                _log.warning("the end of run %s cannot be recorded yet: %s", run_id, describe_error(error))
                return
            self._unrecorded.pop(run_id, None)  # threads that cancel runs record ends too

    def _run(self, request: Run, connection: Connection) -> None:
        """Create and execute a run in the main thread, passing on what it tells; a client that leaves cancels it."""
        has_begun = threading.Event()
        is_over = threading.Event()
        is_left = threading.Event()
        run_ids: list[str] = []

        def send(message: ProgressEvent) -> None:
            with suppress(OSError):
                connection.send_bytes(msgspec.json.encode(message))

        def task() -> None:
            try:
                has_begun.set()
                if is_left.is_set():
                    return
                with subscribe(send):
                    run = self._pipeline.create(streams=request.streams, full_refresh=request.full_refresh)
                    run_ids.append(run.run_id)
                    self._current = run.run_id
                    send(self._pipeline.execute(run))
            except KeyboardInterrupt:
                for run_id in run_ids:
                    self._cancel(run_id)
                send(RunDone("", is_ok=False, is_cancelled=True))
            except Exception as error:
                for run_id in run_ids:
                    self._fail(run_id, error)
                send(RunDone("".join(run_ids), is_ok=False, errors=(describe_error(error),)))
            finally:
                is_over.set()
                self._current = None

        self._work.put(task)
        while not is_over.wait(_POLL_S):
            if not is_left.is_set() and connection.poll():
                is_left.set()
                for run_id in run_ids:
                    self._report_canceling(run_id)
                if has_begun.is_set() and not is_over.is_set():
                    os.kill(os.getpid(), signal.SIGINT)

    def _report_canceling(self, run_id: str) -> None:
        try:
            run = self._pipeline.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._pipeline.instance.report_run_canceling(run)
        except Exception:
            # It is interrupted all the same.
            _log.exception("that run %s is cancelled cannot be recorded", run_id)

    def _take(self, run_id: str) -> bool:
        """Take a launched run out of those that wait; false when it was cancelled there."""
        with suppress(ValueError):
            self._waiting.remove(run_id)
            return True
        return False

    def _terminate(self, run_id: str) -> bool:
        if self._take(run_id):
            self._cancel(run_id)
            return True
        if self._current == run_id:
            os.kill(os.getpid(), signal.SIGINT)
            return True
        child = self._children.get(run_id)
        if child is not None:
            child.send_signal(signal.SIGINT)
            return True
        return False

    def _stop_at_end_of_input(self) -> None:
        """Whoever started the worker holds the other end: it closes when he stops the worker, or dies."""
        while os.read(0, 4096):
            pass
        self._end()


def _builds(run: DagsterRun) -> bool:
    """Whether a run does more than fetching."""
    sources = staging_assets()
    if run.asset_selection:
        return any(key.path[0] not in sources for key in run.asset_selection)
    return run.job_name not in {job.name for source in sources.values() for job in source.jobs}


def _serve(pipeline: Pipeline, home: Path) -> None:
    secret = secrets.token_urlsafe(32)
    # Authenticated by the thread that serves a connection, so that a silent client holds up nobody else.
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
    logs.configure(settings, "worker")
    try:
        with open_warehouse(settings, set_up=False) as warehouse, open_pipeline(warehouse) as pipeline:
            if len(sys.argv) > 1:
                return _execute_one(pipeline.instance, pipeline, sys.argv[1])
            _serve(pipeline, settings.home)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:
        _log.exception("the worker ends")
        sys.stderr.write(f"error: {visible(describe_error(error))}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
