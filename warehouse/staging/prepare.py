"""Decode lake files into rows that are ready for COPY: the part of a load that needs no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from warehouse.lake.files import Lake
from warehouse.model.source import Endpoint, FieldReject, Page, Parsed, Reject, Source
from warehouse.model.tables import Table
from warehouse.staging import copy
from warehouse.staging.decode import decode_rows, frame_schema, page_reject, parse_page

__all__ = ["LocatedFieldReject", "LocatedReject", "PreparedGroup", "Rows", "prepare"]

_TIME = pl.Datetime("us", "UTC")
#: Payload bytes after which a group of files is complete: limits memory, and is large enough that the cost of a
#: transaction is negligible.
GROUP_BYTES = 8 << 20
_SAMPLE_KEYS = 200


class _Deletion(msgspec.Struct):
    """Body of a page that lists deleted rows."""

    table: str
    keys: list[dict[str, Any]]


@dataclass(frozen=True)
class LocatedReject:
    """A reject and the position of its page."""

    path: str
    page: int
    endpoint: str
    reject: Reject


@dataclass(frozen=True)
class LocatedFieldReject:
    """An unreadable field in one page.

    Args:
        path: lake file of the page.
        page: position of the page in the file.
        endpoint: endpoint of the page.
        field: the field and the reason.
        records: number of records with such a value.
        record_index: position of the first of these records.
    """

    path: str
    page: int
    endpoint: str
    field: FieldReject
    records: int
    record_index: int


@dataclass
class Rows:
    """Rows for one table, ready for COPY.

    Args:
        table: the definition.
        count: number of rows.
        has_duplicates: a key occurs more than once.
        sample: up to some hundred keys, spread over the rows.
        encoded: binary COPY data if every column has a fixed width, else None.
        frame: the rows if they are not encoded, else None.
    """

    table: Table
    count: int
    has_duplicates: bool
    sample: pl.DataFrame
    encoded: list[bytes] | None
    frame: pl.DataFrame | None


@dataclass
class PreparedGroup:
    """A group of lake files, decoded.

    Args:
        files: path below the lake, endpoint and number of pages of each file.
        digests: digest of each page.
        rows: rows by table name.
        rejects: records that cannot be loaded as rows.
        cursors: newest value of each cursor, and when it was observed.
        drift: number of occurrences of each unknown field.
        field_rejects: unreadable fields.
    """

    files: list[tuple[str, str, int]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    rows: dict[str, Rows] = field(default_factory=dict)
    rejects: list[LocatedReject] = field(default_factory=list)
    cursors: dict[str, tuple[Any, datetime]] = field(default_factory=dict)
    drift: Counter[str] = field(default_factory=Counter)
    field_rejects: list[LocatedFieldReject] = field(default_factory=list)


def prepare(
    lake: Lake,
    source: Source,
    files: Sequence[Path],
    known: frozenset[Path] = frozenset(),
    rejected_pages: Mapping[tuple[Path, int], str] | None = None,
) -> Iterator[PreparedGroup]:
    """Decode files in groups; a file is never split into several groups.

    Args:
        lake: the lake.
        source: the source of the files.
        files: the files to decode, in order.
        known: files whose pages have all been loaded before; they are recorded but not decoded.
        rejected_pages: reasons of pages that are rejected as a whole, by file and position; their cursors are ignored.

    Raises:
        LakeError: a file cannot be read.
    """
    group = PreparedGroup()
    frames: dict[str, list[pl.DataFrame]] = {}
    size = 0
    for path in files:
        if path in known:
            group.files.append((lake.name_of(path), lake.endpoint_of(path), len(lake.digests(path))))
            continue
        size += _add_file(lake, source, path, group, frames, rejected_pages or {})
        if size >= GROUP_BYTES:
            yield _close(source, group, frames)
            group, frames, size = PreparedGroup(), {}, 0
    if group.files:
        yield _close(source, group, frames)


def _add_file(
    lake: Lake,
    source: Source,
    path: Path,
    group: PreparedGroup,
    frames: dict[str, list[pl.DataFrame]],
    rejected_pages: Mapping[tuple[Path, int], str],
) -> int:
    name = lake.name_of(path)
    endpoint = source.endpoints[lake.endpoint_of(path)]
    size = number = 0
    for number, page in enumerate(lake.read(path), start=1):
        size += len(page.body)
        reason = rejected_pages.get((path, number - 1))
        if reason is not None:
            parsed = Parsed(rejects=[page_reject(endpoint.tables[0], page.body, reason)])
        else:
            parsed = parse_page(endpoint, page) if page.kind == "answer" else _parse_deletion(endpoint, page)
        for table, frame in parsed.frames.items():
            if frame.height:
                deleted_at = page.observed_at if page.kind == "deletion" else None
                stamped = frame.with_columns(
                    pl.lit(page.observed_at, dtype=_TIME).alias("_observed_at"),
                    pl.lit(deleted_at, dtype=_TIME).alias("_deleted_at"),
                )
                frames.setdefault(table, []).append(stamped)
        group.rejects += [LocatedReject(name, number - 1, endpoint.name, reject) for reject in parsed.rejects]
        group.field_rejects += [
            LocatedFieldReject(name, number - 1, endpoint.name, field_reject, len(places), min(places))
            for field_reject, places in parsed.field_rejects.items()
        ]
        group.drift += parsed.drift
        if page.cursor is not None and reason is None:
            known = group.cursors.get(page.cursor.name)
            if known is None or page.observed_at >= known[1]:
                group.cursors[page.cursor.name] = (page.cursor.value, page.observed_at)
    group.files.append((name, endpoint.name, number))
    group.digests += lake.digests(path)
    return size


def _parse_deletion(endpoint: Endpoint, page: Page) -> Parsed:
    """Parse a deletion into tombstones: rows with a key and null in all other columns. Everything is in the body."""
    try:
        deletion = msgspec.json.decode(page.body, type=_Deletion)
        table = next(table for table in endpoint.tables if table.name == deletion.table)
    except (msgspec.DecodeError, StopIteration) as error:
        return Parsed(rejects=[page_reject(endpoint.tables[0], page.body, f"not a deletion: {error}")])
    key_only = Table(
        source=table.source,
        name=table.name,
        key=table.key,
        columns=tuple(
            replace(column, from_request=False, path=()) for column in table.columns if column.name in table.key
        ),
        description=table.description,
    )
    parsed = decode_rows(key_only, deletion.keys, {})
    frame = parsed.frames.get(table.name)
    if frame is not None:
        schema = frame_schema(table)
        parsed.frames[table.name] = frame.select(
            pl.col(name) if name in table.key else pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in schema.items()
        )
    return parsed


def _close(source: Source, group: PreparedGroup, frames: dict[str, list[pl.DataFrame]]) -> PreparedGroup:
    for table in source.tables:
        if table.name not in frames:
            continue
        frame = pl.concat(frames[table.name])
        encoded = list(copy.encode(frame)) if copy.is_fixed_width(frame.schema) else None
        group.rows[table.name] = Rows(
            table=table,
            count=frame.height,
            has_duplicates=frame.select(table.key).n_unique() < frame.height,
            sample=frame.select(table.key).gather_every(max(1, frame.height // _SAMPLE_KEYS)),
            encoded=encoded,
            frame=None if encoded is not None else frame,
        )
    return group
