"""One embedded PostgreSQL and Valkey for the whole session, and a separate database for each test that needs one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from psycopg import conninfo, sql
from pydantic import SecretStr
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import build_cache
from tests.costs import Costs
from warehouse.core.settings import Settings
from warehouse.database.connections import role_url
from warehouse.database.role_names import LoginRole
from warehouse.embedded import Servers, running
from warehouse.lake.files import Lake

COSTS = pytest.StashKey[Costs]()
_SERVER_URLS = ("database_url", "redis_url")
#: Groups of files that share expensive fixtures, by path prefix; the first match counts. Two groups are processes that
#: load `ladder` and fork commands from it.
_FILE_GROUPS = {
    "tests/orchestration/test_transform.py": "transform",
    "tests/orchestration/test_sources.py": "pages and sources",
    "tests/orchestration/": "commands",
    "tests/serving/web/": "pages and sources",
    "tests/dbt/": "models",
}
_RECORDINGS = Path(__file__).parents[2] / "shared" / "real"


@dataclass(frozen=True)
class Database:
    """A new, migrated database and its home, which stores the roles' passwords.

    Attributes:
        admin_url: a superuser's login.
        settings: settings of the home; `database_url` and `redis_url` name the session's servers; the cache is empty.
    """

    admin_url: str
    settings: Settings

    def url(self, role: LoginRole) -> str:
        """Login of a role."""
        return role_url(self.settings, self.admin_url, role)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a child process that uses this database and home."""
        assert self.settings.database_url is not None
        assert self.settings.redis_url is not None
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("LADDER_")},
            "LADDER_HOME": str(self.settings.home),
            "LADDER_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "LADDER_REDIS_URL": self.settings.redis_url.get_secret_value(),
        }


def pytest_configure(config: pytest.Config) -> None:
    """Record the cost of each file."""
    config.stash[COSTS] = Costs()
    config.pluginmanager.register(config.stash[COSTS], "costs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests last, so that failures show early."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Run all tests of a file, or of a group of files with shared fixtures, in one process."""

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((group for beginning, group in _FILE_GROUPS.items() if file.startswith(beginning)), file)

    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Unset the developer's LADDER_* variables, and disable the rate limits, which the tests exceed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LADDER_")]:
            patch.delenv(name)
        for limit in ("REQUESTS", "ROWS"):
            patch.setenv(f"LADDER_API_{limit}_PER_MINUTE", "0")
        yield


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[tuple[Servers, Settings]]:
    """The session's servers with a migrated template database, and the settings of their home.

    `TEST_DATABASE_URL` and `TEST_REDIS_URL` name servers to use instead of the embedded ones.
    """
    given = {
        name: SecretStr(os.environ[f"TEST_{name.upper()}"])
        for name in _SERVER_URLS
        if f"TEST_{name.upper()}" in os.environ
    }
    is_embedded = "database_url" not in given
    with (
        build_cache.home_with_cluster(build_cache.cached_cluster())
        if is_embedded
        else build_cache.temporary_home("ladder-tests-") as home
    ):
        settings = Settings(home=home, **given)
        with running(settings) as servers:
            watch_servers(pytestconfig, home)
            if not is_embedded:
                build_cache.create_template(settings, servers)
            yield servers, settings


@pytest.fixture(scope="session")
def servers(cluster: tuple[Servers, Settings]) -> Servers:
    """Addresses of the session's PostgreSQL and Valkey."""
    return cluster[0]


@pytest.fixture(scope="session")
def create_database(
    cluster: tuple[Servers, Settings], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[Database]]:
    """A context manager that creates a migrated database, for fixtures of a wider scope than one test."""
    servers, settings = cluster
    numbers = count(1)
    prepared = build_cache.prepared_projects()

    @contextmanager
    def create() -> Iterator[Database]:
        number = next(numbers)
        name = f"test_{number}"
        home = tmp_path_factory.mktemp("home")
        shutil.copytree(settings.home / "secrets", home / "secrets")
        # The dbt project is prepared once for all databases and sessions.
        (home / "dbt").mkdir()
        (home / "dbt" / "prepared").symlink_to(prepared)
        parts = conninfo.conninfo_to_dict(servers.database_url)
        url = f"postgresql://{parts['user']}:{parts['password']}@{parts['host']}:{parts['port']}/{name}"
        cache_url = f"{servers.redis_url.rsplit('/', 1)[0]}/{number % 15 + 1}"
        with redis.Redis.from_url(cache_url) as cache:
            cache.flushdb()
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(
                # For a small database, copying files is three times as fast as writing the log.
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(build_cache.TEMPLATE)
                )
            )
            try:
                yield Database(
                    admin_url=url,
                    settings=Settings(home=home, database_url=SecretStr(url), redis_url=SecretStr(cache_url)),
                )
            finally:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    return create


@pytest.fixture
def database(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    """A new, migrated database."""
    with create_database() as fresh:
        yield fresh


@pytest.fixture
def lake(database: Database) -> Lake:
    """The empty lake of the test's database."""
    return Lake(database.settings.lake_path)


@pytest.fixture(params=[pytest.param(15.0, id="busy"), pytest.param(1.0, id="idle", marks=pytest.mark.long)])
def patience(request: pytest.FixtureRequest) -> float:
    """Factor by which a promised time may be exceeded: 1 on an idle machine, where the long tests run.

    With the larger factor a test only checks that the promised event happens, and not at a later timeout.
    """
    factor: float = request.param
    return factor


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Recorded responses of the real upstreams."""
    if not _RECORDINGS.is_dir():
        reason = f"there are no recordings at {_RECORDINGS}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return _RECORDINGS


def watch_servers(config: pytest.Config, home: Path) -> None:
    """Count the cost of a home's embedded servers, which are not children of this process."""
    for record in (home / "servers").glob("*.server"):
        config.stash[COSTS].watch(psutil.Process(int(record.read_text().split()[0])))
