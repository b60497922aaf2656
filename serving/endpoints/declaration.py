"""What an endpoint is: one declaration from which routes, validation, queries, keys and OpenAPI follow."""

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
"""A parameter of a query, after validation."""

ColumnType = Literal["text", "integer", "number", "boolean", "date", "timestamp"]
Permission = Literal["public", "business", "admin"]
"""What a caller must be allowed to read."""
_COLUMN_PYTHON: dict[str, Any] = {"text": str, "integer": int, "date": date, "timestamp": datetime}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path or a query parameter.

    Args:
        name: as in the URL and in the SQL.
        type: what it is parsed to.
        description: for the documentation.
        in_path: part of the path, so always there.
        is_required: the query has to have it.
        count: least and most times that it is given, a different value each; None is once, and the value no list.
        default: value when the query lacks it; None is "not filtered".
        choices: the only values allowed.
        pattern: regular expression that a text has to match.
        minimum: smallest number allowed.
        maximum: largest number allowed.
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
    """A field of an answer.

    Args:
        name: as the SQL returns it.
        type: its type in JSON: dates and timestamps are ISO 8601 text.
        description: for the documentation.
        nullable: may be null.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Pagination:
    """How a long list is cut.

    Args:
        keyset: columns that order the list, without ties; the SQL takes them as `after_<name>` and returns them.
        default: rows of a page when `limit` is not given.
        maximum: largest `limit`.
    """

    keyset: tuple[Column, ...]
    default: int
    maximum: int

    @property
    def types(self) -> tuple[Any, ...]:
        """Python types of the keyset."""
        return tuple(_COLUMN_PYTHON[column.type] for column in self.keyset)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One resource of the API.

    Args:
        name: its SQL is `sql/<name>.sql`; also the operation's id and the label in the metrics.
        path: below `/api/v1`.
        summary: one line for the documentation.
        mart: named in the key and in `meta`.
        reads: every relation of `marts` that the SQL (and `known`) reads, in name order.
        parameters: without `limit` and `cursor`, which `page` adds.
        columns: fields of a record; `fields.of` takes them from the marts' contracts.
        max_age_s: seconds that an answer may be kept.
        is_list: `data` is an array of records, not one record.
        page: how the list is cut; None sends it whole.
        subject: what a 404 says is unknown: "player", "board".
        known: SQL that answers whether the subject exists, asked when there is no row; empty for a single record,
            whose missing row says it already.
        scope: what a caller must be allowed to read; "public" is everybody.
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
