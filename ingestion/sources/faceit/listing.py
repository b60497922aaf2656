"""A list of FACEIT, how far a walk through it has come, and what a page of it held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ingestion.sync.selection import Item
from ingestion.sync.streams import Run
from warehouse.core.json_text import InvalidJsonError, read_json
from warehouse.model.source import Page, Parsed

__all__ = ["Listing", "Seen", "Walk"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of FACEIT.

    Args:
        endpoint: endpoint, whose first table holds a row for each record of the list.
        cursor: beginning of the cursor's name.
        path: path of an item's list.
        params: what the request is about.
        query: query parameters, without those of paging.
        limit: records of a page; a shorter page is the last.
        time_column: column with the time by which the list is ordered; none where it has no order in time.
        ticks: of that time, in a second.
        largest_offset: beyond which the source does not go; None where it goes on.
        has_bounds: the list can be requested up to a time; otherwise an offset that is refused is its end.
        may_be_absent: a 404 or 410 means that the list is empty; the parser takes it for that too.
        absence: what to note where it does; nothing by default.
    """

    endpoint: str
    cursor: str
    path: Callable[[Item], str]
    params: Callable[[Item], Mapping[str, Any]]
    query: Mapping[str, str | int]
    limit: int = 100
    time_column: str | None = None
    ticks: int = 1
    largest_offset: int | None = None
    has_bounds: bool = False
    may_be_absent: bool = False
    absence: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a walk has come.

    Args:
        known: time up to which an earlier walk brought everything; None where there was none.
        newest: the newest time so far, which is known when the walk has ended.
        to: time up to which the next page is requested; None at the top.
        offset: records that the next page leaves out.
        first: the first record of the list, by which its first page is recognised when it comes in place of another.
        is_flawed: records were refused, or fields could not be read.
        is_mixed: the list is not newest first.
        is_short: no more than the last hours before what is known are read again.
        deep_at: when (s) a walk last began that read the last days again; None for lists where every walk does.
        is_wide: the next page is requested with a larger limit, since offsets do not reach further.
        whole_at: when (s) a walk last began that reads everything.
        is_whole: this is such a walk, which what is known does not end.
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
    def is_begun(self) -> bool:
        """Whether the next page is not the top of the list."""
        return self.to is not None or self.offset > 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page held.

    Args:
        count: how many records, refused ones included.
        times: those of the records that have one, in their order.
        first: the first of those that became rows.
        start: how many records the answer says that it left out; None where it does not say.
        is_flawed: records, or parts of them, were refused, or fields of them could not be read.
    """

    count: int
    times: tuple[int, ...]
    first: str | None
    start: int | None
    is_flawed: bool

    @classmethod
    def of(cls, listing: Listing, run: Run, page: Page, parsed: Parsed) -> Seen:
        """What a page of a list held."""
        table = run.context.source.endpoints[listing.endpoint].tables[0]
        frame = parsed.frames.get(table.name)
        refused = sum(reject.table == table.name for reject in parsed.rejects)
        start = _start(page.body)
        if frame is None:
            return cls(refused, (), None, start, parsed.has_rejects)
        times = () if listing.time_column is None else tuple(frame[listing.time_column].drop_nulls().to_list())
        first = "/".join(str(value) for value in frame.select(table.key).row(0)) if frame.height else None
        return cls(frame.height + refused, times, first, start, parsed.has_rejects)


class _OfPage(msgspec.Struct):
    """What a page says of itself."""

    start: Any = None


def _start(body: bytes) -> int | None:
    """How many records a page says that it left out; a page with odd characters is read as its records are."""
    content: Any
    try:
        content = {"start": msgspec.json.decode(body, type=_OfPage).start}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            content = read_json(body)
        except InvalidJsonError:
            return None
    start = content.get("start") if isinstance(content, Mapping) else None
    return start if type(start) is int else None
