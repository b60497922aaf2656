"""Pagination of FACEIT's lists, newest first, down to the known records. Each page lands together with its page cursor.

A list is paged by the timestamp of its oldest record: the next page is requested up to just above that timestamp. So
records that appear or disappear meanwhile shift no page, and records that share a timestamp are read twice rather than
never. An offset is used where a page holds a single timestamp, and in lists that cannot be requested by time. So the
largest accepted offset does not matter, nor does it matter whether a time bound is inclusive.

Where more records share a timestamp than offsets reach, the last page is requested once more with a limit above the
documented hundred: a refusal costs one request, and nothing else could return the rest.

Lists that cannot be requested by time are not guaranteed to be ordered newest first. There a scan ends at the known
records only if the timestamps descend; the last days are read again once a day, and the last hours by each scan.

Records are reported late, some of them long after. So each list is scanned in full once a month, and after FACEIT's own
totals differ from ours (`ingestion.sync.totals`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from ingestion.errors import NotFoundError, PermanentError, UnusableResponse
from ingestion.sources.faceit.list_endpoints import ListEndpoint, PageCursor, PageSummary
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, WorkItem, is_due, is_paginating
from warehouse.model.source import CursorUpdate, Page, Parsed
from warehouse.ops.state import Cursor

__all__ = ["newest_timestamp", "paginate", "select_due_lists"]

_DAY_S = 86_400
#: Longest duration of a match. Lists are sorted by start or by end, so results are out of order by up to this much.
_MATCH_S = 6 * 3600
#: Records that the first scan reads of a list without time bounds, so that new records do not wait for days.
_FIRST_SCAN_RECORDS = 5_000
#: Limit of the page that is to return records beyond the largest offset.
_WIDE_LIMIT = 1_000
#: Interval of full scans.
_FULL_SCAN_INTERVAL_S = 30 * _DAY_S


def select_due_lists(selection: Selection, now: datetime, *, every: timedelta = timedelta(0)) -> Selection:
    """Keep the work items whose list is due or in the middle of a scan, with the cursor in `facts` for `paginate`.

    Args:
        selection: work items with the cursors of their lists.
        now: the current time, UTC.
        every: a list is due this long after it was read.
    """
    chosen = []
    for item in selection.items:
        if is_paginating(item.cursor, now):
            # An unfinished scan is due even if its cursor moved a moment ago.
            chosen.append(replace(item, cursor=None, facts={**item.facts, "cursor": item.cursor}))
        elif is_due(item.cursor, every, now):
            chosen.append(replace(item, facts={**item.facts, "cursor": item.cursor}))
    return replace(selection, items=chosen, skipped=selection.skipped + len(selection.items) - len(chosen))


def newest_timestamp(cursor: Cursor | None) -> int | None:
    """The newest timestamp of all finished scans."""
    return cursor.value.get("newest") if cursor else None


async def paginate(
    run: SyncRun,
    item: WorkItem,
    list_endpoint: ListEndpoint,
    *,
    max_records: int | None = None,
    cursor_facts: Mapping[str, Any] | None = None,
) -> None:
    """Read the rest of an unfinished scan, then scan from the first page down to the known records.

    Records of some days below the known ones are read again: results arrive late, and matches are cancelled. Where
    records were rejected or fields could not be read, the next scan goes as deep once more, since the source may have
    been wrong for a short time.

    Args:
        run: the sync.
        item: the work item, from `select_due_lists`.
        list_endpoint: the list.
        max_records: number of records after which the scan ends; by default there is no limit.
        cursor_facts: further values to store in the cursor of a finished scan.

    Raises:
        UnusableResponse: a page cannot be used, or is the first page again; the next sync continues there.
    """
    cursor: Cursor | None = item.facts["cursor"]
    before = cursor.value if cursor else {}
    is_reread = bool(before.get("is_flawed"))
    if is_paginating(cursor, run.context.clock.now()):
        finished = await _paginate_to_end(
            run, item, list_endpoint, PageCursor(**before["walk"]), max_records, cursor_facts or {}, is_reread
        )
        if list_endpoint.order_column is None:
            return
        before, is_reread = finished, bool(finished.get("is_flawed"))
    first_page = _first_page_cursor(
        list_endpoint, before, run.context.clock.now(), is_whole=bool(item.facts.get("is_whole"))
    )
    await _paginate_to_end(run, item, list_endpoint, first_page, max_records, cursor_facts or {}, is_reread)


async def _paginate_to_end(
    run: SyncRun,
    item: WorkItem,
    list_endpoint: ListEndpoint,
    page_cursor: PageCursor,
    max_records: int | None,
    cursor_facts: Mapping[str, Any],
    is_reread: bool,
) -> Mapping[str, Any]:
    """Request page after page to the end of the scan; returns the value of the list's cursor after it."""
    name = f"{list_endpoint.cursor}/{item.id}"
    overlap_s = _MATCH_S if page_cursor.is_short else run.context.settings.faceit_overlap_days * _DAY_S
    overlap = overlap_s * list_endpoint.units_per_second
    while True:
        page, parsed = await _request_page(run, item, list_endpoint, page_cursor, max_records)
        summary = PageSummary.from_page(list_endpoint, run, page, parsed)
        if _is_first_page_repeated(list_endpoint, page_cursor, summary):
            await run.land(page, parsed)
            raise UnusableResponse("the first page was returned again", "run again; the scan continues here")
        after = _next_page_cursor(list_endpoint, page_cursor, summary, page.observed_at)
        is_below_overlap = (
            page_cursor.known is not None
            and not page_cursor.is_whole
            and bool(summary.timestamps)
            and min(summary.timestamps) < page_cursor.known - overlap
        )
        is_enough = max_records is not None and after.offset >= max_records
        is_over_max_offset = _is_over_max_offset(list_endpoint, page_cursor, summary)
        if page_cursor.is_wide:
            is_last = list_endpoint.limit < summary.count < _WIDE_LIMIT
        else:
            is_last = summary.count < list_endpoint.limit
        is_over_first_scan = not is_last and _is_over_first_scan(list_endpoint, after)
        # No request could return the records that come after.
        is_stuck = is_over_max_offset and page_cursor.is_wide and page_cursor.to is None
        if is_over_first_scan:
            run.add_notice(f"{item.name}: its list is long; only the first {after.offset} records are read")
        if is_over_max_offset and page_cursor.is_wide and not is_last:
            run.add_notice(
                f"{item.name}: more records share a timestamp ({page_cursor.to}) than FACEIT returns; "
                "the rest is not read"
            )
        is_at_known = is_below_overlap and not after.is_mixed
        if is_at_known or is_enough or is_last or is_over_first_scan or is_stuck:
            value: dict[str, Any] = {**cursor_facts, "newest": after.newest}
            if after.deep_at is not None:
                value["deep_at"] = after.deep_at
            if after.whole_at is not None:
                value["whole_at"] = after.whole_at
            if after.is_flawed and not is_reread:
                # The next scan has to go as deep.
                value |= {"newest": page_cursor.known, "is_flawed": True}
                if not page_cursor.is_short:
                    value.pop("deep_at", None)
                if page_cursor.is_whole:
                    value.pop("whole_at", None)
            await run.land(page, parsed, CursorUpdate(name, value))
            return value
        unfinished = {"newest": page_cursor.known, "walk": asdict(after), "is_flawed": is_reread}
        await run.land(page, parsed, CursorUpdate(name, unfinished))
        page_cursor = after


async def _request_page(
    run: SyncRun, item: WorkItem, list_endpoint: ListEndpoint, page_cursor: PageCursor, max_records: int | None
) -> tuple[Page, Parsed]:
    limit = list_endpoint.limit
    if max_records is not None:
        limit = max(1, min(limit, max_records - page_cursor.offset))
    if page_cursor.is_wide:
        limit = _WIDE_LIMIT
    query: dict[str, str | int] = {**list_endpoint.query, "limit": limit}
    if page_cursor.to is not None:
        query["to"] = page_cursor.to
    if page_cursor.offset:
        query["offset"] = page_cursor.offset
    path = list_endpoint.path(item)
    try:
        response = await run.get(path, query)
    except PermanentError as error:
        is_empty = list_endpoint.not_found_means_empty and isinstance(error, NotFoundError)
        is_refused = type(error) is PermanentError and error.status == 400 and page_cursor.offset > 0
        is_end = is_refused and not list_endpoint.has_time_bounds
        if not is_empty and not is_end and not (is_refused and page_cursor.is_wide):
            raise
        if is_end:
            run.add_notice(
                f"{item.name}: FACEIT returns no more than {page_cursor.offset} records of its list; "
                "the rest is not read"
            )
        if is_empty and list_endpoint.empty_notice:
            run.add_notice(f"{item.name}: {list_endpoint.empty_notice}")
        response = run.response_from_error(error)
    return run.parse(list_endpoint.endpoint, list_endpoint.params(item), response)


def _first_page_cursor(
    list_endpoint: ListEndpoint, before: Mapping[str, Any], now: datetime, *, is_whole: bool
) -> PageCursor:
    """The cursor of the first page of a scan after those in the list's cursor; a full scan if requested or due."""
    known = before.get("newest")
    if list_endpoint.order_column is None:
        return PageCursor(known, known)
    started_at = now.timestamp()
    whole_at = before.get("whole_at", 0.0)
    is_whole = is_whole or known is None or started_at - whole_at >= _FULL_SCAN_INTERVAL_S
    page_cursor = PageCursor(known, known, is_whole=is_whole, whole_at=started_at if is_whole else whole_at)
    if list_endpoint.has_time_bounds:
        return page_cursor
    deep_at = before.get("deep_at")
    is_short = not is_whole and deep_at is not None and started_at - deep_at < _DAY_S
    return replace(page_cursor, is_short=is_short, deep_at=deep_at if is_short else started_at)


def _next_page_cursor(
    list_endpoint: ListEndpoint, page_cursor: PageCursor, summary: PageSummary, observed_at: datetime
) -> PageCursor:
    """The cursor after a page."""
    # A match that claims to end in the future must not hide those that end until then.
    now = observed_at.timestamp() * list_endpoint.units_per_second
    known = () if page_cursor.newest is None else (page_cursor.newest,)
    after = replace(
        page_cursor,
        newest=max([*(timestamp for timestamp in summary.timestamps if timestamp <= now), *known], default=None),
        first=page_cursor.first or summary.first,
        is_flawed=page_cursor.is_flawed or summary.has_rejects,
        is_mixed=page_cursor.is_mixed or _is_unordered(list_endpoint, page_cursor, summary.timestamps),
    )
    if list_endpoint.has_time_bounds and summary.timestamps:
        to = min(summary.timestamps) + 1
        if page_cursor.to is None or to < page_cursor.to:
            return replace(after, to=to, offset=0, is_wide=False)
    if _is_over_max_offset(list_endpoint, page_cursor, summary):
        if not page_cursor.is_wide:
            return replace(after, is_wide=True)
        return replace(after, to=None if page_cursor.to is None else page_cursor.to - 1, offset=0, is_wide=False)
    return replace(after, offset=page_cursor.offset + summary.count)


def _is_unordered(list_endpoint: ListEndpoint, page_cursor: PageCursor, timestamps: Sequence[int]) -> bool:
    """Whether a page shows that a list is not ordered newest first, so that a scan does not end at known records."""
    if list_endpoint.has_time_bounds or not timestamps:
        return False
    slack = _MATCH_S * list_endpoint.units_per_second
    begins_below_known = (
        not page_cursor.is_after_first_page
        and page_cursor.known is not None
        and max(timestamps) < page_cursor.known - slack
    )
    least_so_far = accumulate(timestamps, min)
    return begins_below_known or any(
        timestamp > least + slack for timestamp, least in zip(timestamps, least_so_far, strict=True)
    )


def _is_over_first_scan(list_endpoint: ListEndpoint, after: PageCursor) -> bool:
    """Whether a first scan has read as many records as it may, so that new records do not wait longer."""
    is_first_scan = after.known is None or after.is_whole
    is_limited = list_endpoint.order_column is not None and not list_endpoint.has_time_bounds and is_first_scan
    return is_limited and not after.is_mixed and after.offset >= _FIRST_SCAN_RECORDS


def _is_over_max_offset(list_endpoint: ListEndpoint, page_cursor: PageCursor, summary: PageSummary) -> bool:
    """Whether more records share a timestamp, or have none, than offsets reach."""
    if list_endpoint.max_offset is None:
        return False
    if summary.timestamps and (page_cursor.to is None or min(summary.timestamps) + 1 < page_cursor.to):
        return False
    return page_cursor.is_wide or page_cursor.offset + summary.count > list_endpoint.max_offset


def _is_first_page_repeated(list_endpoint: ListEndpoint, page_cursor: PageCursor, summary: PageSummary) -> bool:
    """Whether the source returned the first page in place of a later one."""
    if not page_cursor.is_after_first_page:
        return False
    if page_cursor.offset and summary.start is not None:
        return summary.start < page_cursor.offset
    if page_cursor.to is None:
        return summary.first is not None and summary.first == page_cursor.first
    if summary.count < list_endpoint.limit or not summary.timestamps:
        return False
    # A later page holds an older record, or no record newer than the requested bound.
    return min(summary.timestamps) + 1 >= page_cursor.to and max(summary.timestamps) > page_cursor.to
