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

__all__ = ["Build", "BuildState", "begin_build", "build_session", "plan_build", "record_build"]


@dataclass(frozen=True, slots=True)
class BuildState:
    """State of a colour at the end of its last successful build.

    Args:
        head_batch_id: the newest batch that it contains.
        inputs_digest: identifies all other inputs of its marts.
        is_complete: whether no later build of it has begun.
    """

    head_batch_id: int
    inputs_digest: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Build:
    """The plan of a build.

    Args:
        colour: the idle colour, which is built.
        as_of_date: the anchor date of the rolling windows, or None for the newest play date.
        head_batch_id: the newest batch that changed a row.
        inputs_digest: identifies all other inputs of the marts: models, settings, tracked entities.
        models_digest: identifies the models.
        is_needed: whether the live colour is out of date, or relations that both colours share are incomplete.
        is_full: a full build is required: the colour was not built since the last replay, or with other models.
        idle: state of the idle colour; None if it was never built.
        live: state of the live colour; None if nothing is published.
    """

    colour: Colour
    as_of_date: date | None
    head_batch_id: int
    inputs_digest: str
    models_digest: str
    is_needed: bool
    is_full: bool
    idle: BuildState | None = None
    live: BuildState | None = None

    @property
    def lacks_only_batches(self) -> bool:
        """Whether only newer batches make the live colour out of date."""
        return not self.is_full and self.live is not None and self.live.inputs_digest == self.inputs_digest


@contextmanager
def build_session(transform_url: str) -> Iterator[psycopg.Connection]:
    """Hold the build lock: running loads finish first, later loads and builds wait.

    Yields a connection in autocommit. Another connection holds the lock; its application name contains the process id
    of the first one.
    """
    with hold_build_lock(transform_url) as holder, connect(transform_url, autocommit=True) as connection:
        name = f"building with {connection.info.backend_pid}: {connection.info.parameter_status('application_name')}"
        holder.execute("SELECT set_config('application_name', %s, true)", [name])
        yield connection


def plan_build(connection: psycopg.Connection, *, models_digest: str, as_of_date: date | None) -> Build:
    """Plan the next build: its colour, and whether it is needed; call it under the build lock.

    Args:
        connection: the connection of the build session.
        models_digest: digest of the dbt project.
        as_of_date: the anchor date of the rolling windows, or None for the newest play date.

    Raises:
        PublicationError: a replay was not finished, so that staging tables are incomplete.
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
        row[0]: BuildState(*row[1:])
        for row in connection.execute(
            "SELECT colour, s.head_batch_id, s.inputs_digest, coalesce(i.begun_at <= s.built_at, false) "
            "FROM ops.build_state AS s LEFT JOIN ops.build_inputs AS i USING (colour)"
        )
    }
    shown = states.get(live.colour) if live is not None else None
    is_up_to_date = shown is not None and (shown.head_batch_id, shown.inputs_digest) == (head, digest)
    # An incremental build requires that the colour and the shared relations were built with the same models.
    current = connection.execute(
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
        is_needed=not is_up_to_date or not are_shared_relations_current,
        is_full=current is None or not are_shared_relations_current,
        idle=states.get(colour),
        live=shown,
    )


def _shared_relations_current(connection: psycopg.Connection, models_digest: str) -> bool:
    """Whether the views and seeds that both colours share are complete and were built with these models."""
    last_begun = connection.execute(
        "SELECT models_digest FROM ops.build_inputs WHERE begun_at IS NOT NULL ORDER BY begun_at DESC LIMIT 1"
    ).fetchone()
    return last_begun is not None and last_begun[0] == models_digest


def begin_build(connection: psycopg.Connection, build: Build, *, is_full: bool) -> None:
    """Record that a build begins: from now on its colour differs from what was published.

    A full build replaces views and seeds, which both colours read, one after another. Until it is recorded as finished,
    the shared relations are incomplete, and every build is a full one.
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
    """Record that a colour has been built and tested.

    Args:
        connection: the connection of the build session.
        build: the plan of the build.
        as_of_date: the anchor date of its rolling windows.
        is_other_colour_stale: whether the next build of the other colour must be a full one.
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
    assert row is not None  # an aggregate without GROUP BY always returns a row
    return row[0]
