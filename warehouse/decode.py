"""Payload to typed rows, by the table's definition.

A flat list of records goes through polars' strict NDJSON reader, a column at a time. Whatever that reader refuses goes
record by record through msgspec, which names the field that is wrong, so that one bad record costs one reject.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import msgspec
import polars as pl

from warehouse.source import Parsed, Reject
from warehouse.tables import Column, Table

__all__ = ["decode_records", "decode_rows", "frame_schema", "page_reject"]

_MAX_RECORD_CHARS = 10_000
_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_INT32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

#: The escape of a NUL, and not an escaped backslash before the same letters.
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
#: What msgspec raises for a body that is not JSON, not UTF-8, or nested without end.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_POLARS: dict[str, pl.DataType | type[pl.DataType]] = {
    "bigint": pl.Int64,
    "integer": pl.Int32,
    "boolean": pl.Boolean,
    "double precision": pl.Float64,
    "text": pl.String,
    "jsonb": pl.String,
}
_PYTHON: dict[str, Any] = {
    "bigint": _INT64,
    "integer": _INT32,
    "boolean": bool,
    "double precision": float,
    "text": str | int | float,
    "jsonb": Any,
}


@cache
def frame_schema(table: Table) -> pl.Schema:
    """Polars schema of the table's rows; `jsonb` columns hold JSON text."""
    return pl.Schema({column.name: _POLARS[column.type] for column in table.columns})


def decode_records(table: Table, body: bytes, params: Mapping[str, Any]) -> Parsed:
    """Decode a JSON array of flat records into rows of one table.

    Args:
        table: definition of the rows.
        body: a JSON array of objects.
        params: the request's parameters; fill the columns marked `from_request`.

    Returns:
        The rows, and a reject for each record that does not fit. A body that is not an array of objects is one reject.
    """
    if _is_flat(table):
        frame = _read_flat(table, body, params)
        if frame is not None:
            return Parsed(frames={table.name: frame}, drift=_drift_of_first(table, body))
    try:
        records = msgspec.json.decode(body)
    except _UNREADABLE as error:
        return Parsed(rejects=[page_reject(table, body, f"not JSON: {error}")])
    if not isinstance(records, list):
        return Parsed(rejects=[page_reject(table, body, f"expected an array, got {type(records).__name__}")])
    return decode_rows(table, records, params)


def decode_rows(table: Table, records: Sequence[Any], params: Mapping[str, Any]) -> Parsed:
    """Decode records that are already Python objects, one by one.

    Args:
        table: definition of the rows.
        records: decoded JSON objects.
        params: the request's parameters; fill the columns marked `from_request`.
    """
    parsed = Parsed()
    columns: dict[str, list[Any]] = {column.name: [] for column in table.columns}
    for index, record in enumerate(records):
        if not isinstance(record, dict):
            parsed.rejects.append(_reject(table, index, "$", "expected an object", record))
            continue
        parsed.drift.update(_drift(table, record))
        row = _convert(table, index, record, params)
        if isinstance(row, Reject):
            parsed.rejects.append(row)
            continue
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
    parsed.frames[table.name] = pl.DataFrame(columns, schema=frame_schema(table), strict=True)
    return parsed


def page_reject(table: Table, body: bytes, reason: str, field_path: str = "$") -> Reject:
    """A reject for a page as a whole; text that PostgreSQL cannot store is replaced in the excerpt of the body."""
    text = body[:_MAX_RECORD_CHARS].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return Reject(table=table.name, record_index=-1, field_path=field_path, reason=reason, record=text)


def _is_flat(table: Table) -> bool:
    return not any(column.type in ("jsonb", "text") or column.is_lenient or column.path for column in table.columns)


def _read_flat(table: Table, body: bytes, params: Mapping[str, Any]) -> pl.DataFrame | None:
    """Read a whole page at once, or return None where the careful way has to find out why it cannot be done."""
    body = body.strip()
    if not (body.startswith(b"[{") and body.endswith(b"}]")):
        return None
    in_record = {column.name: _POLARS[column.type] for column in table.columns if not column.from_request}
    # A "},{" inside a text would leave two broken lines, which the strict reader refuses: never a wrong row.
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
    required = [column.name for column in table.columns if _is_required(table, column)]
    if any(frame[name].null_count() for name in required):
        return None
    return frame


def _drift_of_first(table: Table, body: bytes) -> Counter[str]:
    """Unknown fields of a page's first record; one look a page keeps the fast way fast."""
    body = body.strip()
    try:
        first = msgspec.json.decode(body[1 : body.index(b"}") + 1])
    except _UNREADABLE:
        # The record holds objects of its own, so that it does not end where the first of them does.
        try:
            first = msgspec.json.decode(body, type=list[dict[str, msgspec.Raw]])[0]
        except _UNREADABLE:
            return Counter()
    return _drift(table, first)


def _drift(table: Table, record: Mapping[str, Any]) -> Counter[str]:
    unknown = record.keys() - _known_keys(table)
    return Counter(f"{table.name}.{key}".replace("\x00", "\ufffd") for key in unknown)


@cache
def _known_keys(table: Table) -> frozenset[str]:
    return frozenset(column.record_path[0] for column in table.columns) | table.ignored


def _is_required(table: Table, column: Column) -> bool:
    return column.is_required or column.name in table.key


def _convert(table: Table, index: int, record: dict[str, Any], params: Mapping[str, Any]) -> list[Any] | Reject:
    row: list[Any] = []
    for column in table.columns:
        if column.from_request:
            value = params.get(column.name)
            path = f"request.{column.name}"
        else:
            value = record
            for key in column.record_path:
                value = value.get(key) if isinstance(value, dict) else None
            path = "$." + ".".join(column.record_path)
        if value is None or (value == "" and column.is_lenient and column.type != "text"):
            if _is_required(table, column):
                return _reject(table, index, path, "missing", record)
            row.append(None)
            continue
        try:
            row.append(_cast(column, value))
        except (msgspec.ValidationError, ValueError) as error:
            return _reject(table, index, path, str(error).split(" - at")[0], record)
    return row


def _cast(column: Column, value: Any) -> Any:
    if column.type == "jsonb":
        document = msgspec.json.encode(value).decode()
        if _NUL_ESCAPE.search(document):
            raise ValueError("text holds a NUL character, which PostgreSQL cannot store")
        return document
    converted = msgspec.convert(value, _PYTHON[column.type], strict=not (column.is_lenient and isinstance(value, str)))
    if column.type == "text":
        text = str(converted)
        if "\x00" in text:
            raise ValueError("text holds a NUL character, which PostgreSQL cannot store")
        return text
    return converted


def _reject(table: Table, index: int, path: str, reason: str, record: Any) -> Reject:
    text = msgspec.json.encode(record).decode()[:_MAX_RECORD_CHARS]
    return Reject(table=table.name, record_index=index, field_path=path, reason=reason, record=text)
