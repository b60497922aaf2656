"""Encode rows in PostgreSQL's binary COPY format.

Tables of numbers are encoded column by column with numpy; tables with text are written row by row by psycopg.
Format: https://www.postgresql.org/docs/current/sql-copy.html (Binary Format).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import psycopg
from psycopg.types.json import Jsonb

__all__ = ["HEADER", "TRAILER", "encode", "is_fixed_width", "write_rows"]

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"

_POSTGRES_EPOCH_US = 946_684_800_000_000
_CHUNK_ROWS = 16_384
_NULL_LENGTH = -1

_WIDTHS: dict[pl.DataType, tuple[str, int]] = {
    pl.Int64(): (">i8", 8),
    pl.Int32(): (">i4", 4),
    pl.Float64(): (">f8", 8),
    pl.Boolean(): ("u1", 1),
    pl.Datetime("us", "UTC"): (">i8", 8),
}


def is_fixed_width(schema: pl.Schema) -> bool:
    """Whether every column has a binary format of fixed width."""
    return all(dtype in _WIDTHS for dtype in schema.values())


def encode(frame: pl.DataFrame) -> Iterator[bytes]:
    """Encode rows of fixed-width columns in chunks of some thousand rows, without header and trailer."""
    for part in frame.iter_slices(_CHUNK_ROWS):
        yield _encode_part(part)


def write_rows(copy: psycopg.Copy, frame: pl.DataFrame, types: Sequence[str]) -> None:
    """Write rows with columns of any type through psycopg.

    Args:
        copy: an open binary COPY.
        frame: the rows.
        types: PostgreSQL type of each column; columns of type `jsonb` contain JSON text.
    """
    copy.set_types(types)
    is_json = [type_ == "jsonb" for type_ in types]
    if not any(is_json):
        for row in frame.iter_rows():
            copy.write_row(row)
        return
    for row in frame.iter_rows():
        # Without the wrapper the text would be stored as one JSON string.
        copy.write_row(
            [
                Jsonb(value, dumps=str) if json and value is not None else value
                for json, value in zip(is_json, row, strict=True)
            ]
        )


def _encode_part(part: pl.DataFrame) -> bytes:
    """Lay the rows out at full width, then remove the bytes of null values."""
    rows = part.height
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for index, dtype in enumerate(part.dtypes):
        fields += [(f"length{index}", ">i4"), (f"value{index}", _WIDTHS[dtype][0])]
    layout = np.zeros(rows, dtype=fields)
    layout["fields"] = part.width
    keep: npt.NDArray[np.bool_] | None = None
    offset = 2
    for index, column in enumerate(part.iter_columns()):
        width = _WIDTHS[column.dtype][1]
        values = _values(column)
        if column.null_count():
            is_null = column.is_null().to_numpy()
            layout[f"length{index}"] = np.where(is_null, _NULL_LENGTH, width)
            if keep is None:
                keep = np.ones((rows, layout.dtype.itemsize), dtype=np.bool_)
            keep[is_null, offset + 4 : offset + 4 + width] = False
        else:
            layout[f"length{index}"] = width
        layout[f"value{index}"] = values
        offset += 4 + width
    if keep is None:
        return layout.tobytes()
    return layout.view(np.uint8).reshape(rows, -1)[keep].tobytes()


def _values(column: pl.Series) -> npt.NDArray[np.generic]:
    if isinstance(column.dtype, pl.Datetime):
        return column.to_physical().fill_null(0).to_numpy() - _POSTGRES_EPOCH_US
    if column.dtype == pl.Boolean():
        return column.cast(pl.UInt8).fill_null(0).to_numpy()
    return column.fill_null(0).to_numpy()
