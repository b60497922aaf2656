"""`ladder up` while its servers, its processes and the upstream are killed, stopped and ended, one after the other.

Readers request a handful of answers a second meanwhile. Each must be fresh, or marked as stale. After each event all
parts must be up and a run must succeed within half a minute, and in the end `ladder verify` must find no difference.
Half of the events happen in the middle of a run, which may fail.

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
from warehouse.embedded.termination import unwinding_on_termination

LADDER = Path(sys.executable).with_name("ladder")
PEOPLE, OPENDOTA_PLAYERS, FACEIT_PLAYERS = 120, 40, 10
KEY = "endurance"
NO_LIMIT = "1000000"
READERS, PAUSE_S = 2, 0.4
STOPPED_S = 10.0
AWAY_S = 5.0
BACK_WITHIN_S = 30.0
RUN_BEGUN_S = 2.0
LIMIT_S = 300.0
#: What happens to each: a crash, a hang, and an orderly end.
WAYS = ("killed", "stopped for 10 s", "ended")
TARGETS = ("PostgreSQL", "Valkey", "daemon", "worker", "upstream")
MODULES = {"daemon": "dagster._daemon", "worker": "orchestration.worker.server"}
SERVERS = {"PostgreSQL": "postgres", "Valkey": "valkey"}
ENDING = {"PostgreSQL": signal.SIGINT}  # a fast shutdown; SIGTERM would wait for its clients


class Upstream:
    """The simulated sources as a process that can be started again on its port, on the same day of its world."""

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
        """Let a day pass."""
        self._days += 1
        self._advance(1)

    def players(self, path: str, count: int) -> list[str]:
        """Ids of players who can be tracked."""
        found = httpx.get(self._control(path), params={"count": count}, timeout=30).json()
        return [str(player) for player in found]

    def end(self) -> None:
        """End it for good."""
        self.process.kill()
        self.process.communicate()

    def _advance(self, days: int) -> None:
        httpx.post(self._control("advance"), json={"days": days}, timeout=60).raise_for_status()

    def _control(self, name: str) -> str:
        return f"http://127.0.0.1:{self._port}/sandbox/{name}"


class Installation:
    """`ladder up` on a home of its own."""

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
        """Run a command to its end: its exit code and all that it wrote."""
        command = self.start(*arguments)
        output, errors = command.communicate(timeout=LIMIT_S)
        return command.returncode, (output + errors).decode(errors="replace")

    def processes(self, target: str) -> list[psutil.Process]:
        """The processes of a part, its main one first."""
        if target == "upstream":
            return [psutil.Process(self.upstream.process.pid)]
        if target in SERVERS:
            record = (self.home / "servers" / f"{SERVERS[target]}.server").read_text()
            main = psutil.Process(int(record.split()[0]))
            return [main, *main.children(recursive=True)]
        children = psutil.Process(self.up.pid).children()
        return [child for child in children if MODULES[target] in child.cmdline()]

    def is_up(self) -> bool:
        """Whether all parts are up, as `ladder up` says."""
        states = read_status(self.home)
        return states is not None and not states.not_up

    def _read(self) -> None:
        assert self.up.stderr is not None
        for line in self.up.stderr:
            self.events.append(line.decode().rstrip())


class Readers:
    """Threads that request answers, one after the other, and count them."""

    def __init__(self, api: str, paths: Sequence[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.others: list[str] = []
        self.slowest_s = 0.0
        self._api = api
        self._paths = cycle(paths)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(READERS)]

    def __enter__(self) -> Readers:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the answers under way."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._is_over.wait(PAUSE_S):
                with self._lock:
                    path = next(self._paths)
                began = time.monotonic()
                try:
                    answer = client.get(self._api + path)
                    is_stale = answer.headers.get("x-ladder-stale") == "1"
                    kind = f"{answer.status_code}{', stale' if is_stale else ''}"
                except httpx.HTTPError as error:
                    kind = type(error).__name__
                with self._lock:
                    self.counts[kind] += 1
                    self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                    if not kind.startswith("200"):
                        self.others.append(f"{time.strftime('%H:%M:%S')} {path}: {kind}")


def strike(installation: Installation, target: str, way: str) -> None:
    """Do something to a part; when this returns, nothing but `ladder up` has to be waited for."""
    processes = installation.processes(target)
    if way == "stopped for 10 s":
        for process in processes:
            process.suspend()
        time.sleep(STOPPED_S)
        for process in processes:
            process.resume()
        return
    if way == "killed":
        for process in processes:
            process.kill()
    else:
        processes[0].send_signal(ENDING.get(target, signal.SIGTERM))
    if target == "upstream":
        installation.upstream.process.communicate()
        time.sleep(AWAY_S)
        installation.upstream.start()
    else:
        psutil.wait_procs(processes[:1], timeout=60)


def seconds_until_back(installation: Installation) -> tuple[float, float]:
    """Wait until all parts are up and then a run has succeeded; seconds until both, and until the parts were up."""
    began = time.monotonic()
    parts_s = None
    said = "some parts are not up"
    time.sleep(1.0)  # `ladder up` looks five times a second
    while time.monotonic() - began < LIMIT_S:
        if installation.is_up():
            parts_s = parts_s or time.monotonic() - began
            code, said = installation.ladder("run")
            if code == 0 and installation.is_up():
                return time.monotonic() - began, parts_s
        time.sleep(0.2)
    print(f"error: not back within {LIMIT_S:.0f} s: {said}", file=sys.stderr)
    return time.monotonic() - began, parts_s or LIMIT_S


def fill(installation: Installation) -> list[str]:
    """Track players and build both colours, of which the first build is from nothing; paths that readers request."""
    upstream = installation.upstream
    players = upstream.players("players", OPENDOTA_PLAYERS)
    done = [
        installation.ladder("track", "opendota", "player", *players),
        installation.ladder("track", "faceit", "player", *upstream.players("faceit/players", FACEIT_PLAYERS)),
        installation.ladder("run"),
    ]
    upstream.advance()
    done.append(installation.ladder("run"))
    for code, said in done:
        if code != 0:
            sys.exit(f"error: the first run failed: {said}")
    paths = ["/leaderboards", "/leaderboards/dota2_win_rate?limit=10", "/leaderboards/cs2_elo?limit=5"]
    paths += ["/heroes/meta-trends?window_days=30&rank_bracket=all"]
    paths += [f"/players/dota2/{player}/rank-progression?ladder=dota2_rank_tier" for player in players[:4]]
    return [path for path in paths if is_answered(installation.api + path)]


def is_answered(url: str) -> bool:
    """Whether there is an answer at all, waiting until the first publication is served."""
    deadline = time.monotonic() + 10
    while (status := httpx.get(url, timeout=30).status_code) >= 500 and time.monotonic() < deadline:
        time.sleep(0.2)
    return status == 200


@contextmanager
def installed() -> Iterator[Installation]:
    """`ladder up` and its upstream, until the end of the block."""
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
    """Let everything happen; 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--events", type=int, default=20, help="how many things happen")
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long, at least")
    given = parser.parse_args()
    back: defaultdict[str, list[float]] = defaultdict(list)
    parts: list[float] = []
    traces = 0
    with unwinding_on_termination(), installed() as installation:
        paths = fill(installation)
        began = time.monotonic()
        with Readers(installation.api, paths) as readers:
            for number, (way, target) in enumerate(islice(cycle(product(WAYS, TARGETS)), given.events)):
                pause_until(began + number * given.minutes * 60 / given.events)
                installation.upstream.advance()
                # Every other event finds a run that has begun, and the rest an idle worker.
                run = installation.start("run")
                if number % 2:
                    time.sleep(RUN_BEGUN_S)
                else:
                    run.wait(LIMIT_S)
                strike(installation, target, way)
                seconds, parts_s = seconds_until_back(installation)
                _, errors = run.communicate(timeout=LIMIT_S)
                traces += errors.count(b"Traceback")
                back[f"{target} {way}"].append(seconds)
                parts.append(parts_s)
                during = " during a run" if number % 2 else ""
                said = f"parts are up after {parts_s:.1f} s, a run has succeeded after {seconds:.1f} s"
                print(f"{number + 1}. {target} {way}{during}: {said}", flush=True)
        code, said = installation.ladder("verify")
        is_alive = installation.up.poll() is None
        lasted = time.monotonic() - began
    fresh, stale = readers.counts["200"], readers.counts["200, stale"]
    other = readers.counts.total() - fresh - stale
    longest = max(max(seconds) for seconds in back.values())
    report.write(
        "endurance",
        seconds=back,
        ratios={
            "answers_fresh": fresh,
            "answers_stale": stale,
            "answers_other": other,
            "longest_until_back_s": longest,
            "longest_until_parts_are_up_s": max(parts),
            "median_until_back_s": median(value for seconds in back.values() for value in seconds),
            "slowest_answer_s": readers.slowest_s,
            "verify_exit_code": code,
        },
        bars={"answers_other": "0", "longest_until_back_s": f"<= {BACK_WITHIN_S:.0f}", "verify_exit_code": "0"},
        facts={
            "answers": dict(readers.counts),
            "not 200": readers.others,
            "verify": said.strip().splitlines()[-1] if said.strip() else "",
            "minutes": round(lasted / 60, 1),
            "`ladder up` lived": is_alive,
            "said by `ladder up`": installation.events,
            "stack traces of runs": traces,
        },
    )
    holds = other == 0 and longest <= BACK_WITHIN_S and code == 0 and is_alive and traces == 0
    print("everything held" if holds else "error: something did not hold; see the figures above")
    return 0 if holds else 1


def pause_until(moment: float) -> None:
    """Sleep until a moment of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))


if __name__ == "__main__":
    sys.exit(main())
