"""Plan and record builds of the marts, which run in the idle colour."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString

import psycopg

from warehouse.core.errors import PublicationError
from warehouse.database.connections import connect
from warehouse.database.locks import hold_build_lock
from warehouse.database.role_names import SET_ROLE_MARTS_OWNER
from warehouse.publication.generations import Colour, current_generation

__all__ = ["Build", "begin_build", "build_session", "plan_build", "record_build"]


@dataclass(frozen=True, slots=True)
class Build:
    """What a build is about to do.

    Args:
        colour: the idle colour, where it builds.
        as_of_date: the date that windows hang on, or None for the newest play date.
        head_batch_id: the newest batch that changed anything.
        inputs_digest: identifies everything else that marts depend on: models, settings, what is tracked.
        models_digest: identifies the models alone.
        is_needed: whether the live colour lacks something, or what both colours share is not whole.
        is_full: the colour was never built, or not since a replay, or with other models: it has to be built in full.
    """

    colour: Colour
    as_of_date: date | None
    head_batch_id: int
    inputs_digest: str
    models_digest: str
    is_needed: bool
    is_full: bool


@contextmanager
def build_session(transform_url: str) -> Iterator[psycopg.Connection]:
    """Hold the build lock: loads in flight end first, later ones wait, a second build waits for this one.

    Yields a connection in autocommit. Another one holds the lock, and has the first one's process in its name.
    """
    with hold_build_lock(transform_url) as holder, connect(transform_url, autocommit=True) as connection:
        name = f"building with {connection.info.backend_pid}: {connection.info.parameter_status('application_name')}"
        holder.execute("SELECT set_config('application_name', %s, true)", [name])
        yield connection


def plan_build(connection: psycopg.Connection, *, models_digest: str, as_of_date: date | None) -> Build:
    """Decide where the next build goes and whether there is anything to do; call it under the build lock.

    Args:
        connection: the connection that holds the lock.
        models_digest: changes whenever the dbt project does.
        as_of_date: the date that windows hang on, or None for the newest play date.

    Raises:
        PublicationError: a replay was not finished, so that staging tables are not whole.
    """
    replaying = connection.execute("SELECT min(source) FROM ops.replays").fetchone()
    if replaying is not None and replaying[0] is not None:
        raise PublicationError(f"the replay of {replaying[0]} was not finished", "run `ladder run` to load the rest")
    live = current_generation(connection)
    colour: Colour = "green" if live is not None and live.colour == "blue" else "blue"
    head = _scalar(
        connection, "SELECT coalesce(max(batch_id), 0) FROM ops.batches WHERE inserted + updated + deleted > 0"
    )
    tracked = _scalar(
        connection,
        "SELECT coalesce(string_agg(concat_ws('/', source, kind, id), ',' ORDER BY source, kind, id), '') "
        "FROM ops.tracked WHERE removed_at IS NULL",
    )
    digest = hashlib.sha256(f"{models_digest}|{as_of_date}|{tracked}".encode()).hexdigest()
    states = {
        row[0]: (row[1], row[2])
        for row in connection.execute("SELECT colour, head_batch_id, inputs_digest FROM ops.build_state")
    }
    # Whatever a build with other models left behind, in this colour or in what both share, is not built on.
    standing = connection.execute(
        "SELECT 1 FROM ops.build_state AS s JOIN ops.build_inputs AS i USING (colour) "
        "WHERE colour = %(colour)s AND s.models_digest = %(digest)s AND i.models_digest = %(digest)s",
        {"colour": colour, "digest": models_digest},
    ).fetchone()
    are_shared_relations_current = _shared_relations_current(connection, models_digest)
    return Build(
        colour=colour,
        as_of_date=as_of_date,
        head_batch_id=int(head),
        inputs_digest=digest,
        models_digest=models_digest,
        is_needed=live is None or states.get(live.colour) != (head, digest) or not are_shared_relations_current,
        is_full=standing is None or not are_shared_relations_current,
    )


def _shared_relations_current(connection: psycopg.Connection, models_digest: str) -> bool:
    """Whether what both colours share, views and seeds, is whole and made with these models."""
    last_begun = connection.execute(
        "SELECT models_digest FROM ops.build_inputs WHERE begun_at IS NOT NULL ORDER BY begun_at DESC LIMIT 1"
    ).fetchone()
    return last_begun is not None and last_begun[0] == models_digest


def begin_build(connection: psycopg.Connection, build: Build, *, is_full: bool) -> None:
    """Note that a build begins: from here on its colour is not what it was when it was published.

    A full build replaces views and seeds, which both colours read, one after another. Until it is recorded, no models
    stand whole, and every build is a full one.
    """
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        connection.execute(
            "UPDATE ops.build_inputs SET begun_at = clock_timestamp(), as_of_date = %s, models_digest = %s "
            "WHERE colour = %s",
            [build.as_of_date, None if is_full else build.models_digest, build.colour],
        )
        connection.execute("DELETE FROM ops.published_marts WHERE colour = %s", [build.colour])


def record_build(
    connection: psycopg.Connection, build: Build, *, as_of_date: date | None, is_other_colour_stale: bool = False
) -> None:
    """Note that a colour has been built and tested.

    Args:
        connection: the connection that holds the build lock.
        build: what was built.
        as_of_date: the date that its windows hang on.
        is_other_refreshed: whether the other colour is not to be built on either, but in full.
    """
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        connection.execute(
            "UPDATE ops.build_inputs SET models_digest = %s WHERE colour = %s", [build.models_digest, build.colour]
        )
        if is_other_colour_stale:
            connection.execute("UPDATE ops.build_state SET models_digest = '' WHERE colour <> %s", [build.colour])
        connection.execute(
            "INSERT INTO ops.build_state (colour, head_batch_id, inputs_digest, models_digest, as_of_date, built_at) "
            "VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (colour) DO UPDATE SET "
            "head_batch_id = excluded.head_batch_id, inputs_digest = excluded.inputs_digest, "
            "models_digest = excluded.models_digest, as_of_date = excluded.as_of_date, built_at = excluded.built_at",
            [build.colour, build.head_batch_id, build.inputs_digest, build.models_digest, as_of_date],
        )


def _scalar(connection: psycopg.Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None  # an aggregate without GROUP BY always answers
    return row[0]
