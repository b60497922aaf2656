"""The built project in its own cluster, cached between test sessions: files are copied instead of building again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from orchestration.dbt.graph import models_digest
from tests import build_cache
from tests.conftest import Database
from tests.dbt.project import Project
from warehouse.core.settings import Settings
from warehouse.embedded import Servers, running

__all__ = ["kept_project"]

#: Watermarks contain the OIDs of tables, which only a copy of the whole cluster preserves.
_DATABASE = "project"
_LANDED = "landed"

Create = Callable[[], AbstractContextManager[Database]]


@contextmanager
def kept_project(
    build: Callable[[Create], Iterator[Project]], redis_url: str, watch: Callable[[Path], None]
) -> Iterator[Project]:
    """The project in the state after `build`, on its own server.

    Args:
        build: creates a database, loads and builds, then yields the project.
        redis_url: the Redis server of the project.
        watch: called with the home of the server after its start.
    """
    sources = (
        f"{build_cache.cluster_digest()}-{models_digest(Settings())[:24]}-{build_cache.source_digest('tests/dbt')[:24]}"
    )
    place = build_cache.cached_folder("project", sources, lambda fresh: _make(fresh, build, redis_url))
    with build_cache.home_with_cluster(place) as home, running(Settings(home=home), redis=False) as servers:
        watch(home)
        project = Project(
            _database(home, servers, redis_url), state=sources, _landed=int((place / _LANDED).read_text())
        )
        project.parse("blue", "green")
        yield project


def _make(place: Path, build: Callable[[Create], Iterator[Project]], redis_url: str) -> None:
    with build_cache.home_with_cluster(build_cache.cached_cluster()) as home:
        with running(Settings(home=home), redis=False) as servers:
            building = build(lambda: _created(home, servers, redis_url))
            landed = next(building).landed
            # Closed at its yield, so that it does not run its teardown.
            building.close()  # type: ignore[attr-defined]  # a generator, written as an iterator like all fixtures
        build_cache.save_cluster(home, place)
    (place / _LANDED).write_text(str(landed))


@contextmanager
def _created(home: Path, servers: Servers, redis_url: str) -> Iterator[Database]:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        names = (sql.Identifier(_DATABASE), sql.Identifier(build_cache.TEMPLATE))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(*names))
    yield _database(home, servers, redis_url)


def _database(home: Path, servers: Servers, redis_url: str) -> Database:
    (home / "dbt").mkdir(exist_ok=True)
    prepared = home / "dbt" / "prepared"
    if not prepared.exists():
        prepared.symlink_to(build_cache.prepared_projects())
    url = f"{servers.database_url.rpartition('/')[0]}/{_DATABASE}"
    return Database(url, Settings(home=home, database_url=SecretStr(url), redis_url=SecretStr(redis_url)))
