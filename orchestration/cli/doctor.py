"""`ladder doctor`: one line for each thing that is needed, with the next step where it is not right."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib import metadata
from pathlib import Path

import httpx
import psycopg

from ingestion.http.rate_limits import SystemClock
from ingestion.http.refusals import Refused, Upstream, refusal
from ingestion.registry import readers
from ingestion.sync.connector import Reader
from ingestion.sync.worlds import settled
from orchestration.cli.terminal import console
from orchestration.processes.schedules_lock import is_held
from orchestration.processes.status_file import describe, read_status
from orchestration.warehouse_access import SOURCES, Warehouse, open_warehouse
from warehouse.core.errors import (
    ConfigurationError,
    DatabaseError,
    LadderError,
    LakeError,
    PublicationError,
    UpstreamError,
)
from warehouse.core.file_modes import create_home
from warehouse.core.settings import Settings, load_settings
from warehouse.database.connections import connect, parameters, role_suffix
from warehouse.database.login_limits import missing_limits
from warehouse.database.role_names import LOGIN_ROLES
from warehouse.database.server_hints import server_hint
from warehouse.embedded import find_dead
from warehouse.publication.damage import damaged_marts
from warehouse.publication.publication import current_generation

__all__ = ["run_checks"]

_LEAST_FREE_BYTES = 1 << 30
_UPSTREAM_TIMEOUT_S = 10.0
_VALUES_SHOWN = 60

Check = Callable[[], str]


def run_checks() -> int:
    """Look at everything, whatever fails on the way; 1 when something is not right."""
    settings = load_settings()
    problems = 0
    with ExitStack() as stack:
        opened: list[Warehouse] = []

        def servers() -> str:
            opened.append(stack.enter_context(open_warehouse(settings)))
            return _describe_servers(opened[0])

        looks = [("home", lambda: _home(settings)), ("disk", lambda: _disk(settings))]
        with suppress(OSError):  # what is wrong with the home is found by its own look
            if is_held(settings.home):
                # Before the servers are opened, which starts those that are down.
                looks.append(("parts", lambda: _parts(settings)))
        looks.append(("servers", servers))
        for name, look in looks:
            problems += _report(name, look)
        for name, look in _looks_at_upstream(settings, opened[0] if opened else None):
            problems += _report(name, look)
        for name, look in _looks_inside(opened[0]) if opened else []:
            problems += _report(name, look)
    console.print("everything is well" if not problems else f"{problems} of these need a look")
    return 1 if problems else 0


def _report(name: str, look: Check) -> int:
    try:
        console.print(f"ok       {name}: {look()}")
    except LadderError as error:
        console.print(f"problem  {name}: {error}")
        return 1
    return 0


def _home(settings: Settings) -> str:
    create_home(settings.home)
    if not os.access(settings.home, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(f"no right to write {settings.home}", "set LADDER_HOME to a directory of your own")
    version = metadata.version("ladderhouse")
    return f"{settings.home} can be written; ladderhouse {version}, dagster {metadata.version('dagster')}, dbt " + (
        metadata.version("dbt-core")
    )


def _parts(settings: Settings) -> str:
    """Whether everything runs that the command which runs the schedules has started."""
    states = read_status(settings.home)
    lines = [f"{part.name} is {describe(part)}" for part in states.not_up] if states is not None else []
    named = {part.name for part in states.not_up} if states is not None else set()
    lines += [
        f"{product} was not running, and is started now" for product in find_dead(settings) if product not in named
    ]
    if lines:
        raise LadderError("; ".join(lines), "look again in a minute, and at the log of what is still down")
    return "`ladder up` says that all are up" if states is not None else "the embedded servers run"


def _no_right(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot use {path}: {(error.strerror or str(error)).lower()}", "set LADDER_HOME to a directory of your own"
    )


def _disk(settings: Settings) -> str:
    place = settings.lake_path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < _LEAST_FREE_BYTES:
        raise LakeError(f"only {free >> 20} MiB left at {place}", "free some space, or move LADDER_HOME")
    return f"{free >> 30} GiB free at {place}"


def _describe_servers(warehouse: Warehouse) -> str:
    import redis

    with connect(warehouse.servers.database_url) as connection:
        database = f"PostgreSQL {connection.info.server_version // 10000} at {_place(connection)}"
    try:
        with redis.Redis.from_url(warehouse.servers.redis_url, socket_timeout=5) as client:
            facts = client.info("server")
    except redis.RedisError as error:
        raise ConfigurationError(f"Redis does not answer: {error}", server_hint("valkey")) from None
    product = "Valkey" if "valkey_version" in facts else "Redis"
    return f"{database}, {product} {facts.get('valkey_version', facts['redis_version'])}"


def _place(connection: psycopg.Connection) -> str:
    return f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}"


def _looks_inside(warehouse: Warehouse) -> Iterator[tuple[str, Check]]:
    for role in LOGIN_ROLES:

        def log_in(role: str = role) -> str:
            with connect(warehouse.url(role)) as connection:  # type: ignore[arg-type]
                return _rights(connection, role)

        yield f"role {parameters(warehouse.url(role))['user']}", log_in
    yield "limits", lambda: _limits(warehouse)
    yield "lake", lambda: _lake(warehouse)
    yield "marts", lambda: _marts(warehouse)


def _rights(connection: psycopg.Connection, role: str) -> str:
    """Whether a role may do its work, and a reader of marts nothing else."""
    reads_marts_alone = (
        "has_schema_privilege('marts', 'USAGE') AND NOT EXISTS "
        "(SELECT FROM pg_namespace WHERE nspname = ANY(%s) AND has_schema_privilege(oid, 'USAGE'))"
    )
    builds = "(SELECT pg_has_role(nspowner, 'MEMBER') FROM pg_namespace WHERE nspname = 'marts')"
    staging: list[list[str]] = [[f"staging_{source}" for source in SOURCES]]
    needed, values = {
        "ingest": ("has_table_privilege('ops.batches', 'INSERT')", []),
        "transform": (builds, []),
        "developer": (f"has_schema_privilege('prep', 'USAGE') AND NOT ({builds})", []),
        "analyst": (reads_marts_alone, staging),
        "serving": (reads_marts_alone, staging),
    }[role]
    row = connection.execute(f"SELECT {needed}".encode(), values).fetchone()
    if row is None or not row[0]:
        raise DatabaseError(
            "its grants are not as they should be",
            "let the owner of the database run `ladder run`, which restores them",
        )
    return "logs in, with the rights that it needs"


def _limits(warehouse: Warehouse) -> str:
    if warehouse.restored:
        raise DatabaseError(
            "; ".join(warehouse.restored) + "; it has been set back",
            "find out who did it where it was not you, e.g. by changing the password of your own login",
        )
    with connect(warehouse.servers.database_url) as connection:
        missing = missing_limits(connection, role_suffix(warehouse.settings) or "")
    if missing:
        return f"analysts may use {', '.join(missing)}, which a superuser can forbid (docs/runbook.md)"
    return "logins have the limits of this version"


def _lake(warehouse: Warehouse) -> str:
    files = missing = 0
    with connect(warehouse.url("ingest")) as connection:
        for (path,) in connection.execute("SELECT path FROM ops.lake_files"):
            files += 1
            missing += not (warehouse.lake.root / path).exists()
    if missing:
        raise LakeError(
            f"{missing} of {files} loaded files are not at {warehouse.lake.root}",
            "check LADDER_HOME and LADDER_LAKE_URL, or restore the files",
        )
    for source in SOURCES:
        for path in warehouse.lake.files(source)[-1:]:
            next(iter(warehouse.lake.read(path)), None)
    return f"{files} loaded files at {warehouse.lake.root}, the newest can be read"


def _marts(warehouse: Warehouse) -> str:
    with connect(warehouse.url("serving")) as connection:
        live = current_generation(connection)
        damaged = damaged_marts(connection)
    if damaged:
        raise PublicationError("; ".join(mart.message for mart in damaged), "run `ladder publish --repair`")
    return f"generation {live.generation} is as it was published" if live else "nothing is published yet"


def _looks_at_upstream(settings: Settings, warehouse: Warehouse | None) -> Iterator[tuple[str, Check]]:
    for reader in readers().values():
        upstream = reader.upstream(settings)

        def look(reader: Reader = reader, upstream: Upstream = upstream) -> str:
            if not reader.is_readable(settings):
                return f"it needs a key; runs leave it out until {upstream.variables}_KEY is set"
            if warehouse is None:
                return f"not requested: of which world {upstream.url} must be is recorded in the database"
            there = reader.upstream(asyncio.run(settled(reader, settings, warehouse.url("ingest"), warehouse.lake)))
            asyncio.run(_take_turn(reader, warehouse))
            return _ask(there, reader.probe)

        yield upstream.name, look


async def _take_turn(reader: Reader, warehouse: Warehouse) -> None:
    """Wait until a request may be made beside those of runs."""
    limiting = reader.limiter(warehouse.url("ingest"), reader.upstream(warehouse.settings), SystemClock())
    async with limiting as limiter, limiter.turn():
        pass


def _ask(upstream: Upstream, path: str) -> str:
    """Whether a source answers, with the key where there is one."""
    key = upstream.key.get_secret_value() if upstream.key else ""
    if key and (not key.isascii() or not key.isprintable() or " " in key):
        raise ConfigurationError(f"{upstream.variables}_KEY holds characters that no key has", "copy the key again")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.get(f"{upstream.url}{path}", timeout=_UPSTREAM_TIMEOUT_S, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UpstreamError(
            f"{upstream.url} does not answer: {str(error)[:_VALUES_SHOWN]}",
            f"check {upstream.variables}_URL and the network; stored data serves meanwhile",
        ) from None
    if answer.status_code == 429:
        return f"{upstream.url} answers, its limit is spent for now"
    if 300 <= answer.status_code < 500:
        raise refusal(upstream, Refused(path, answer.status_code, answer.headers, answer.content), has_succeeded=False)
    if answer.status_code != 200:
        reason = " ".join(answer.text.split())[:_VALUES_SHOWN]
        raise UpstreamError(f"{upstream.url} answers {answer.status_code}: {reason}", "run again later")
    return f"{upstream.url} answers, {'with' if key else 'without'} a key"
