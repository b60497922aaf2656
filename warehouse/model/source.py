"""The declaration of a source that the warehouse needs to load its lake: tables, endpoints and parsers of pages."""

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
    """The new value of a cursor, which is stored when its page is loaded.

    Args:
        name: name of the cursor, e.g. `player_matches/101695162`.
        value: JSON-ready value.
    """

    name: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One response of a source, as fetched, or one deletion.

    Args:
        endpoint: name of the endpoint; the folder in the lake.
        request: path and query, without any key.
        params: parameters of the request, JSON-ready, e.g. `{"account_id": 7}`.
        status: HTTP status.
        observed_at: when the response was complete, UTC.
        body: the payload.
        kind: `answer` for a response; or `deletion`, whose body is `{"table": name, "keys": [{column: value}]}`.
        cursor: the cursor to update when the page is loaded.
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
    """A record that cannot be loaded as a row.

    Args:
        table: name of the staging table.
        record_index: position of the record in its page, from 0; -1 for the whole page.
        field_path: path of the field in the record, e.g. `$.kills`.
        reason: a short reason.
        record: the record as JSON text, truncated to 10,000 characters.
    """

    table: str
    record_index: int
    field_path: str
    reason: str
    record: str


@dataclass(frozen=True, slots=True)
class FieldReject:
    """An unreadable field of records that are loaded nevertheless, with null or a replacement in its place.

    Args:
        table: name of the staging table.
        field_path: path of the field in the record, e.g. `$.kills`.
        reason: a short reason, the same for all values with the same problem.
    """

    table: str
    field_path: str
    reason: str


@dataclass
class Parsed:
    """The result of parsing a page.

    Args:
        frames: rows of the page by table: the table's columns, in order, with the types of
            `warehouse.staging.decode.frame_schema`.
        rejects: records that cannot be loaded as rows.
        drift: number of occurrences of each field that is not in the table definitions.
        field_rejects: unreadable fields, each with the positions of its records in the page.
    """

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    drift: Counter[str] = field(default_factory=Counter)
    field_rejects: dict[FieldReject, list[int]] = field(default_factory=dict)

    @property
    def has_rejects(self) -> bool:
        """Whether a record or a field could not be read; the source may have sent a faulty page temporarily."""
        return bool(self.rejects or self.field_rejects)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of a source: `lake/raw/<source>/<name>/`.

    Args:
        name: the folder in the lake.
        tables: tables that its pages fill.
        parse: parses a response into rows; pure, never raises for bad data.
        excluded_fields: fields that must not be stored; removed before landing.
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
        """All staging tables of the source, sorted by name."""
        found = {table.name: table for endpoint in self.endpoints.values() for table in endpoint.tables}
        return tuple(found[name] for name in sorted(found))
