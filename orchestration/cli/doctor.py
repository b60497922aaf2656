"""`ladder doctor`: one line per check, with the next step if it fails."""

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
from ingestion.http.refusals import RefusedResponse, Upstream, refusal_error
from ingestion.registry import connectors
from ingestion.sync.connector import SourceConnector
from ingestion.sync.worlds import resolve_settings
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
from warehouse.database.connection_hints import connection_hint
from warehouse.database.connections import connect, connection_parameters, role_suffix
from warehouse.database.login_limits import missing_limits
from warehouse.database.role_names import LOGIN_ROLES
from warehouse.embedded import find_stopped
from warehouse.publication.damage import damaged_marts
from warehouse.publication.generations import current_generation

__all__ = ["run_checks"]

_MIN_FREE_BYTES = 1 << 30
_UPSTREAM_TIMEOUT_S = 10.0
_LONGEST_REASON = 60

#: Returns its result in one line, or raises a LadderError.
Check = Callable[[], str]


def run_checks() -> int:
    """Run all checks, also after failures; returns 1 if a check has failed."""
    settings = load_settings()
    failed = 0
    with ExitStack() as stack:
        opened: list[Warehouse] = []

        def servers() -> str:
            opened.append(stack.enter_context(open_warehouse(settings)))
            return _describe_servers(opened[0])

        checks = [("home", lambda: _home(settings)), ("disk", lambda: _disk(settings))]
        with suppress(OSError):  # the check of the home reports it
            if is_held(settings.home):
                # Before the check of the servers, which starts those that are down.
                checks.append(("parts", lambda: _parts(settings)))
        checks.append(("servers", servers))
        for name, check in checks:
            failed += _report(name, check)
        for name, check in _upstream_checks(settings, opened[0] if opened else None):
            failed += _report(name, check)
        for name, check in _warehouse_checks(opened[0]) if opened else []:
            failed += _report(name, check)
    summary = "1 check failed" if failed == 1 else f"{failed} checks failed"
    console.print(summary if failed else "all checks passed")
    return 1 if failed else 0


def _report(name: str, check: Check) -> int:
    """Print the result of a check; returns 1 if it failed."""
    try:
        console.print(f"ok       {name}: {check()}")
    except LadderError as error:
        console.print(f"problem  {name}: {error}")
        return 1
    return 0


def _home(settings: Settings) -> str:
    create_home(settings.home)
    if not os.access(settings.home, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(f"{settings.home} is not writable", "set LADDER_HOME to a directory of your own")
    version = metadata.version("ladderhouse")
    return f"{settings.home} is writable; ladderhouse {version}, dagster {metadata.version('dagster')}, dbt " + (
        metadata.version("dbt-core")
    )


def _parts(settings: Settings) -> str:
    """Status of the parts that `ladder up` or `dagster dev` has started."""
    status = read_status(settings.home)
    lines = [f"{part.name} is {describe(part)}" for part in status.not_up] if status is not None else []
    named = {part.name for part in status.not_up} if status is not None else set()
    lines += [
        f"{product} was not running and has been started" for product in find_stopped(settings) if product not in named
    ]
    if lines:
        raise LadderError("; ".join(lines), "check again in a minute, and read the logs of parts that are still down")
    return "all parts of `ladder up` are up" if status is not None else "the embedded servers run"


def _no_right(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot use {path}: {(error.strerror or str(error)).lower()}", "set LADDER_HOME to a directory of your own"
    )


def _disk(settings: Settings) -> str:
    path = settings.lake_path
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    if free < _MIN_FREE_BYTES:
        raise LakeError(f"only {free >> 20} MiB left at {path}", "free some space, or move LADDER_HOME")
    return f"{free >> 30} GiB free at {path}"


def _describe_servers(warehouse: Warehouse) -> str:
    import redis

    with connect(warehouse.servers.database_url) as connection:
        database = f"PostgreSQL {connection.info.server_version // 10000} at {_address(connection)}"
    try:
        with redis.Redis.from_url(warehouse.servers.redis_url, socket_timeout=5) as client:
            info = client.info("server")
    except redis.RedisError as error:
        raise ConfigurationError(f"Redis does not respond: {error}", connection_hint("valkey")) from None
    product = "Valkey" if "valkey_version" in info else "Redis"
    return f"{database}, {product} {info.get('valkey_version', info['redis_version'])}"


def _address(connection: psycopg.Connection) -> str:
    return f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}"


def _warehouse_checks(warehouse: Warehouse) -> Iterator[tuple[str, Check]]:
    for role in LOGIN_ROLES:

        def log_in(role: str = role) -> str:
            with connect(warehouse.url(role)) as connection:  # type: ignore[arg-type]
                return _rights(connection, role)

        yield f"role {connection_parameters(warehouse.url(role))['user']}", log_in
    yield "limits", lambda: _limits(warehouse)
    yield "lake", lambda: _lake(warehouse)
    yield "marts", lambda: _marts(warehouse)


def _rights(connection: psycopg.Connection, role: str) -> str:
    """Whether a role has the rights that it needs, and a reader of marts no others."""
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
            "its grants are not those of this version",
            "let the owner of the database run `ladder run`, which restores them",
        )
    return "can log in and has the rights that it needs"


def _limits(warehouse: Warehouse) -> str:
    if warehouse.restored:
        raise DatabaseError(
            "; ".join(warehouse.restored) + "; restored",
            "if you did not change it yourself, e.g. the password of your own login, find out who did",
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
            f"{missing} of {files} loaded files are missing at {warehouse.lake.root}",
            "check LADDER_HOME and LADDER_LAKE_URL, or restore the files",
        )
    for source in SOURCES:
        for path in warehouse.lake.files(source)[-1:]:
            next(iter(warehouse.lake.read(path)), None)
    return f"{files} loaded files at {warehouse.lake.root}, the newest are readable"


def _marts(warehouse: Warehouse) -> str:
    with connect(warehouse.url("serving")) as connection:
        live = current_generation(connection)
        damaged = damaged_marts(connection)
    if damaged:
        raise PublicationError("; ".join(mart.message for mart in damaged), "run `ladder publish --repair`")
    return f"generation {live.generation} is undamaged" if live else "nothing is published yet"


def _upstream_checks(settings: Settings, warehouse: Warehouse | None) -> Iterator[tuple[str, Check]]:
    for reader in connectors().values():
        upstream = reader.upstream(settings)

        def check(reader: SourceConnector = reader, upstream: Upstream = upstream) -> str:
            if not reader.is_readable(settings):
                return f"it needs a key; runs skip it until {upstream.variable_prefix}_KEY is set"
            if warehouse is None:
                return f"not requested: the database records the world that {upstream.url} must belong to"
            address = reader.upstream(
                asyncio.run(resolve_settings(reader, settings, warehouse.url("ingest"), warehouse.lake))
            )
            asyncio.run(_acquire_request_slot(reader, warehouse))
            return _request(address, reader.probe_path)

        yield upstream.name, check


async def _acquire_request_slot(reader: SourceConnector, warehouse: Warehouse) -> None:
    """Wait until the rate limit that runs share allows a request."""
    limiting = reader.limiter(warehouse.url("ingest"), reader.upstream(warehouse.settings), SystemClock())
    async with limiting as limiter, limiter.acquire():
        pass


def _request(upstream: Upstream, path: str) -> str:
    """Request a path of a source, with the key if there is one; returns the result in one line."""
    key = upstream.key.get_secret_value() if upstream.key else ""
    if key and (not key.isascii() or not key.isprintable() or " " in key):
        raise ConfigurationError(
            f"{upstream.variable_prefix}_KEY contains characters that are invalid in a key", "copy the key again"
        )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        response = httpx.get(f"{upstream.url}{path}", timeout=_UPSTREAM_TIMEOUT_S, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UpstreamError(
            f"{upstream.url} does not respond: {str(error)[:_LONGEST_REASON]}",
            f"check {upstream.variable_prefix}_URL and the network; stored data serves meanwhile",
        ) from None
    if response.status_code == 429:
        return f"{upstream.url} responds, and its rate limit is spent for now"
    if 300 <= response.status_code < 500:
        refused = RefusedResponse(path, response.status_code, response.headers, response.content)
        raise refusal_error(upstream, refused, has_succeeded=False)
    if response.status_code != 200:
        reason = " ".join(response.text.split())[:_LONGEST_REASON]
        raise UpstreamError(f"{upstream.url} responded with {response.status_code}: {reason}", "run again later")
    return f"{upstream.url} responds, {'with' if key else 'without'} a key"
