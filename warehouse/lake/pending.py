"""When the notes of pending files are enough, and when the whole lake is listed.

Each file is noted before it is landed, so that the notes name all that is pending, as long as it is the same database
that loads from the same lake. The lake is listed once a day all the same, since files may be put there by hand, for
instance from a backup; and whenever a replay has still to load, or another database loaded from this lake.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import psycopg

from warehouse.core.errors import LakeError
from warehouse.lake.files import Lake

__all__ = ["needs_listing", "record_listing"]

# The database's own id is in the token: a copy of a database shares the table's rows, and not the notes.
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
    """Whether the whole lake of a source has to be listed to find what is pending."""
    token = lake.listing_token(source)
    row = None if token is None else connection.execute(_IS_LISTED, {"source": source, "token": token}).fetchone()
    connection.commit()
    return row is None or not row[0]


def record_listing(connection: psycopg.Connection, lake: Lake, source: str, pending: Sequence[Path]) -> None:
    """Where the lake had to be listed, note what is pending: from now on the notes are enough."""
    if not needs_listing(connection, lake, source):
        return
    token = secrets.token_hex(8)
    try:
        lake.start_markers(source, pending, token)
    except LakeError:
        return  # a lake that cannot be written is listed each time
    connection.execute(_LISTED, {"source": source, "token": token})
    connection.commit()
