"""Endpoint declarations: routes, validation, queries, cache keys and OpenAPI follow from one `Endpoint`."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from typing import Any, Literal

from serving.endpoints.formulas import FORMULAS

__all__ = ["Column", "ColumnType", "Endpoint", "Pagination", "Parameter", "Permission", "Value"]

Value = str | int | bool | date | list[str] | None
"""Value of a parameter after validation."""

ColumnType = Literal["text", "integer", "number", "boolean", "date", "timestamp"]
Permission = Literal["public", "business", "admin"]
"""Permission that a caller needs."""
_COLUMN_PYTHON: dict[str, Any] = {"text": str, "integer": int, "date": date, "timestamp": datetime}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path or query parameter.

    Args:
        name: its name in the URL and in the SQL.
        type: Python type of its values.
        description: for the documentation.
        in_path: whether it is part of the path, and therefore always present.
        is_required: whether the query must contain it.
        count: minimum and maximum number of distinct values of a list; None for a parameter with one value.
        default: value if the query lacks it; None means "not filtered".
        choices: the allowed values; empty for any.
        pattern: regular expression that a text must match.
        minimum: smallest allowed number.
        maximum: largest allowed number.
    """

    name: str
    type: type[str] | type[int] | type[bool] | type[date]
    description: str
    in_path: bool = False
    is_required: bool = False
    count: tuple[int, int] | None = None
    default: Value = None
    choices: tuple[str | int, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a record.

    Args:
        name: name of the SQL column.
        type: type in JSON; dates and timestamps are ISO 8601 text.
        description: for the documentation.
        nullable: whether it may be null.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Pagination:
    """Keyset pagination of a list.

    Args:
        keyset: columns that order the list without ties; the SQL takes them as `after_<name>` and returns them.
        default: rows per page if `limit` is not given.
        maximum: largest `limit`.
    """

    keyset: tuple[Column, ...]
    default: int
    maximum: int

    @property
    def types(self) -> tuple[Any, ...]:
        """Python types of the keyset columns."""
        return tuple(_COLUMN_PYTHON[column.type] for column in self.keyset)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One resource of the API.

    Args:
        name: its SQL is `sql/<name>.sql`; also the operation id and the label in the metrics.
        path: below `/api/v1`.
        summary: one line for the documentation.
        mart: named in the cache key and in `meta`.
        reads: all relations of `marts` that the SQL and `exists_sql` read, sorted by name.
        parameters: without `limit` and `cursor`, which `pagination` adds.
        columns: fields of a record; `fields.mart_columns` takes them from the contracts of the marts.
        max_age_s: lifetime of a response in seconds.
        is_list: whether `data` is an array of records; otherwise it is one record.
        pagination: pages of the list; None returns the whole list.
        subject: what a 404 reports as unknown: "player", "board"; empty if there is no 404.
        exists_sql: query whether the subject exists, run if the SQL returns no row; empty for a single record, whose
            missing row already shows it.
        scope: permission that a caller needs; "public" is everyone.
    """

    name: str
    path: str
    summary: str
    mart: str
    reads: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    max_age_s: int
    is_list: bool = True
    pagination: Pagination | None = None
    subject: str = ""
    exists_sql: str = ""
    scope: Permission = "public"

    @property
    def sql(self) -> str:
        """The query, with named parameters; `{name}` in the file is replaced by the formula of that name."""
        return _sql(self.name)


@functools.cache
def _sql(name: str) -> str:
    text = (resources.files("serving.endpoints") / "sql" / f"{name}.sql").read_text()
    return re.sub(r"\{(\w+)\}", lambda match: FORMULAS[match[1]], text)
