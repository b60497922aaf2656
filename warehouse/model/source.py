"""What the warehouse must know of a source to load its lake: its tables, and how a page becomes rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import polars as pl

from warehouse.model.tables import Table

__all__ = ["CursorUpdate", "Endpoint", "FieldReject", "Page", "Parsed", "Reject", "Source"]


@dataclass(frozen=True, slots=True)
class CursorUpdate:
    """A cursor that moves when its page is loaded.

    Args:
        name: what the cursor belongs to, e.g. `player_matches/101695162`.
        value: JSON-ready value.
    """

    name: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source, as fetched, or one deletion.

    Args:
        endpoint: name of the endpoint; the folder in the lake.
        request: path and query, without any key.
        params: what the request was about, JSON-ready, e.g. `{"account_id": 7}`.
        status: HTTP status.
        observed_at: when the answer was complete, UTC.
        body: the payload.
        kind: `answer`; or `deletion`, whose body is `{"table": name, "keys": [{column: value}]}`.
        cursor: a cursor that moves when the page is loaded.
    """

    endpoint: str
    request: str
    params: Mapping[str, Any]
    status: int
    observed_at: datetime
    body: bytes
    kind: Literal["answer", "deletion"] = "answer"
    cursor: CursorUpdate | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not become a row.

    Args:
        table: name of the staging table it was meant for.
        record_index: position of the record in its page, from 0; -1 for the page as a whole.
        field_path: where in the record, e.g. `$.kills`.
        reason: why, in a few words.
        record: the record as JSON text, shortened to 10,000 characters.
    """

    table: str
    record_index: int
    field_path: str
    reason: str
    record: str


@dataclass(frozen=True, slots=True)
class FieldReject:
    """A field that could not be read as it was sent, in records that became rows all the same.

    Args:
        table: name of the staging table.
        field_path: where in the record, e.g. `$.kills`.
        reason: why, in a few words that are the same for all values of the kind.
    """

    table: str
    field_path: str
    reason: str


@dataclass
class Parsed:
    """What a page became.

    Args:
        frames: for each table the rows of the page: the table's columns, in order, with the types of
            `warehouse.staging.decode.frame_schema`.
        rejects: records that could not become rows.
        drift: fields that the table definitions do not know, counted.
        odd: fields that could not be read as they were sent, each with the positions of the records in the page.
    """

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    drift: Counter[str] = field(default_factory=Counter)
    field_rejects: dict[FieldReject, list[int]] = field(default_factory=dict)

    @property
    def has_rejects(self) -> bool:
        """Whether a record or a field could not be read: the page may have been wrong for a short time."""
        return bool(self.rejects or self.field_rejects)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of a source: `lake/raw/<source>/<name>/`.

    Args:
        name: the folder in the lake.
        tables: tables that its pages fill.
        parse: turns an answer into rows; pure, never raises for bad data.
        never: top-level keys (also of each record of a list answer) that may not be stored anywhere;
            stripped before landing.
    """

    name: str
    tables: tuple[Table, ...]
    parse: Callable[[Page], Parsed]
    excluded_fields: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Source:
    """A source: its name and its endpoints."""

    name: str
    endpoints: Mapping[str, Endpoint]

    @property
    def tables(self) -> tuple[Table, ...]:
        """All staging tables of the source, each once, by name."""
        found = {table.name: table for endpoint in self.endpoints.values() for table in endpoint.tables}
        return tuple(found[name] for name in sorted(found))
