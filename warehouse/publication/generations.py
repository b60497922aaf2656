"""Generations: the numbered publications of the marts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

import psycopg

from warehouse.core.errors import PublicationError
from warehouse.database.role_names import SET_ROLE_MARTS_OWNER

__all__ = ["Colour", "Generation", "confirm_generation", "current_generation", "write_generation"]

Colour = Literal["blue", "green"]


@dataclass(frozen=True, slots=True)
class Generation:
    """A published state of the marts.

    Args:
        generation: its number, which increases with every publication, also with a rollback.
        colour: the colour of its marts.
        as_of_date: the anchor date of its rolling windows; None if there are no matches.
        head_batch_id: the newest batch that it contains.
        published_at: when it was published.
        confirmed_at: when a run last confirmed that it contains all loaded data.
    """

    generation: int
    colour: Colour
    as_of_date: date | None
    head_batch_id: int
    published_at: datetime
    confirmed_at: datetime


def current_generation(connection: psycopg.Connection) -> Generation | None:
    """The published generation, or None before the first."""
    row = connection.execute(
        "SELECT generation, colour, as_of_date, head_batch_id, published_at, confirmed_at FROM ops.generations "
        "ORDER BY generation DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Generation(*row)


def confirm_generation(connection: psycopg.Connection, generation: Generation) -> Generation:
    """Record that a generation contains all loaded data; call it under the build lock, in autocommit."""
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        row = connection.execute(
            "UPDATE ops.generations SET confirmed_at = clock_timestamp() WHERE generation = %s RETURNING confirmed_at",
            [generation.generation],
        ).fetchone()
    return generation if row is None else replace(generation, confirmed_at=row[0])


def write_generation(connection: psycopg.Connection, colour: Colour, confirmed_at: datetime | None) -> Generation:
    """Insert the next generation of a colour, inside the caller's transaction.

    Args:
        connection: a transaction with the role of the owner of the marts.
        colour: the colour that is promoted.
        confirmed_at: when a run last confirmed that the colour contains all loaded data; None means now.

    Raises:
        PublicationError: the colour was never built.
    """
    connection.execute("LOCK TABLE ops.generations IN SHARE ROW EXCLUSIVE MODE")
    row = connection.execute(
        "INSERT INTO ops.generations (generation, colour, as_of_date, head_batch_id, confirmed_at) "
        "SELECT coalesce((SELECT max(generation) FROM ops.generations), 0) + 1, colour, as_of_date, head_batch_id, "
        "coalesce(%s, now()) FROM ops.build_state WHERE colour = %s "
        "RETURNING generation, colour, as_of_date, head_batch_id, published_at, confirmed_at",
        [confirmed_at, colour],
    ).fetchone()
    if row is None:
        raise PublicationError(f"the build of {colour} was never finished", "run `ladder run`")
    return Generation(*row)
