"""Shared fixtures: a simulated OpenDota, the command line, and a warehouse that one run has filled."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterInstance

from orchestration.engine.instance import prepare_instance, storage_url
from orchestration.runs.execution import open_instance
from orchestration.warehouse_access import Warehouse
from sandbox.rate_limits import RequestLimits
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.conftest import Database
from tests.orchestration.forked import Forked
from warehouse.embedded import Servers

_LIMIT_S = 240
_NO_LIMIT = 1_000_000
_LADDER = Path(sys.executable).with_name("ladder")


@dataclass(frozen=True)
class Ended:
    """Result of a command."""

    code: int
    output: str
    errors: str

    @property
    def error_lines(self) -> list[str]:
        """Lines that report an error or a failure."""
        return [line for line in self.errors.splitlines() if line.startswith(("error:", "failed:"))]


@dataclass(frozen=True)
class CommandLine:
    """`ladder` with its own environment."""

    environment: Mapping[str, str]
    directory: Path

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Run a command in a process that is forked from one that has imported it."""
        given = {**self.environment, **environment}
        code, output, errors = Forked.shared().run(arguments, given, self.directory, _LIMIT_S)
        assert b"Traceback" not in errors, errors.decode()
        return Ended(code, output.decode(errors="replace"), errors.decode())

    def process(self, *arguments: str, **environment: str) -> Ended:
        """Run a command in a new process, as a user does."""
        ended = subprocess.run(
            [_LADDER, *arguments],
            env={**self.environment, **environment},
            cwd=self.directory,
            capture_output=True,
            check=False,
            timeout=_LIMIT_S,
        )
        assert b"Traceback" not in ended.stderr, ended.stderr.decode()
        return Ended(ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode())

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command in its own session."""
        return subprocess.Popen(
            [_LADDER, *arguments],
            env={**self.environment, **environment},
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


class Proxy:
    """A proxy between a command and the internet, which counts connections and closes them."""

    def __init__(self, listener: socket.socket) -> None:
        self.connections = 0
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that route requests to all other hosts through it."""
        return {"HTTPS_PROXY": self.url, "HTTP_PROXY": self.url, "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Proxy(listener)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A small world without rate limits."""
    rate_limits = RequestLimits(per_minute=_NO_LIMIT, per_day=_NO_LIMIT)
    with serve(World(seed=11, players=40, days=60), limits=rate_limits) as running:
        yield running


def command_line(database: Database, directory: Path, sandbox: Sandbox | None = None) -> CommandLine:
    """The command line over a database, with a sandbox as OpenDota, or an address that does not respond."""
    url = sandbox.url if sandbox else "http://127.0.0.1:9/api"
    return CommandLine({**database.environment, "LADDER_OPENDOTA_URL": url}, directory)


@pytest.fixture
def ladder(database: Database, tmp_path: Path) -> CommandLine:
    """The command line over a new database, without an OpenDota that responds."""
    return command_line(database, tmp_path)


@dataclass(frozen=True)
class Filled:
    """A warehouse that one run has filled."""

    database: Database
    ladder: CommandLine
    sandbox: Sandbox
    players: list[int]


@pytest.fixture(scope="session")
def filled(
    create_database: Callable[[], AbstractContextManager[Database]],
    sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Filled]:
    """Shared by tests, which may run the pipeline again but must leave the warehouse usable."""
    with create_database() as database:
        plain = command_line(database, tmp_path_factory.mktemp("work"), sandbox)
        # No test needs more matches, and later runs would fetch all the others.
        ladder = CommandLine({**plain.environment, "LADDER_OPENDOTA_MATCH_BUDGET": "20"}, plain.directory)
        players = sandbox.world.suggested_players(6)
        assert ladder("track", "opendota", "player", *map(str, players)).code == 0
        ended = ladder("run")
        assert ended.code == 0, ended.errors
        yield Filled(database, ladder, sandbox, players)


@pytest.fixture(scope="module")
def instance(filled: Filled) -> Iterator[DagsterInstance]:
    """The Dagster instance with the runs of the command line."""
    settings = filled.database.settings
    assert settings.redis_url is not None
    servers = Servers(filled.database.admin_url, settings.redis_url.get_secret_value(), False, False)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
            patch.setenv(name, "")
        warehouse = Warehouse(settings, servers)
        with open_instance(prepare_instance(warehouse), storage_url(warehouse)) as opened:
            yield opened
