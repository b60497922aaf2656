"""Decide whether the markers of pending files are sufficient or the whole lake has to be listed.

A marker is written before its file, so that the markers name all pending files as long as the same database loads from
the same lake. The lake is also listed once a day, since files may be added by hand, for instance from a backup; and
while a replay is not finished, or if another database has loaded from this lake.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import psycopg

from warehouse.core.errors import LakeError
from warehouse.lake.files import Lake

__all__ = ["needs_listing", "record_listing"]

# The token contains the database's oid, since a copy of a database has the same rows but not the same markers.
_IS_LISTED = """
SELECT EXISTS (
    SELECT FROM ops.lake_listings
    WHERE
        source = %(source)s AND listed_at > now() - interval '1 day'
        AND token = (SELECT oid FROM pg_database WHERE datname = current_database()) || ':' || %(token)s
) AND NOT EXISTS (SELECT FROM ops.replays WHERE source = %(source)s)
"""
_LISTED = """
INSERT INTO ops.lake_listings (source, token)
SELECT %(source)s, oid || ':' || %(token)s FROM pg_database WHERE datname = current_database()
ON CONFLICT (source) DO UPDATE SET token = excluded.token, listed_at = now()
"""


def needs_listing(connection: psycopg.Connection, lake: Lake, source: str) -> bool:
    """Whether the whole lake of a source has to be listed to find pending files."""
    token = lake.listing_token(source)
    row = None if token is None else connection.execute(_IS_LISTED, {"source": source, "token": token}).fetchone()
    connection.commit()
    return row is None or not row[0]


def record_listing(connection: psycopg.Connection, lake: Lake, source: str, pending: Sequence[Path]) -> None:
    """If the lake had to be listed, write markers for the pending files, which are sufficient from now on."""
    if not needs_listing(connection, lake, source):
        return
    token = secrets.token_hex(8)
    try:
        lake.start_markers(source, pending, token)
    except LakeError:
        return  # a lake that cannot be written is listed each time
    connection.execute(_LISTED, {"source": source, "token": token})
    connection.commit()
