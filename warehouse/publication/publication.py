"""Publication of the marts: two colours and one switch.

A build brings the idle colour up to date and tests it. Then one transaction turns every view of `marts` to it and
writes the new generation, so that a reader sees the old marts or the new ones, never some of each.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql

from warehouse.core.errors import PublicationError
from warehouse.database.connections import connect
from warehouse.database.locks import holding_builds, lock_views
from warehouse.database.role_names import ACT_AS_MARTS_OWNER, suffix_in, with_role_names
from warehouse.publication.damage import damaged_marts, record_marts

__all__ = [
    "Build",
    "BuiltState",
    "Colour",
    "Generation",
    "begin_build",
    "building",
    "confirm_generation",
    "current_generation",
    "plan_build",
    "record_build",
    "restore_views",
    "rollback",
    "turn",
]

Colour = Literal["blue", "green"]
_TURN_TRIES = 20
_TURN_LOCK_TIMEOUT_MS = 500


@dataclass(frozen=True, slots=True)
class Generation:
    """A publication.

    Args:
        generation: its number, counting up; a rollback counts up too.
        colour: where its marts stand.
        as_of_date: the date that its windows hang on; None without any play.
        head_batch_id: the newest batch that it holds.
        published_at: when readers began to see it.
        confirmed_at: when a run last found that it holds everything that is loaded.
    """

    generation: int
    colour: Colour
    as_of_date: date | None
    head_batch_id: int
    published_at: datetime
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class BuiltState:
    """What a colour held when it was last built to its end.

    Args:
        head_batch_id: the newest batch that it holds.
        inputs_digest: identifies everything else that its marts depend on.
        is_whole: whether no build of it has begun since.
    """

    head_batch_id: int
    inputs_digest: str
    is_whole: bool


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
        built: the state of the colour; None where it was never built.
        live: the state of the live colour; None where nothing was published.
    """

    colour: Colour
    as_of_date: date | None
    head_batch_id: int
    inputs_digest: str
    models_digest: str
    is_needed: bool
    is_full: bool
    built: BuiltState | None = None
    live: BuiltState | None = None

    @property
    def lacks_batches_alone(self) -> bool:
        """Whether the live colour differs from what is wanted by newer batches and nothing else."""
        return not self.is_full and self.live is not None and self.live.inputs_digest == self.inputs_digest


def current_generation(connection: psycopg.Connection) -> Generation | None:
    """The published generation, or None before the first."""
    row = connection.execute(
        "SELECT generation, colour, as_of_date, head_batch_id, published_at, confirmed_at FROM ops.generations "
        "ORDER BY generation DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Generation(*row)


def confirm_generation(connection: psycopg.Connection, generation: Generation) -> Generation:
    """Record that a generation holds everything that is loaded; call it under the build lock, in autocommit."""
    with connection.transaction():
        connection.execute(ACT_AS_MARTS_OWNER)
        row = connection.execute(
            "UPDATE ops.generations SET confirmed_at = clock_timestamp() WHERE generation = %s RETURNING confirmed_at",
            [generation.generation],
        ).fetchone()
    return generation if row is None else replace(generation, confirmed_at=row[0])


@contextmanager
def building(transform_url: str) -> Iterator[psycopg.Connection]:
    """Hold the build lock: loads in flight end first, later ones wait, a second build waits for this one.

    Yields a connection in autocommit. Another one holds the lock, and has the first one's process in its name.
    """
    with holding_builds(transform_url) as holder, connect(transform_url, autocommit=True) as connection:
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
        row[0]: BuiltState(*row[1:])
        for row in connection.execute(
            "SELECT colour, s.head_batch_id, s.inputs_digest, coalesce(i.begun_at <= s.built_at, false) "
            "FROM ops.build_state AS s LEFT JOIN ops.build_inputs AS i USING (colour)"
        )
    }
    shown = states.get(live.colour) if live is not None else None
    # Whatever a build with other models left behind, in this colour or in what both share, is not built on.
    standing = connection.execute(
        "SELECT 1 FROM ops.build_state AS s JOIN ops.build_inputs AS i USING (colour) "
        "WHERE colour = %(colour)s AND s.models_digest = %(digest)s AND i.models_digest = %(digest)s",
        {"colour": colour, "digest": models_digest},
    ).fetchone()
    is_shared_whole = _shares_stand(connection, models_digest)
    return Build(
        colour=colour,
        as_of_date=as_of_date,
        head_batch_id=int(head),
        inputs_digest=digest,
        models_digest=models_digest,
        is_needed=shown is None or (shown.head_batch_id, shown.inputs_digest) != (head, digest) or not is_shared_whole,
        is_full=standing is None or not is_shared_whole,
        built=states.get(colour),
        live=shown,
    )


def _shares_stand(connection: psycopg.Connection, models_digest: str) -> bool:
    """Whether what both colours share, views and seeds, is whole and made with these models."""
    begun_last = connection.execute(
        "SELECT models_digest FROM ops.build_inputs WHERE begun_at IS NOT NULL ORDER BY begun_at DESC LIMIT 1"
    ).fetchone()
    return begun_last is not None and begun_last[0] == models_digest


def begin_build(connection: psycopg.Connection, build: Build, *, is_full: bool) -> None:
    """Note that a build begins: from here on its colour is not what it was when it was published.

    A full build replaces views and seeds, which both colours read, one after another. Until it is recorded, no models
    stand whole, and every build is a full one.
    """
    with connection.transaction():
        connection.execute(ACT_AS_MARTS_OWNER)
        connection.execute(
            "UPDATE ops.build_inputs SET begun_at = clock_timestamp(), as_of_date = %s, models_digest = %s "
            "WHERE colour = %s",
            [build.as_of_date, None if is_full else build.models_digest, build.colour],
        )
        connection.execute("DELETE FROM ops.published_marts WHERE colour = %s", [build.colour])


def record_build(
    connection: psycopg.Connection, build: Build, *, as_of_date: date | None, is_other_refreshed: bool = False
) -> None:
    """Note that a colour has been built and tested.

    Args:
        connection: the connection that holds the build lock.
        build: what was built.
        as_of_date: the date that its windows hang on.
        is_other_refreshed: whether the other colour is not to be built on either, but in full.
    """
    with connection.transaction():
        connection.execute(ACT_AS_MARTS_OWNER)
        connection.execute(
            "UPDATE ops.build_inputs SET models_digest = %s WHERE colour = %s", [build.models_digest, build.colour]
        )
        if is_other_refreshed:
            connection.execute("UPDATE ops.build_state SET models_digest = '' WHERE colour <> %s", [build.colour])
        connection.execute(
            "INSERT INTO ops.build_state (colour, head_batch_id, inputs_digest, models_digest, as_of_date, built_at) "
            "VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (colour) DO UPDATE SET "
            "head_batch_id = excluded.head_batch_id, inputs_digest = excluded.inputs_digest, "
            "models_digest = excluded.models_digest, as_of_date = excluded.as_of_date, built_at = excluded.built_at",
            [build.colour, build.head_batch_id, build.inputs_digest, build.models_digest, as_of_date],
        )


def turn(
    connection: psycopg.Connection, colour: Colour, marts: Sequence[str], *, confirmed_at: datetime | None = None
) -> Generation:
    """Turn the views of `marts` to a colour and write the new generation, in one transaction.

    Args:
        connection: a login of `ladder_transform`, in autocommit, that holds the build lock.
        colour: where to turn.
        marts: names of all marts; a view of any other name is dropped.
        confirmed_at: when a run last found that the colour holds everything that is loaded; None means now.

    Raises:
        PublicationError: a mart is missing, the colour was never built, or readers hold the views for too long.
    """
    for attempt in range(_TURN_TRIES):
        try:
            with connection.transaction():
                connection.execute(ACT_AS_MARTS_OWNER)
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_TURN_LOCK_TIMEOUT_MS)))
                lock_views(connection)
                _turn_views(connection, colour, marts)
                generation = _write_generation(connection, colour, confirmed_at)
        except psycopg.errors.LockNotAvailable:
            # A view cannot turn behind a long reader without making every later reader wait; let them pass first.
            time.sleep(0.05 * (attempt + 1))
            continue
        # In a transaction of its own: readers wait as long as the views turn.
        with connection.transaction():
            connection.execute(ACT_AS_MARTS_OWNER)
            record_marts(connection, colour, marts)
        return generation
    raise PublicationError("a reader holds the marts for too long", "end long queries, then try this again")


def rollback(connection: psycopg.Connection, marts: Sequence[str]) -> Generation:
    """Turn back to the generation before, under a new number.

    Raises:
        PublicationError: there is none, or its colour has been built on since.
    """
    row = connection.execute(
        "SELECT g.colour, i.begun_at <= g.published_at, g.confirmed_at FROM (SELECT colour, "
        "max(published_at) AS published_at, max(confirmed_at) AS confirmed_at "
        "FROM ops.generations GROUP BY colour) AS g JOIN ops.build_state USING (colour) "
        "JOIN ops.build_inputs AS i USING (colour) "
        "WHERE colour <> (SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1)"
    ).fetchone()
    if row is None:
        raise PublicationError("there is no earlier generation to return to", "run `ladder run` to build a newer one")
    if not row[1]:
        raise PublicationError("the earlier generation has been built over", "run `ladder run` to build a newer one")
    damaged = damaged_marts(connection, row[0])
    if damaged:
        raise PublicationError(
            f"the earlier generation is damaged ({damaged[0].message})", "run `ladder run` to build a newer one"
        )
    # What has come since is not in it: its age goes on.
    return turn(connection, row[0], marts, confirmed_at=row[2])


def restore_views(connection: psycopg.Connection, live: Generation) -> Generation:
    """Make the views of the published generation anew, under a new number; its tables are sound.

    Raises:
        PublicationError: a table is missing after all, or readers hold the views for too long.
    """
    marts = connection.execute("SELECT mart FROM ops.published_marts WHERE colour = %s", [live.colour]).fetchall()
    return turn(connection, live.colour, [mart for (mart,) in marts], confirmed_at=live.confirmed_at)


def _turn_views(connection: psycopg.Connection, colour: Colour, marts: Sequence[str]) -> None:
    schema = f"marts_{colour}"
    tables = _columns(connection, schema)
    missing = sorted(set(marts) - tables.keys())
    if missing:
        raise PublicationError(f"{schema} lacks {', '.join(missing)}", "run `ladder run --full-refresh`")
    standing = _columns(connection, "marts")
    for name, columns in standing.items():
        if name not in marts or columns != tables[name]:
            connection.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier("marts", name)))
    for name in sorted(marts):
        view, table = sql.Identifier("marts", name), sql.Identifier(schema, name)
        selected = sql.SQL(", ").join(sql.Identifier(column) for column, _ in tables[name])
        connection.execute(sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {} FROM {}").format(view, selected, table))
    grant = "GRANT SELECT ON ALL TABLES IN SCHEMA marts TO ladder_analyst, ladder_developer, ladder_serving"
    connection.execute(with_role_names(grant, suffix_in(connection) or "").encode())
    _copy_comments(connection, schema)


def _columns(connection: psycopg.Connection, schema: str) -> dict[str, list[tuple[str, str]]]:
    """Names and types of the columns of every table or view in a schema."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = connection.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'v') ORDER BY c.relname, a.attnum",
        [schema],
    )
    for relation, column, type_ in rows:
        found.setdefault(relation, []).append((column, type_))
    return found


def _copy_comments(connection: psycopg.Connection, schema: str) -> None:
    """Give the views the descriptions of their tables, where these differ."""
    rows = connection.execute(
        "SELECT v.relname, a.attname, d.description FROM pg_class AS v "
        "JOIN pg_class AS t ON t.relname = v.relname AND t.relnamespace = to_regnamespace(%s) "
        "JOIN pg_description AS d ON d.objoid = t.oid AND d.classoid = 'pg_class'::regclass "
        "LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.objsubid AND a.attnum > 0 "
        "LEFT JOIN pg_attribute AS va ON va.attrelid = v.oid AND va.attname = a.attname "
        "LEFT JOIN pg_description AS e ON e.objoid = v.oid AND e.classoid = d.classoid "
        "AND e.objsubid = coalesce(va.attnum, 0) "
        "WHERE v.relnamespace = to_regnamespace('marts') AND v.relkind = 'v' "
        "AND e.description IS DISTINCT FROM d.description",
        [schema],
    )
    for view, column, text in rows.fetchall():
        if column is None:
            target = sql.SQL("VIEW {}").format(sql.Identifier("marts", view))
        else:
            target = sql.SQL("COLUMN {}").format(sql.Identifier("marts", view, column))
        connection.execute(sql.SQL("COMMENT ON {} IS {}").format(target, sql.Literal(text)))


def _write_generation(connection: psycopg.Connection, colour: Colour, confirmed_at: datetime | None) -> Generation:
    connection.execute("LOCK TABLE ops.generations IN SHARE ROW EXCLUSIVE MODE")
    row = connection.execute(
        "INSERT INTO ops.generations (generation, colour, as_of_date, head_batch_id, confirmed_at) "
        "SELECT coalesce((SELECT max(generation) FROM ops.generations), 0) + 1, colour, as_of_date, head_batch_id, "
        "coalesce(%s, now()) FROM ops.build_state WHERE colour = %s "
        "RETURNING generation, colour, as_of_date, head_batch_id, published_at, confirmed_at",
        [confirmed_at, colour],
    ).fetchone()
    if row is None:
        raise PublicationError(f"{colour} was never built to the end", "run `ladder run`")
    return Generation(*row)


def _scalar(connection: psycopg.Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None  # an aggregate without GROUP BY always answers
    return row[0]
