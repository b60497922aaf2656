"""`ladder query` and `ladder psql`: SQL as the analyst."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Literal

import msgspec
import psycopg

from orchestration.cli.terminal import console, errors, output_stream, table
from orchestration.processes.managed_process import run_in_foreground
from warehouse.core.errors import ConfigurationError, DatabaseError, LadderError
from warehouse.core.file_modes import original_umask
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect, libpq_environment, role_url
from warehouse.database.error_messages import to_database_error
from warehouse.embedded import postgres_bin, running

__all__ = ["open_psql", "run_query"]

Format = Literal["table", "csv", "json", "parquet"]
_BATCH_ROWS = 10_000


def run_query(statement: str, output_format: Format, output: Path | None, limit: int) -> None:
    """Run one statement and write its rows.

    Raises:
        ConfigurationError: the format does not fit the output, or the file cannot be written.
        DatabaseError: PostgreSQL rejects the statement; the message is one line.
    """
    settings = load_settings()
    if output_format == "parquet" and output is None and sys.stdout.isatty():
        raise ConfigurationError("Parquet is binary and cannot be shown in a terminal", "add --output FILE")
    if output_format == "table" and output is not None:
        raise ConfigurationError("a table cannot be written to a file", "add --format csv")
    with running(settings, redis=False) as servers:
        try:
            with connect(role_url(settings, servers.database_url, "analyst")) as connection:
                if output_format == "table":
                    _show(connection, statement, limit)
                else:
                    with _stream(output) as stream:
                        _WRITERS[output_format](connection, statement, stream)
        except psycopg.Error as error:
            raise _rejected(error) from None


def open_psql(arguments: Sequence[str]) -> int:
    """Run psql as the analyst. The password is in its environment, which other users cannot read."""
    settings = load_settings()
    program = _psql()
    with running(settings, redis=False) as servers:
        analyst = libpq_environment(role_url(settings, servers.database_url, "analyst"))
        return run_in_foreground([program, *arguments], {**os.environ, **analyst, "PGTZ": "UTC"})


def _psql() -> str:
    """Path of the embedded psql, or of the one in PATH."""
    try:
        return str(postgres_bin("psql"))
    except LadderError:
        found = shutil.which("psql")
        if found is None:
            raise
        return found


@contextmanager
def _stream(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield output_stream()
        sys.stdout.buffer.flush()
        return
    try:
        with original_umask():
            stream = output.open("wb")
        with stream:
            yield stream
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {output}: {(error.strerror or str(error)).lower()}", "choose another file"
        ) from None


def _rows(connection: psycopg.Connection, statement: str) -> psycopg.ServerCursor[tuple[Any, ...]]:
    """A server-side cursor, so that large results need not fit into memory."""
    cursor = connection.cursor("ladder_query")
    cursor.itersize = _BATCH_ROWS
    cursor.execute(statement.strip().rstrip(";").encode())
    return cursor


def _show(connection: psycopg.Connection, statement: str, limit: int) -> None:
    with _rows(connection, statement) as cursor:
        columns = [column.name for column in cursor.description or ()]
        rows = cursor.fetchmany(limit + 1)
    numbers = [
        name
        for position, name in enumerate(columns)
        if all(isinstance(row[position], int | float | Decimal) for row in rows)
    ]
    shown = table(columns, numbers=numbers)
    for row in rows[:limit]:
        shown.add_row(*map(_text, row))
    console.print(shown)
    if len(rows) > limit:
        errors.print(f"the first {limit} rows; `--limit` shows more, `--format csv` writes all")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def _write_csv(connection: psycopg.Connection, statement: str, stream: IO[bytes]) -> None:
    """Write with COPY, which distinguishes NULL (empty) from an empty string (quotes)."""
    query = f"COPY (\n{statement.strip().rstrip(';')}\n) TO STDOUT (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for block in copy:
            stream.write(block)


def _write_json(connection: psycopg.Connection, statement: str, stream: IO[bytes]) -> None:
    """Write an array of objects, one row per line."""
    encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
    with _rows(connection, statement) as cursor:
        columns = [column.name for column in cursor.description or ()]
        separator = b"[\n"
        for row in cursor:
            stream.write(separator + encoder.encode(dict(zip(columns, row, strict=True))))
            separator = b",\n"
    stream.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _write_parquet(connection: psycopg.Connection, statement: str, stream: IO[bytes]) -> None:
    """Write one row group per batch. Numerics become doubles, and values of types that Parquet lacks become text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds: dict[int, tuple[Any, Callable[[Any], Any]]] = {
        16: (pa.bool_(), bool),
        20: (pa.int64(), int),
        21: (pa.int16(), int),
        23: (pa.int32(), int),
        700: (pa.float32(), float),
        701: (pa.float64(), float),
        1700: (pa.float64(), float),
        1082: (pa.date32(), _same),
        1114: (pa.timestamp("us"), _same),
        1184: (pa.timestamp("us", tz="UTC"), _same),
    }
    with _rows(connection, statement) as cursor:
        columns = [
            (column.name, *kinds.get(column.type_code, (pa.string(), _json_text)))
            for column in cursor.description or ()
        ]
        schema = pa.schema([(name, type_) for name, type_, _ in columns])
        with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(_BATCH_ROWS):
                arrays = [
                    pa.array([None if row[position] is None else read(row[position]) for row in rows], type=type_)
                    for position, (_, type_, read) in enumerate(columns)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _same(value: date | datetime) -> date | datetime:
    return value


def _json_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, timedelta):
        return str(value)
    return msgspec.json.encode(value, enc_hook=str).decode()


_WRITERS: dict[str, Callable[[psycopg.Connection, str, IO[bytes]], None]] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}


def _rejected(error: psycopg.Error) -> DatabaseError:
    hint = error.diag.message_hint or "tables and columns are described in docs/marts.md"
    if isinstance(error, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction):
        hint = "the analyst reads the schema marts and changes nothing"
    if isinstance(error, psycopg.errors.QueryCanceled):
        hint = "reduce the result, or raise statement_timeout in `ladder psql`"
    return to_database_error(error, ("the query was rejected", hint.rstrip(".")))
