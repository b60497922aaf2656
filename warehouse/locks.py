"""Advisory locks of the warehouse, in the order in which they are taken."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

__all__ = ["BUILD", "LOAD", "MIGRATE", "TURN", "registered"]

#: Only one process changes roles, schemas and definitions at a time.
MIGRATE = 0x1ADDE2
#: Held alone by a build, shared by loads: while a build runs, batches land but wait to load.
BUILD = 0x1ADDE3
#: One load of a source at a time; the second half of the key is the source's hash.
LOAD = 0x1ADDE4
#: Held alone while views turn, shared by looks for damage: one that meets a turn would find views half gone.
TURN = 0x1ADDE5


@contextmanager
def registered(connection: psycopg.Connection, place: str) -> Iterator[str]:
    """Register a build of dbt, which builds nowhere but in a developer's schema without; what to pass to it.

    It is a lock, so that it ends with the process that builds, however that ends.

    Args:
        connection: the connection that holds the build lock.
        place: the target: a colour, or `scratch`.
    """
    token = secrets.token_hex(8)
    name = f"{place}:{token}"
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
    try:
        yield token
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
