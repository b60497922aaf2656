"""`ladder up` while its servers, its processes and the upstream are killed, suspended and stopped, one after another.

Meanwhile readers send a few requests per second. Each response must be fresh, or marked as stale. After each event all
parts must be up and a run must succeed within half a minute, and at the end `ladder verify` must find no difference.
Half of the events happen during a run, which may fail.

    python -m benchmarks.endurance --events 20 --minutes 10
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice, product
from pathlib import Path
from statistics import median

import httpx
import psutil

from benchmarks import report
from orchestration.processes.status_file import read_status
from serving.run import reserve_port
from warehouse.embedded.termination import exit_on_termination

LADDER = Path(sys.executable).with_name("ladder")
PEOPLE, OPENDOTA_PLAYERS, FACEIT_PLAYERS = 120, 40, 10
KEY = "endurance"
NO_LIMIT = "1000000"
READERS, PAUSE_S = 2, 0.4
SUSPENDED_S = 10.0
DOWNTIME_S = 5.0
RECOVERY_LIMIT_S = 30.0
RUN_STARTED_S = 2.0
TIMEOUT_S = 300.0
#: Faults of each target: a crash, a hang, and an orderly stop.
FAULTS = ("killed", "suspended for 10 s", "stopped")
TARGETS = ("PostgreSQL", "Valkey", "daemon", "worker", "upstream")
MODULES = {"daemon": "dagster._daemon", "worker": "orchestration.worker.server"}
SERVERS = {"PostgreSQL": "postgres", "Valkey": "valkey"}
STOP_SIGNALS = {"PostgreSQL": signal.SIGINT}  # a fast shutdown; on SIGTERM it would wait for its clients


class Upstream:
    """The simulated sources as a process that can be restarted with the same port and the same date of its world."""

    def __init__(self) -> None:
        self._port = reserve_port("127.0.0.1", 0)
        self._days = 0
        self.start()

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "sandbox", "--until-stdin-closes", "--port", str(self._port)]
        command += ["--players", str(PEOPLE), "--per-minute", NO_LIMIT, "--per-day", NO_LIMIT]
        command += ["--faceit-per-second", NO_LIMIT, "--faceit-key", KEY]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.opendota, self.faceit = (self.process.stdout.readline().decode().strip() for _ in range(2))
        if self._days:
            self._advance(self._days)

    def advance(self) -> None:
        """Advance the simulated date by a day."""
        self._days += 1
        self._advance(1)

    def players(self, path: str, count: int) -> list[str]:
        """Ids of players that can be tracked."""
        found = httpx.get(self._control(path), params={"count": count}, timeout=30).json()
        return [str(player) for player in found]

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.communicate()

    def _advance(self, days: int) -> None:
        httpx.post(self._control("advance"), json={"days": days}, timeout=60).raise_for_status()

    def _control(self, name: str) -> str:
        return f"http://127.0.0.1:{self._port}/sandbox/{name}"


class Installation:
    """`ladder up` with its own home."""

    def __init__(self, home: Path, upstream: Upstream) -> None:
        self.home = home
        self.upstream = upstream
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LADDER_")},
            "LADDER_HOME": str(home),
            "LADDER_OPENDOTA_URL": upstream.opendota,
            "LADDER_FACEIT_URL": upstream.faceit,
            "LADDER_FACEIT_KEY": KEY,
            "LADDER_FACEIT_MATCH_BUDGET": "25",
            "LADDER_DAGSTER_PORT": "0",
            "LADDER_API_PORT": str(reserve_port("127.0.0.1", 0)),
        }
        self.api = f"http://127.0.0.1:{self._environment['LADDER_API_PORT']}/api/v1"
        self.up = self.start("up")
        assert self.up.stdout is not None
        while b"Ctrl-C" not in (line := self.up.stdout.readline()):
            if not line:
                sys.exit(f"error: `ladder up` did not start: {self.up.communicate()[1].decode()}")
        self.events: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        return subprocess.Popen(
            [LADDER, *arguments], env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def ladder(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; returns its exit code and output."""
        command = self.start(*arguments)
        output, errors = command.communicate(timeout=TIMEOUT_S)
        return command.returncode, (output + errors).decode(errors="replace")

    def processes(self, target: str) -> list[psutil.Process]:
        """The processes of a part, the main process first."""
        if target == "upstream":
            return [psutil.Process(self.upstream.process.pid)]
        if target in SERVERS:
            record = (self.home / "servers" / f"{SERVERS[target]}.server").read_text()
            main = psutil.Process(int(record.split()[0]))
            return [main, *main.children(recursive=True)]
        children = psutil.Process(self.up.pid).children()
        return [child for child in children if MODULES[target] in child.cmdline()]

    def is_up(self) -> bool:
        """Whether all parts are up, as reported by `ladder up`."""
        states = read_status(self.home)
        return states is not None and not states.not_up

    def _read(self) -> None:
        assert self.up.stderr is not None
        for line in self.up.stderr:
            self.events.append(line.decode().rstrip())


class Readers:
    """Threads that send requests one after another and count the responses."""

    def __init__(self, api: str, paths: Sequence[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.others: list[str] = []
        self.slowest_s = 0.0
        self._api = api
        self._paths = cycle(paths)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(READERS)]

    def __enter__(self) -> Readers:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the threads after their current requests."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._stopped.wait(PAUSE_S):
                with self._lock:
                    path = next(self._paths)
                started = time.monotonic()
                try:
                    answer = client.get(self._api + path)
                    is_stale = answer.headers.get("x-ladder-stale") == "1"
                    kind = f"{answer.status_code}{', stale' if is_stale else ''}"
                except httpx.HTTPError as error:
                    kind = type(error).__name__
                with self._lock:
                    self.counts[kind] += 1
                    self.slowest_s = max(self.slowest_s, time.monotonic() - started)
                    if not kind.startswith("200"):
                        self.others.append(f"{time.strftime('%H:%M:%S')} {path}: {kind}")


def inject_fault(installation: Installation, target: str, fault: str) -> None:
    """Inject a fault into a part, and restart the upstream, which `ladder up` does not supervise."""
    processes = installation.processes(target)
    if fault == "suspended for 10 s":
        for process in processes:
            process.suspend()
        time.sleep(SUSPENDED_S)
        for process in processes:
            process.resume()
        return
    if fault == "killed":
        for process in processes:
            process.kill()
    else:
        processes[0].send_signal(STOP_SIGNALS.get(target, signal.SIGTERM))
    if target == "upstream":
        installation.upstream.process.communicate()
        time.sleep(DOWNTIME_S)
        installation.upstream.start()
    else:
        psutil.wait_procs(processes[:1], timeout=60)


def measure_recovery(installation: Installation) -> tuple[float, float]:
    """Wait until all parts are up and a run succeeds; returns the seconds until then and until the parts were up."""
    started = time.monotonic()
    parts_s = None
    output = "some parts are not up"
    time.sleep(1.0)  # `ladder up` checks its parts five times a second
    while time.monotonic() - started < TIMEOUT_S:
        if installation.is_up():
            parts_s = parts_s or time.monotonic() - started
            code, output = installation.ladder("run")
            if code == 0 and installation.is_up():
                return time.monotonic() - started, parts_s
        time.sleep(0.2)
    print(f"error: no recovery within {TIMEOUT_S:.0f} s: {output}", file=sys.stderr)
    return time.monotonic() - started, parts_s or TIMEOUT_S


def fill(installation: Installation) -> list[str]:
    """Track players and build both colours, the first one in full; returns the paths that readers request."""
    upstream = installation.upstream
    players = upstream.players("players", OPENDOTA_PLAYERS)
    done = [
        installation.ladder("track", "opendota", "player", *players),
        installation.ladder("track", "faceit", "player", *upstream.players("faceit/players", FACEIT_PLAYERS)),
        installation.ladder("run"),
    ]
    upstream.advance()
    done.append(installation.ladder("run"))
    for code, output in done:
        if code != 0:
            sys.exit(f"error: the first run failed: {output}")
    paths = ["/leaderboards", "/leaderboards/dota2_win_rate?limit=10", "/leaderboards/cs2_elo?limit=5"]
    paths += ["/heroes/meta-trends?window_days=30&rank_bracket=all"]
    paths += [f"/players/dota2/{player}/rank-progression?ladder=dota2_rank_tier" for player in players[:4]]
    return [path for path in paths if has_data(installation.api + path)]


def has_data(url: str) -> bool:
    """Whether a URL has data, after waiting until the first publication is served."""
    deadline = time.monotonic() + 10
    while (status := httpx.get(url, timeout=30).status_code) >= 500 and time.monotonic() < deadline:
        time.sleep(0.2)
    return status == 200


@contextmanager
def running_installation() -> Iterator[Installation]:
    """Run `ladder up` and its upstream until the block ends."""
    home = Path(tempfile.mkdtemp(prefix="ladder-endurance-"))
    home.chmod(0o755)
    upstream = Upstream()
    try:
        installation = Installation(home, upstream)
        try:
            yield installation
        finally:
            installation.up.send_signal(signal.SIGTERM)
            installation.up.wait(120)
    finally:
        upstream.end()
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    """Inject all faults; returns 1 if a requirement was not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--events", type=int, default=20, help="number of faults")
    parser.add_argument("--minutes", type=float, default=10.0, help="minimum duration")
    given = parser.parse_args()
    recovery_times: defaultdict[str, list[float]] = defaultdict(list)
    parts: list[float] = []
    traces = 0
    with exit_on_termination(), running_installation() as installation:
        paths = fill(installation)
        started = time.monotonic()
        with Readers(installation.api, paths) as readers:
            for number, (fault, target) in enumerate(islice(cycle(product(FAULTS, TARGETS)), given.events)):
                sleep_until(started + number * given.minutes * 60 / given.events)
                installation.upstream.advance()
                # Every other fault is injected during a run, the others while the worker is idle.
                run = installation.start("run")
                if number % 2:
                    time.sleep(RUN_STARTED_S)
                else:
                    run.wait(TIMEOUT_S)
                inject_fault(installation, target, fault)
                seconds, parts_s = measure_recovery(installation)
                _, errors = run.communicate(timeout=TIMEOUT_S)
                traces += errors.count(b"Traceback")
                recovery_times[f"{target} {fault}"].append(seconds)
                parts.append(parts_s)
                during = " during a run" if number % 2 else ""
                output = f"parts are up after {parts_s:.1f} s, a run has succeeded after {seconds:.1f} s"
                print(f"{number + 1}. {target} {fault}{during}: {output}", flush=True)
        code, output = installation.ladder("verify")
        is_alive = installation.up.poll() is None
        lasted = time.monotonic() - started
    fresh, stale = readers.counts["200"], readers.counts["200, stale"]
    other = readers.counts.total() - fresh - stale
    longest = max(max(seconds) for seconds in recovery_times.values())
    report.write(
        "endurance",
        seconds=recovery_times,
        ratios={
            "answers_fresh": fresh,
            "answers_stale": stale,
            "answers_other": other,
            "longest_until_back_s": longest,
            "longest_until_parts_are_up_s": max(parts),
            "median_until_back_s": median(value for seconds in recovery_times.values() for value in seconds),
            "slowest_answer_s": readers.slowest_s,
            "verify_exit_code": code,
        },
        bars={"answers_other": "0", "longest_until_back_s": f"<= {RECOVERY_LIMIT_S:.0f}", "verify_exit_code": "0"},
        facts={
            "answers": dict(readers.counts),
            "not 200": readers.others,
            "verify": output.strip().splitlines()[-1] if output.strip() else "",
            "minutes": round(lasted / 60, 1),
            "`ladder up` lived": is_alive,
            "messages of `ladder up`": installation.events,
            "stack traces of runs": traces,
        },
    )
    holds = other == 0 and longest <= RECOVERY_LIMIT_S and code == 0 and is_alive and traces == 0
    print("all requirements met" if holds else "error: a requirement was not met; see the figures above")
    return 0 if holds else 1


def sleep_until(deadline: float) -> None:
    """Sleep until a time of the monotonic clock."""
    time.sleep(max(0.0, deadline - time.monotonic()))


if __name__ == "__main__":
    sys.exit(main())
