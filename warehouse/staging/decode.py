"""Decode payloads into typed rows, by the table's definition.

A flat list of records is read column by column with polars' strict NDJSON reader. Payloads that it rejects are decoded
record by record: an unreadable field becomes null and is counted, and a record becomes a reject only if its key or
result is unreadable.
"""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import polars as pl

from warehouse.core.json_text import InvalidJsonError, encode_json, read_json
from warehouse.model.documents import DocumentCheck, document_check
from warehouse.model.source import Endpoint, FieldReject, Page, Parsed, Reject
from warehouse.model.tables import Column, Table
from warehouse.model.values import UnreadableValueError, ValueParser, valid_range, value_parser

__all__ = ["decode_records", "decode_rows", "frame_schema", "page_reject", "parse_page", "unknown_fields_key"]

_logger = logging.getLogger(__name__)

_MAX_RECORD_CHARS = 10_000
#: Rejects of a page that are stored individually.
_MAX_REJECTS = 10_000
#: Length of a field name in the counts of drift.
_MAX_NAME_CHARS = 100
#: Unknown fields of one record that are counted by name; if there are more, they are counted together.
_MAX_UNKNOWN = 100
#: How far (s) after the response a timestamp may be: 90 days, since either clock may be wrong. Models handle timestamps
#: in this range; their windows end on the current day.
_CLOCK_SLACK_S = 90 * 86_400
#: The end of 2099, if the time of the response is unknown.
_MAX_TIME_S = 4_102_444_799

_POLARS: dict[str, pl.DataType | type[pl.DataType]] = {
    "bigint": pl.Int64,
    "integer": pl.Int32,
    "boolean": pl.Boolean,
    "double precision": pl.Float64,
    "text": pl.String,
    "jsonb": pl.String,
}


class TooManyRejectsError(ValueError):
    """Almost no record of a page can be decoded."""


@cache
def frame_schema(table: Table) -> pl.Schema:
    """Polars schema of the table's rows; `jsonb` columns contain JSON text."""
    return pl.Schema({column.name: _POLARS[column.type] for column in table.columns})


def decode_records(
    table: Table,
    body: bytes,
    params: Mapping[str, Any],
    *,
    observed_at: datetime | None = None,
    normalise: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Parsed:
    """Decode a JSON array of flat records into rows of one table.

    Args:
        table: definition of the rows.
        body: a JSON array of objects.
        params: the request's parameters; fill the columns marked `from_request`.
        observed_at: time of the response, which limits the timestamps in it.
        normalise: converts a record to the table's structure if the fast path cannot read the page.

    Returns:
        The rows, and a reject for each record that cannot be loaded. A body that is not an array is one reject.
    """
    max_time = _max_time(observed_at)
    if _is_flat(table):
        frame = _read_flat(table, body, params, max_time)
        if frame is not None:
            return Parsed(frames={table.name: frame}, drift=_drift_of_first_record(table, body))
    try:
        records = read_json(body)
    except InvalidJsonError as error:
        return Parsed(rejects=[page_reject(table, body, str(error))])
    if not isinstance(records, list):
        return Parsed(rejects=[page_reject(table, body, f"expected an array, got {type(records).__name__}")])
    if normalise is not None:
        records = [normalise(record) if isinstance(record, dict) else record for record in records]
    return decode_rows(table, records, params, observed_at=observed_at)


def decode_rows(
    table: Table, records: Sequence[Any], params: Mapping[str, Any], *, observed_at: datetime | None = None
) -> Parsed:
    """Decode records that are Python objects, one by one.

    Args:
        table: definition of the rows.
        records: decoded JSON objects.
        params: the request's parameters; fill the columns marked `from_request`.
        observed_at: time of the response, which limits the timestamps in it.

    Raises:
        TooManyRejectsError: too many records are rejects; `parse_page` rejects the whole page.
    """
    parsed = Parsed()
    max_time = _max_time(observed_at)
    rows: list[list[Any]] = []
    for index, record in enumerate(records):
        if len(parsed.rejects) > _MAX_REJECTS:
            raise TooManyRejectsError
        if not isinstance(record, dict):
            parsed.rejects.append(_reject(table, index, "$", "expected an object", record))
            continue
        parsed.drift.update(_drift(table, record))
        field_rejects: dict[str, str] = {}
        row = _convert(table, index, record, params, max_time, field_rejects)
        if isinstance(row, Reject):
            parsed.rejects.append(row)
            continue
        rows.append(row)
        for path, reason in field_rejects.items():
            parsed.field_rejects.setdefault(FieldReject(table.name, path, reason), []).append(index)
    parsed.frames[table.name] = pl.DataFrame(rows, schema=frame_schema(table), strict=True, orient="row")
    return parsed


def parse_page(endpoint: Endpoint, page: Page) -> Parsed:
    """Parse a page; if its parser fails, the whole page becomes a reject, so that other pages can be loaded."""
    try:
        return endpoint.parse(page)
    except TooManyRejectsError:
        reason = f"more than {_MAX_REJECTS} of its records cannot be read"
        return Parsed(rejects=[page_reject(endpoint.tables[0], page.body, reason)])
    except Exception as error:
        _logger.exception("a page of %s cannot be parsed", endpoint.name, extra={"request": page.request})
        return Parsed(rejects=[page_reject(endpoint.tables[0], page.body, f"not parsed: {type(error).__name__}")])


def page_reject(table: Table, body: bytes, reason: str, field_path: str = "$") -> Reject:
    """A reject for a whole page; text that PostgreSQL cannot store is replaced in the excerpt of the body."""
    text = body[:_MAX_RECORD_CHARS].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return Reject(table=table.name, record_index=-1, field_path=field_path, reason=reason, record=text)


def _max_time(observed_at: datetime | None) -> int:
    return _MAX_TIME_S if observed_at is None else int(observed_at.timestamp()) + _CLOCK_SLACK_S


def _is_flat(table: Table) -> bool:
    return not any(column.type in ("jsonb", "text") or column.is_lenient or column.path for column in table.columns)


def _read_flat(table: Table, body: bytes, params: Mapping[str, Any], max_time: int) -> pl.DataFrame | None:
    """Read a whole page at once; None if it has to be decoded record by record."""
    body = body.strip()
    if not (body.startswith(b"[{") and body.endswith(b"}]")):
        return None
    in_record = {column.name: _POLARS[column.type] for column in table.columns if not column.from_request}
    # A "},{" within a string gives two invalid lines, which the strict reader rejects: never a wrong row.
    lines = body[1:-1].replace(b"},{", b"}\n{")
    try:
        frame = pl.read_ndjson(io.BytesIO(lines), schema=in_record)
        frame = frame.with_columns(
            pl.lit(params[column.name]).cast(_POLARS[column.type]).alias(column.name)
            for column in table.columns
            if column.from_request
        ).select(table.column_names)
    except (pl.exceptions.PolarsError, KeyError):
        return None
    return frame if _is_valid(table, frame, max_time) else None


def _is_valid(table: Table, frame: pl.DataFrame, max_time: int) -> bool:
    """Whether no required value is missing and every number is in its column's range."""
    wrong = []
    for column in table.columns:
        values = pl.col(column.name)
        if _is_required(table, column):
            wrong.append(values.is_null().any())
        if column.time is not None:
            units_per_second = column.time.units_per_second
            wrong.append(~values.is_between(column.time.min_time * units_per_second, max_time * units_per_second).all())
        elif column.type in ("bigint", "integer", "double precision"):
            wrong.append(~values.is_between(*valid_range(column)).all())
    return not any(frame.select(expression.alias(str(place)) for place, expression in enumerate(wrong)).row(0))


def _drift_of_first_record(table: Table, body: bytes) -> Counter[str]:
    """Unknown fields of a page's first record only, which keeps the fast path fast."""
    body = body.strip()
    unreadable = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
    try:
        first = msgspec.json.decode(body[1 : body.index(b"}") + 1])
    except unreadable:
        # The record contains objects, so it does not end at the first closing brace.
        try:
            first = msgspec.json.decode(body, type=list[dict[str, msgspec.Raw]])[0]
        except unreadable:
            return Counter()
    return _drift(table, first)


def _drift(table: Table, record: Mapping[str, Any]) -> Counter[str]:
    unknown = record.keys() - _known_keys(table)
    if len(unknown) > _MAX_UNKNOWN:
        return Counter({unknown_fields_key(table.name): len(unknown)})
    return Counter(f"{table.name}.{key[:_MAX_NAME_CHARS]}".replace("\x00", "\ufffd") for key in unknown)


def unknown_fields_key(table: str) -> str:
    """The name under which unknown fields of a table are counted together if there are too many to name each."""
    return f"{table}.*"


@cache
def _known_keys(table: Table) -> frozenset[str]:
    return frozenset(column.record_path[0] for column in table.columns) | table.ignored


@dataclass(frozen=True, slots=True)
class _Field:
    """How to decode a column of a record.

    Args:
        name: the column.
        keys: keys of the path to the value; empty if the value comes from the request.
        path: the same path as text.
        parse: parses the value.
        is_required: a record without the value is rejected.
        rejects_record: a record with an unreadable value is rejected.
        null_values: values that mean null.
        check: checks the fields within a document.
    """

    name: str
    keys: tuple[str, ...]
    path: str
    parse: ValueParser
    is_required: bool
    rejects_record: bool
    null_values: tuple[Any, ...]
    check: DocumentCheck | None


@cache
def _fields(table: Table) -> tuple[_Field, ...]:
    indexed = {*table.key, *(name for names in table.indexes for name in names)}
    return tuple(
        _Field(
            column.name,
            () if column.from_request else column.record_path,
            f"request.{column.name}" if column.from_request else "$." + ".".join(column.record_path),
            value_parser(column, is_indexed=column.name in indexed),
            _is_required(table, column),
            column.decides_result or _is_required(table, column),
            _null_values(column),
            document_check(column),
        )
        for column in table.columns
    )


def _null_values(column: Column) -> tuple[Any, ...]:
    zero = (0,) if column.time is not None and column.time.is_zero_null else ()
    return ("", *zero) if column.is_lenient and column.type != "text" else zero


def _is_required(table: Table, column: Column) -> bool:
    return column.is_required or column.name in table.key


def _convert(
    table: Table,
    index: int,
    record: dict[str, Any],
    params: Mapping[str, Any],
    max_time: int,
    field_rejects: dict[str, str],
) -> list[Any] | Reject:
    """The row of a record, or its reject; unreadable fields are added to `field_rejects` with the reason."""
    row: list[Any] = []
    for field in _fields(table):
        path = field.path
        value: Any = record if field.keys else params.get(field.name)
        for depth, key in enumerate(field.keys):
            if not isinstance(value, dict):
                if value is not None:
                    path = "$." + ".".join(field.keys[:depth])
                    field_rejects[path] = "expected an object"
                value = None
                break
            value = value.get(key)
        if value is None or (field.null_values and type(value) in (str, int) and value in field.null_values):
            if field.is_required:
                return _reject(table, index, path, field_rejects.get(path, "missing"), record)
            row.append(None)
            continue
        try:
            row.append(field.parse(value, max_time))
        except UnreadableValueError as error:
            if field.rejects_record and error.replacement is None:
                return _reject(table, index, path, error.reason, record)
            field_rejects[path] = error.reason
            row.append(error.replacement)
        if field.check is not None:
            field.check(value, field_rejects)
    return row


def _reject(table: Table, index: int, path: str, reason: str, record: Any) -> Reject:
    try:
        text = encode_json(record)
    except ValueError:
        text = repr(record).encode("utf-8", "replace").decode()
    return Reject(table=table.name, record_index=index, field_path=path, reason=reason, record=text[:_MAX_RECORD_CHARS])
