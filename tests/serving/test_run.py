"""The API starts on a port that is free, ends when it is told to or its caller is gone, and replaces a dead worker."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import closing

import httpx
import psutil
import pytest

from serving.run import background, reserve_port
from tests.serving.conftest import api_of, redis_url
from tests.serving.marts import Marts
from tests.serving.test_publication import seconds_until
from warehouse.errors import ConfigurationError

PLAYER = "/api/v1/players/dota2/101"

SERVE = """
import sys
from warehouse.settings import Settings
from serving.run import serve
serve(Settings(), sys.argv[1], sys.argv[2], host="127.0.0.1", port=int(sys.argv[3]), workers=2)
"""

HOLD = """
import sys
from pathlib import Path
from warehouse.settings import Settings
from serving.run import background
with background(Settings(home=Path(sys.argv[3])), sys.argv[1], sys.argv[2]) as base:
    print(base, flush=True)
    sys.stdin.read()
"""


def answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}{PLAYER}", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def refuses(base: str) -> bool:
    host, port = base.removeprefix("http://").split(":")
    with closing(socket.socket()) as probe:
        return probe.connect_ex((host, int(port))) != 0


def test_a_busy_port_is_refused_in_one_line(marts: Marts) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
            background(marts.database.settings, "", "", port=port).__enter__()


def test_a_second_api_does_not_share_the_port_of_the_first(marts: Marts) -> None:
    with api_of(marts.database) as base, pytest.raises(ConfigurationError, match="already in use"):
        reserve_port("127.0.0.1", int(base.rsplit(":", 1)[1]))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1:80"):
        reserve_port("192.0.2.1", 80)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(marts: Marts, ending: signal.Signals) -> None:
    port = reserve_port("127.0.0.1", 0)
    base = f"http://127.0.0.1:{port}"
    arguments = [marts.database.url("serving"), redis_url(marts.database), str(port)]
    with subprocess.Popen([sys.executable, "-c", SERVE, *arguments], stderr=subprocess.PIPE, text=True) as process:
        seconds_until(lambda: answers(base), 30)
        workers = psutil.Process(process.pid).children()
        process.send_signal(ending)
        _, complaints = process.communicate(timeout=15)
        assert (process.returncode, complaints) == (0, "")
    assert not any(worker.is_running() for worker in workers)
    assert refuses(base)


def test_a_worker_that_dies_is_replaced(marts: Marts) -> None:
    port = reserve_port("127.0.0.1", 0)
    base = f"http://127.0.0.1:{port}"
    arguments = [marts.database.url("serving"), redis_url(marts.database), str(port)]
    with subprocess.Popen([sys.executable, "-c", SERVE, *arguments], stderr=subprocess.DEVNULL) as process:
        seconds_until(lambda: answers(base), 30)
        parent = psutil.Process(process.pid)
        victim = parent.children()[0]
        victim.kill()
        seconds_until(lambda: len([child for child in parent.children() if child.pid != victim.pid]) == 2, 30)
        seconds_until(lambda: all(answers(base) for _ in range(10)), 30)
        process.terminate()
        process.wait(15)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_background_api_ends_with_its_caller(marts: Marts, ending: signal.Signals) -> None:
    arguments = [marts.database.url("serving"), redis_url(marts.database), str(marts.database.settings.home)]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as caller:
        assert caller.stdout is not None
        base = caller.stdout.readline().strip()
        assert answers(base)
        caller.send_signal(ending)
        seconds_until(lambda: refuses(base))


def test_workers_end_when_their_parent_is_killed(marts: Marts) -> None:
    port = reserve_port("127.0.0.1", 0)
    base = f"http://127.0.0.1:{port}"
    arguments = [marts.database.url("serving"), redis_url(marts.database), str(port)]
    with subprocess.Popen([sys.executable, "-c", SERVE, *arguments], stderr=subprocess.DEVNULL) as process:
        seconds_until(lambda: answers(base), 30)
        process.kill()
    seconds_until(lambda: refuses(base))


def test_no_password_is_in_arguments_or_environment(marts: Marts) -> None:
    secret = marts.database.url("serving").split("password=")[1].split()[0].strip("'")
    with api_of(marts.database):
        children = psutil.Process().children(recursive=True)
        (server, *_) = [child for child in children if "serving.run" in child.cmdline()]
        shown = " ".join([*server.cmdline(), *server.environ().values()])
        assert secret not in shown
