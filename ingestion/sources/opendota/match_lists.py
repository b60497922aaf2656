"""Streams of the lists of professional and public matches, scanned from the newest match down to the known matches.

Matches are reported late, below known ids. So each scan reads a minimum number of pages, and goes deeper once a day and
once a week (`ingestion.sync.rereads.SCAN_DEPTHS`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from ingestion.errors import UnusableResponse
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.rereads import SCAN_DEPTHS
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem, is_paginating
from ingestion.sync.streams import Stream
from warehouse.model.source import CursorUpdate, Parsed
from warehouse.ops.state import Cursor, read_cursors

__all__ = ["PRO_MATCHES", "PUBLIC_MATCHES"]

_PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class _PageCursor:
    """The position of a scan: the next page of a list. Stored as JSON in `ops.read_cursors`, by these field names.

    Args:
        known: newest match of earlier scans, where this scan ends; None if there was none.
        newest: newest match so far; it becomes `known` after the scan.
        oldest: oldest match so far; the next page lies below it. None for the first page.
        pages: number of pages read.
        least_pages: minimum number of pages; without a known match it is the maximum too.
        deep: when (s) each deeper scan last began, by its number of pages; stored in the cursor of a finished scan.
    """

    known: int | None
    newest: int | None
    oldest: int | None = None
    pages: int = 0
    least_pages: int = SCAN_DEPTHS[timedelta(0)]
    deep: Mapping[str, float] = field(default_factory=dict)

    def after_page(self, match_ids: Sequence[int]) -> _PageCursor:
        """The cursor after a page with these matches."""
        newest = max([*match_ids, *_as_tuple(self.newest)], default=None)
        oldest = min([*match_ids, *_as_tuple(self.oldest)], default=None)
        return replace(self, newest=newest, oldest=oldest, pages=self.pages + 1)


def _select(name: str, *, is_sample: bool) -> Callable[[SelectionContext], Selection]:
    def select(context: SelectionContext) -> Selection:
        cursor = read_cursors(context.connection, SOURCE.name, name).get(name)
        page_cursor = _PageCursor(**cursor.value["walk"]) if cursor and is_paginating(cursor, context.now) else None
        # A list in the middle of a scan counts as not read, even if its cursor moved a moment ago.
        item = WorkItem(
            name,
            "",
            None if page_cursor else cursor,
            (name,),
            facts={"page_cursor": page_cursor or _first_page_cursor(cursor, None if is_sample else context.now)},
        )
        return Selection([item])

    return select


def _first_page_cursor(cursor: Cursor | None, now: datetime | None) -> _PageCursor:
    """The first cursor of a scan, as deep as is due; a sample (`now` is None) is never scanned deeper.

    The very first scan counts as a deep one, since no match can be late without known matches.
    """
    value = {} if cursor is None else cursor.value
    known, deep = value.get("newest_match_id"), dict(value.get("deep", {}))
    least_pages = SCAN_DEPTHS[timedelta(0)]
    for every, pages in SCAN_DEPTHS.items():
        if not every or now is None:
            continue
        if known is None:
            deep[str(pages)] = now.timestamp()
        elif now.timestamp() - deep.get(str(pages), 0.0) >= every.total_seconds():
            # A deeper scan includes all scans that are less deep.
            least_pages = max(least_pages, pages)
            deep |= {
                str(less): now.timestamp() for less in SCAN_DEPTHS.values() if SCAN_DEPTHS[timedelta(0)] < less <= pages
            }
    return _PageCursor(known, known, least_pages=least_pages, deep=deep)


def _fetch(name: str, path: str, *, is_sample: bool) -> Callable[[SyncRun, WorkItem], Awaitable[None]]:
    """Fetch a list of matches: the rest of an unfinished scan, then from the first page down to the known matches.

    Each page is requested by the oldest id of the previous page, so that new matches do not shift it. The page cursor
    lands with each page, so that a scan that is killed, or ends with the call budget, continues where it stopped. The
    list of public matches is a sample, which is never read further back than a few pages.
    """

    async def fetch(run: SyncRun, item: WorkItem) -> None:
        page_cursor: _PageCursor = item.facts["page_cursor"]
        if page_cursor.oldest is not None:
            newest = await paginate_to_end(run, page_cursor)
            page_cursor = _PageCursor(newest, newest, deep=page_cursor.deep)
        await paginate_to_end(run, page_cursor)

    async def paginate_to_end(run: SyncRun, page_cursor: _PageCursor) -> int | None:
        """Request page after page to the end of the scan; returns the newest known match after it."""
        while True:
            query = None if page_cursor.oldest is None else {"less_than_match_id": page_cursor.oldest}
            page, parsed = run.parse(name, {}, await run.get(path, query))
            ids = _match_ids(parsed, name)
            after = page_cursor.after_page(ids)
            # After a page that cannot be used, the next scan starts anew.
            restart_cursor = (
                None if page_cursor.oldest is None else CursorUpdate(name, {"newest_match_id": page_cursor.known})
            )
            has_no_older = not ids or (page_cursor.oldest is not None and min(ids) >= page_cursor.oldest)
            reaches_known = page_cursor.known is not None and bool(ids) and min(ids) <= page_cursor.known
            is_deep_enough = after.pages >= page_cursor.least_pages
            is_short = len(ids) + len(parsed.rejects) < _PAGE_ROWS
            is_enough = is_deep_enough and (reaches_known or is_sample or page_cursor.known is None)
            if is_enough or is_short or (has_no_older and page_cursor.known is None):
                ended = {"newest_match_id": after.newest, "deep": dict(page_cursor.deep)}
                await run.land(page, parsed, CursorUpdate(name, ended), if_unusable=restart_cursor)
                return after.newest
            if has_no_older:
                await run.land(page, parsed, restart_cursor)
                raise UnusableResponse("the same page was returned twice", "run again; the list is read from its start")
            unfinished = {"newest_match_id": page_cursor.known, "walk": asdict(after)}
            await run.land(page, parsed, CursorUpdate(name, unfinished))
            page_cursor = after

    return fetch


def _match_ids(parsed: Parsed, table: str) -> list[int]:
    frame = parsed.frames.get(table)
    return [] if frame is None else frame["match_id"].to_list()


def _as_tuple(match_id: int | None) -> tuple[int, ...]:
    return () if match_id is None else (match_id,)


PRO_MATCHES = Stream(
    "pro_matches",
    ("pro_matches",),
    _select("pro_matches", is_sample=False),
    _fetch("pro_matches", "/proMatches", is_sample=False),
    budget_share=0.2,
)
PUBLIC_MATCHES = Stream(
    "public_matches",
    ("public_matches",),
    _select("public_matches", is_sample=True),
    _fetch("public_matches", "/publicMatches", is_sample=True),
    budget_share=0.1,
)
