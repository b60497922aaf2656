"""The API starts on a free port, stops on request or with its caller, and replaces dead workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from serving.run import background, reserve_port, serve
from tests.serving.conftest import ApiPair, redis_url
from tests.serving.http_clients import seconds_until
from tests.serving.marts import Marts
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings

PLAYER = "/api/v1/players/dota2/101"

SERVE = """
import sys
from pathlib import Path
from warehouse.core.settings import Settings
from serving.run import serve
settings = Settings(home=Path(sys.argv[1]), log_level=sys.argv[2])
serve(settings, sys.argv[3], sys.argv[4], host="127.0.0.1", port=int(sys.argv[5]), workers=2)
"""

HOLD = """
import sys
from pathlib import Path
from warehouse.core.settings import Settings
from serving.run import background
with background(Settings(home=Path(sys.argv[3])), sys.argv[1], sys.argv[2]) as base:
    print(base, flush=True)
    sys.stdin.read()
"""

DROP_ROOT = """
import os, sys
from pathlib import Path
from serving.http.unprivileged import drop_root, worker_account
place = Path(sys.argv[1])
drop_root(worker_account(place), [place / "served"])
print((place / "served" / "file").read_text())
for name in ("/etc/shadow", "secret/file"):
    try:
        (place / name).read_text()
    except PermissionError:
        print("denied", name)
try:
    os.setuid(0)
except PermissionError:
    print("denied to become root")
"""


def is_responding(base: str) -> bool:
    try:
        return httpx.get(f"{base}{PLAYER}", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def is_refusing_connections(base: str) -> bool:
    host, port = base.removeprefix("http://").split(":")
    with closing(socket.socket()) as probe:
        return probe.connect_ex((host, int(port))) != 0


@contextmanager
def serving(marts: Marts, log_level: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of two workers in its own process, once it responds; with its base URL."""
    port = reserve_port("127.0.0.1", 0)
    base = f"http://127.0.0.1:{port}"
    home = str(marts.database.settings.home)
    arguments = [home, log_level, marts.database.url("serving"), redis_url(marts.database), str(port)]
    with subprocess.Popen([sys.executable, "-c", SERVE, *arguments], stderr=subprocess.PIPE, text=True) as process:
        try:
            seconds_until(lambda: is_responding(base), 30)
            yield process, base
        finally:
            process.kill()


def counts_directories(marts: Marts) -> list[Path]:
    return sorted((marts.database.settings.home / "run").glob("counts-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root")
def test_workers_of_root_run_as_another_user_with_minimal_rights(marts: Marts) -> None:
    with serving(marts, "info") as (process, base):
        workers = [each for each in psutil.Process(process.pid).children() if "resource_tracker" not in each.cmdline()]
        assert workers
        for worker in workers:
            assert 0 not in (*worker.uids(), *worker.gids())
            rights = [line for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines() if "CapEff" in line]
            # Only CAP_DAC_READ_SEARCH, which the kernel restricts to the allowed folders.
            assert int(rights[0].split()[1], 16) & ~(1 << 2) == 0
        assert is_responding(base)
        workers[0].kill()
        seconds_until(lambda: is_responding(base), 10)


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root")
def test_a_process_without_root_cannot_read_secrets(tmp_path: Path) -> None:
    for name in ("served", "secret"):
        (tmp_path / name).mkdir(mode=0o700)
        (tmp_path / name / "file").write_text(name)
    done = subprocess.run([sys.executable, "-c", DROP_ROOT, tmp_path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("served\ndenied /etc/shadow\ndenied secret/file\ndenied to become root\n", "")


def test_a_busy_port_is_reported_in_one_line(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
            background(Settings(home=tmp_path), "", "", port=port).__enter__()


def test_a_second_api_does_not_share_the_port_of_the_first(reader: httpx.Client) -> None:
    assert reader.base_url.port is not None
    with pytest.raises(ConfigurationError, match="already in use"):
        reserve_port("127.0.0.1", reader.base_url.port)


def test_a_home_that_is_not_writable_is_reported_in_one_line(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    with pytest.raises(ConfigurationError, match=r"cannot write in .*: Not a directory"):
        serve(Settings(home=home), "", "", host="127.0.0.1", port=0)


def test_an_address_of_another_machine_is_rejected() -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot listen on 192\.0\.2\.1:80.*; correct LADDER_API_HOST and LADDER_API_PORT"
    ):
        reserve_port("192.0.2.1", 80)


def test_a_dead_worker_is_replaced_and_sigterm_stops_all_workers(marts: Marts) -> None:
    with serving(marts, "info") as (process, base):
        parent = psutil.Process(process.pid)
        (victim, _) = parent.children()
        victim.kill()
        seconds_until(lambda: len([child for child in parent.children() if child.pid != victim.pid]) == 2, 30)
        seconds_until(lambda: all(is_responding(base) for _ in range(10)), 30)
        workers = parent.children()
        assert len(counts_directories(marts)) == 1
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
        assert process.returncode == 0
    assert not any(worker.is_running() for worker in workers)
    assert is_refusing_connections(base)
    assert counts_directories(marts) == []


@pytest.mark.slow
def test_workers_of_a_killed_server_end_and_the_next_server_removes_its_files(marts: Marts) -> None:
    with serving(marts, "debug") as (process, base):
        process.kill()
    seconds_until(lambda: is_refusing_connections(base))
    (left,) = counts_directories(marts)
    with serving(marts, "error") as (process, base):
        (own,) = counts_directories(marts)
        assert own != left
        workers = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        _, error_output = process.communicate(timeout=15)
        assert (process.returncode, error_output) == (0, "")
    assert not any(worker.is_running() for worker in workers)
    assert is_refusing_connections(base)
    assert counts_directories(marts) == []


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_background_api_ends_with_its_caller(marts: Marts, ending: signal.Signals) -> None:
    arguments = [marts.database.url("serving"), redis_url(marts.database), str(marts.database.settings.home)]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as caller:
        assert caller.stdout is not None
        base = caller.stdout.readline().strip()
        assert is_responding(base)
        caller.send_signal(ending)
        seconds_until(lambda: is_refusing_connections(base))


def test_no_password_is_in_arguments_or_environment(pair: ApiPair) -> None:
    secret = pair.marts.database.url("serving").split("password=")[1].split()[0].strip("'")
    children = psutil.Process().children(recursive=True)
    running = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    servers = [child for child in running if "serving.run" in child.cmdline()]
    assert servers
    for server in servers:
        assert secret not in " ".join([*server.cmdline(), *server.environ().values()])
