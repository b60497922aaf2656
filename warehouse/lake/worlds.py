"""The world that the stored data belongs to: the real one, or that of one sandbox or recording.

The database and the lake both record it, since either may be moved, restored or shared without the other. Ids of a
simulated world have another meaning, or none, in the real one: a source of another world is never requested
(`ingestion.sync.worlds`).
"""

from __future__ import annotations

import psycopg

from warehouse.core.errors import ConfigurationError
from warehouse.lake.files import Lake, write_lake_file

__all__ = ["REAL", "UNNAMED", "has_data", "record_world", "recorded_world", "save_address", "saved_address"]

#: The world of the sources' own APIs.
REAL = "real"
#: The world of a server that is neither a source's own API nor names its world.
UNNAMED = "unnamed"

_FILE = "world.txt"


def recorded_world(connection: psycopg.Connection, lake: Lake) -> str | None:
    """World of the stored data; None if no source was requested yet.

    Raises:
        ConfigurationError: the database and the lake belong to different worlds.
    """
    row = connection.execute("SELECT world FROM ops.world").fetchone()
    connection.commit()
    database_world = None if row is None else str(row[0])
    lake_world = _lake_world(lake)
    if database_world and lake_world and database_world != lake_world and has_data(connection, lake):
        raise ConfigurationError(
            f"the database holds data of the world {database_world}, the lake at {lake.root} of {lake_world}",
            "set LADDER_HOME, LADDER_LAKE_URL and LADDER_DATABASE_URL to the same warehouse",
        )
    return database_world or lake_world


def record_world(connection: psycopg.Connection, lake: Lake, world: str) -> None:
    """Record the world of the data that is fetched from now on.

    Raises:
        LakeError: the lake cannot be written.
    """
    if _lake_world(lake) != world:
        write_lake_file(lake.root / _FILE, f"{world}\n".encode())
    connection.execute(
        "INSERT INTO ops.world (world) VALUES (%s) ON CONFLICT (is_only) DO UPDATE "
        "SET world = excluded.world, recorded_at = now() WHERE ops.world.world <> excluded.world",
        [world],
    )
    connection.commit()


def has_data(connection: psycopg.Connection, lake: Lake) -> bool:
    """Whether any file was landed or loaded."""
    row = connection.execute("SELECT EXISTS (SELECT FROM ops.lake_files)").fetchone()
    connection.commit()
    return bool(row and row[0]) or lake.has_files()


def saved_address(connection: psycopg.Connection, source: str) -> str | None:
    """Base URL of a source that was saved for this warehouse; None if there is none."""
    row = connection.execute("SELECT url FROM ops.upstreams WHERE source = %s", [source]).fetchone()
    connection.commit()
    return None if row is None else str(row[0])


def save_address(connection: psycopg.Connection, source: str, url: str) -> None:
    """Save the base URL of a source, which is used if its environment variable is not set."""
    connection.execute(
        "INSERT INTO ops.upstreams (source, url) VALUES (%s, %s) "
        "ON CONFLICT (source) DO UPDATE SET url = excluded.url, set_at = now()",
        [source, url],
    )
    connection.commit()


def _lake_world(lake: Lake) -> str | None:
    try:
        return (lake.root / _FILE).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
