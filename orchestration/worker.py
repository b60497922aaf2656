"""The warm worker: one process that has Dagster, dbt and the definitions loaded and executes runs.

    python -m orchestration.worker              serve, until standard input closes
    python -m orchestration.worker RUN_ID       execute one run and end

Runs that build are executed here, one after the other. A run that only fetches may take an hour at an upstream's pace:
it gets a process of its own, so that it keeps no build waiting.
"""

from __future__ import annotations

import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path

import msgspec
from dagster import DagsterInstance, DagsterRun

from orchestration.assets.staging import stagings
from orchestration.pipeline import Pipeline, opened_pipeline
from orchestration.progress import Message, RunDone, listening
from orchestration.runs import WORKER_TAG, fail_dead_runs, process_mark
from orchestration.warehouse_access import open_warehouse
from orchestration.worker_client import Address, Answer, Launch, Ping, Request, Run, Terminate, address_file
from warehouse import logs
from warehouse.errors import LadderError
from warehouse.settings import load_settings

__all__ = ["main"]

_POLL_S = 0.1


class Worker:
    """Takes requests in threads and executes runs in the main thread, where an interrupt can reach them."""

    def __init__(self, pipeline: Pipeline, listener: Listener, secret: str) -> None:
        self._pipeline = pipeline
        self._listener = listener
        self._secret = secret.encode()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._current: str | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        """Execute what is asked for until standard input closes."""
        threading.Thread(target=self._accept, daemon=True, name="accept").start()
        threading.Thread(target=self._stop_at_end_of_input, daemon=True, name="watch").start()
        while True:
            # Dagster restores one handler for both signals after a run.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, lambda *_: self._work.put(None))
            task = self._work.get()
            if task is None:
                break
            task()
        # Threads that wait for them take them out of the dictionary.
        children = list(self._children.values())
        for child in children:
            child.send_signal(signal.SIGINT)
        for child in children:
            child.wait()

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
            else:
                connection.send_bytes(msgspec.json.encode(self._answer(request)))

    def _answer(self, request: Launch | Terminate | Ping) -> Answer:
        match request:
            case Launch(run_id):
                return self._launch(run_id)
            case Terminate(run_id):
                return Answer(self._terminate(run_id))
            case Ping():
                return Answer(is_ok=True)

    def _launch(self, run_id: str) -> Answer:
        run = self._pipeline.instance.get_run_by_id(run_id)
        if run is None:
            return Answer(is_ok=False, message=f"there is no run {run_id}")
        if _builds(run):
            self._work.put(lambda: self._execute(run_id))
            return Answer(is_ok=True, message=process_mark())
        # It ends with its run, or when it is told by signal; this process's input is not for it.
        child = subprocess.Popen(
            [sys.executable, "-m", "orchestration.worker", run_id], stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._children[run_id] = child
        threading.Thread(target=self._reap, args=(run_id, child), daemon=True).start()
        return Answer(is_ok=True, message=process_mark(child.pid))

    def _reap(self, run_id: str, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._children.pop(run_id, None)

    def _execute(self, run_id: str) -> None:
        run = self._pipeline.instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        self._current = run_id
        try:
            self._pipeline.execute(run)
        finally:
            self._current = None

    def _run(self, request: Run, connection: Connection) -> None:
        """Create and execute a run in the main thread, passing on what it tells; a client that leaves cancels it."""
        is_over = threading.Event()
        is_left = threading.Event()
        run_ids: list[str] = []

        def send(message: Message) -> None:
            with suppress(OSError):
                connection.send_bytes(msgspec.json.encode(message))

        def task() -> None:
            try:
                if is_left.is_set():
                    return
                with listening(send):
                    run = self._pipeline.create(passes=request.passes, full_refresh=request.full_refresh)
                    run_ids.append(run.run_id)
                    self._current = run.run_id
                    send(self._pipeline.execute(run))
            except LadderError as error:
                send(RunDone("", is_ok=False, errors=(str(error),)))
            finally:
                self._current = None
                is_over.set()

        self._work.put(task)
        while not is_over.wait(_POLL_S):
            if not is_left.is_set() and connection.poll():
                is_left.set()
                self._cancel(run_ids)

    def _cancel(self, run_ids: list[str]) -> None:
        """Cancel a run whose client has left; one that has not begun yet never will."""
        for run_id in run_ids:
            run = self._pipeline.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._pipeline.instance.report_run_canceling(run)
                self._terminate(run_id)

    def _terminate(self, run_id: str) -> bool:
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
        self._work.put(None)
        if self._current is not None:
            os.kill(os.getpid(), signal.SIGINT)


def _builds(run: DagsterRun) -> bool:
    """Whether a run does more than fetching."""
    sources = stagings()
    if run.asset_selection:
        return any(key.path[0] not in sources for key in run.asset_selection)
    return run.job_name not in {job.name for source in sources.values() for job in source.jobs}


def _serve(pipeline: Pipeline, home: Path) -> None:
    secret = secrets.token_urlsafe(32)
    # Authenticated by the thread that serves a connection, so that a silent client holds up nobody else.
    with Listener(("127.0.0.1", 0)) as listener:
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
    instance.add_run_tags(run_id, {WORKER_TAG: process_mark()})
    return 0 if pipeline.execute(run).is_ok else 1


def main() -> int:
    """Serve, or execute one run."""
    settings = load_settings()
    logs.configure(settings, "worker")
    with open_warehouse(settings, set_up=False) as warehouse, opened_pipeline(warehouse) as pipeline:
        if len(sys.argv) > 1:
            return _execute_one(pipeline.instance, pipeline, sys.argv[1])
        _serve(pipeline, settings.home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
