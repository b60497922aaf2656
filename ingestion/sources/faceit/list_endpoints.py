"""A paged list of FACEIT: how it is requested, the cursor of its next page, and a summary of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ingestion.sync.run import SyncRun
from ingestion.sync.selection import WorkItem
from warehouse.core.json_text import InvalidJsonError, read_json
from warehouse.model.source import Page, Parsed

__all__ = ["ListEndpoint", "PageCursor", "PageSummary"]


@dataclass(frozen=True, slots=True)
class ListEndpoint:
    """A paged list of FACEIT.

    Args:
        endpoint: name of the endpoint; its first table has a row for each record of the list.
        cursor: prefix of the cursor's name.
        path: path of a work item's list.
        params: what the request is about, by work item.
        query: query parameters, without those of paging.
        limit: records of a page; a shorter page is the last one.
        order_column: timestamp column that orders the list; None for lists without an order in time.
        units_per_second: units of the timestamp in a second.
        max_offset: largest offset that the source accepts; None for no limit.
        has_time_bounds: the list can be requested up to a timestamp; otherwise a refused offset is the end of the list.
        not_found_means_empty: a 404 or 410 means that the list is empty; the parser returns no rows for it too.
        empty_notice: notice for an empty list of that kind; none by default.
    """

    endpoint: str
    cursor: str
    path: Callable[[WorkItem], str]
    params: Callable[[WorkItem], Mapping[str, Any]]
    query: Mapping[str, str | int]
    limit: int = 100
    order_column: str | None = None
    units_per_second: int = 1
    max_offset: int | None = None
    has_time_bounds: bool = False
    not_found_means_empty: bool = False
    empty_notice: str = ""


@dataclass(frozen=True, slots=True)
class PageCursor:
    """The position of a scan: the next page of a list. Stored as JSON in `ops.cursors`, by these field names.

    Args:
        known: timestamp up to which an earlier scan read the list; None if there was none.
        newest: newest timestamp so far; it becomes `known` after the scan.
        to: upper bound of the timestamps on the next page; None for the first page.
        offset: offset of the next page.
        first: key of the list's first record, to recognise a first page that is returned in place of another.
        is_flawed: records were rejected, or fields could not be read.
        is_mixed: the list is not ordered newest first.
        is_short: the scan re-reads only the last hours before `known`.
        deep_at: when (s) the last scan began that re-read the last days; None for lists where every scan does.
        is_wide: the next page is requested with a larger limit, because offsets do not reach further.
        whole_at: when (s) the last full scan began.
        is_whole: the scan is a full scan, which does not end at `known`.
    """

    known: int | None
    newest: int | None
    to: int | None = None
    offset: int = 0
    first: str | None = None
    is_flawed: bool = False
    is_mixed: bool = False
    is_short: bool = False
    deep_at: float | None = None
    is_wide: bool = False
    whole_at: float | None = None
    is_whole: bool = False

    @property
    def is_after_first_page(self) -> bool:
        """Whether the next page is not the first one."""
        return self.to is not None or self.offset > 0


@dataclass(frozen=True, slots=True)
class PageSummary:
    """What a page contained.

    Args:
        count: number of records, rejected ones included.
        timestamps: timestamps of the records that have one, in the order of the page.
        first: key of the first record that became a row.
        start: offset that the response reports; None if it reports none.
        has_rejects: records, or parts of them, were rejected, or fields could not be read.
    """

    count: int
    timestamps: tuple[int, ...]
    first: str | None
    start: int | None
    has_rejects: bool

    @classmethod
    def from_page(cls, list_endpoint: ListEndpoint, run: SyncRun, page: Page, parsed: Parsed) -> PageSummary:
        """Summarise a page of a list."""
        table = run.context.source.endpoints[list_endpoint.endpoint].tables[0]
        frame = parsed.frames.get(table.name)
        rejected = sum(reject.table == table.name for reject in parsed.rejects)
        start = _start_offset(page.body)
        if frame is None:
            return cls(rejected, (), None, start, parsed.has_rejects)
        column = list_endpoint.order_column
        timestamps = () if column is None else tuple(frame[column].drop_nulls().to_list())
        first = "/".join(str(value) for value in frame.select(table.key).row(0)) if frame.height else None
        return cls(frame.height + rejected, timestamps, first, start, parsed.has_rejects)


class _ListEnvelope(msgspec.Struct):
    """The paging fields of a list response."""

    start: Any = None


def _start_offset(body: bytes) -> int | None:
    """The offset that a list response reports; odd characters are handled as in its records."""
    content: Any
    try:
        content = {"start": msgspec.json.decode(body, type=_ListEnvelope).start}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            content = read_json(body)
        except InvalidJsonError:
            return None
    start = content.get("start") if isinstance(content, Mapping) else None
    return start if type(start) is int else None
