"""Walks through FACEIT's lists, newest first, down to what is known; where a walk has come lands with each page.

A list is paged by the time of its oldest record: the next page is requested up to just above it. So records that come
or go meanwhile shift nothing, and those that share a time are seen twice rather than never. An offset is used where a
page holds a single time, and in lists that cannot be requested by time. How far an offset may go, and whether the
bound of a time includes it, does not matter then.

Where more records share a time than offsets reach, the last page is requested once more with a limit above the
documented hundred: a refusal costs one request, and nothing else could bring the rest.

Lists that cannot be requested by time are not promised to be newest first. What is known ends a walk there only where
the times descend; the last days are read again once a day, and the last hours each time.

Records are reported late, also long after. So a list is read whole once a month, and when FACEIT's own totals are not
ours (`ingestion.sync.totals`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from ingestion.errors import NotFoundError, PermanentError, UnusableAnswer
from ingestion.sources.faceit.listing import Listing, Seen, Walk
from ingestion.sync.selection import Choice, Item, is_due, is_walking
from ingestion.sync.streams import Run
from warehouse.model.source import CursorUpdate, Page, Parsed
from warehouse.ops.state import Cursor

__all__ = ["newest", "to_walk", "walk"]

_DAY_S = 86_400
#: How long a match may take: lists are sorted by start or by end, and results come that much out of order.
_MATCH_S = 6 * 3600
#: Records that a first walk reads of a list that cannot be requested by time, so that new ones do not wait for days.
_FIRST_RECORDS = 5_000
#: Limit of the page that is to bring what offsets do not reach.
_WIDE_LIMIT = 1_000
#: A list is read whole again after this.
_WHOLE_EVERY_S = 30 * _DAY_S


def to_walk(choice: Choice, now: datetime, *, every: timedelta = timedelta(0)) -> Choice:
    """Of some things those whose list is due, or in the middle of a walk; `facts` tell `walk` where it is.

    Args:
        choice: the things, with the cursors of their lists.
        now: the current time, UTC.
        every: a list is due this long after it was read.
    """
    chosen = []
    for item in choice.items:
        if is_walking(item.cursor, now):
            # What is in the middle of a walk is read, however short ago its cursor moved.
            chosen.append(replace(item, cursor=None, facts={**item.facts, "cursor": item.cursor}))
        elif is_due(item.cursor, every, now):
            chosen.append(replace(item, facts={**item.facts, "cursor": item.cursor}))
    return replace(choice, items=chosen, skipped=choice.skipped + len(choice.items) - len(chosen))


def newest(cursor: Cursor | None) -> int | None:
    """The newest time that ended walks brought."""
    return cursor.value.get("newest") if cursor else None


async def walk(
    run: Run, item: Item, listing: Listing, *, top: int | None = None, facts: Mapping[str, Any] | None = None
) -> None:
    """Read what an unfinished walk left, then from the top down to what is known.

    Records behind what is known are read again for some days: results come late, and matches are cancelled. Where
    records were refused or fields could not be read, the next walk goes as deep once more, since the source may have
    been wrong for a short time.

    Args:
        run: the pass.
        item: whose list, as `to_walk` chose it.
        listing: the list.
        top: number of records after which the list is left; by default none.
        facts: what else the cursor of an ended walk tells.

    Raises:
        UnusableAnswer: a page cannot be used, or is the first page again; the walk goes on there the next time.
    """
    cursor: Cursor | None = item.facts["cursor"]
    before = cursor.value if cursor else {}
    is_again = bool(before.get("is_flawed"))
    if is_walking(cursor, run.context.clock.now()):
        ended = await _finish(run, item, listing, Walk(**before["walk"]), top, facts or {}, is_again)
        if listing.time_column is None:
            return
        before, is_again = ended, bool(ended.get("is_flawed"))
    begun = _begin(listing, before, run.context.clock.now(), is_whole=bool(item.facts.get("is_whole")))
    await _finish(run, item, listing, begun, top, facts or {}, is_again)


async def _finish(
    run: Run,
    item: Item,
    listing: Listing,
    walk: Walk,
    top: int | None,
    facts: Mapping[str, Any],
    is_again: bool,
) -> Mapping[str, Any]:
    """Walk to the end; what the cursor tells then."""
    name = f"{listing.cursor}/{item.id}"
    overlap_s = _MATCH_S if walk.is_short else run.context.settings.faceit_overlap_days * _DAY_S
    overlap = overlap_s * listing.ticks
    while True:
        page, parsed = await _ask(run, item, listing, walk, top)
        seen = Seen.of(listing, run, page, parsed)
        if _is_first_page_again(listing, walk, seen):
            await run.land(page, parsed)
            raise UnusableAnswer("the first page came again", "run again; the list is read on from here")
        after = _past(listing, walk, seen, page.observed_at)
        is_older = (
            walk.known is not None and not walk.is_whole and bool(seen.times) and min(seen.times) < walk.known - overlap
        )
        is_enough = top is not None and after.offset >= top
        is_crowded = _is_crowded(listing, walk, seen)
        is_last = listing.limit < seen.count < _WIDE_LIMIT if walk.is_wide else seen.count < listing.limit
        is_far = not is_last and _is_far(listing, after)
        # There is no request for what comes after.
        is_stuck = is_crowded and walk.is_wide and walk.to is None
        if is_far:
            run.notice(f"{item.name}: its list is long; what comes after the first {after.offset} records is not read")
        if is_crowded and walk.is_wide and not is_last:
            run.notice(f"{item.name}: more records share a time ({walk.to}) than FACEIT shows; the rest is not read")
        if (is_older and not after.is_mixed) or is_enough or is_last or is_far or is_stuck:
            value: dict[str, Any] = {**facts, "newest": after.newest}
            if after.deep_at is not None:
                value["deep_at"] = after.deep_at
            if after.whole_at is not None:
                value["whole_at"] = after.whole_at
            if after.is_flawed and not is_again:
                # The next walk has to go as deep.
                value |= {"newest": walk.known, "is_flawed": True}
                if not walk.is_short:
                    value.pop("deep_at", None)
                if walk.is_whole:
                    value.pop("whole_at", None)
            await run.land(page, parsed, CursorUpdate(name, value))
            return value
        unfinished = {"newest": walk.known, "walk": asdict(after), "is_flawed": is_again}
        await run.land(page, parsed, CursorUpdate(name, unfinished))
        walk = after


async def _ask(run: Run, item: Item, listing: Listing, walk: Walk, top: int | None) -> tuple[Page, Parsed]:
    limit = listing.limit if top is None else max(1, min(listing.limit, top - walk.offset))
    if walk.is_wide:
        limit = _WIDE_LIMIT
    query: dict[str, str | int] = {**listing.query, "limit": limit}
    if walk.to is not None:
        query["to"] = walk.to
    if walk.offset:
        query["offset"] = walk.offset
    path = listing.path(item)
    try:
        answer = await run.get(path, query)
    except PermanentError as error:
        is_empty = listing.may_be_absent and isinstance(error, NotFoundError)
        is_refused = type(error) is PermanentError and error.status == 400 and walk.offset > 0
        is_end = is_refused and not listing.has_bounds
        if not is_empty and not is_end and not (is_refused and walk.is_wide):
            raise
        if is_end:
            run.notice(
                f"{item.name}: FACEIT shows no more than {walk.offset} records of its list; the rest is not read"
            )
        if is_empty and listing.absence:
            run.notice(f"{item.name}: {listing.absence}")
        answer = run.absent(error)
    return run.parse(listing.endpoint, listing.params(item), answer)


def _begin(listing: Listing, before: Mapping[str, Any], now: datetime, *, is_whole: bool) -> Walk:
    """A walk from the top, after those in the cursor; a whole one where it is requested or due."""
    known = before.get("newest")
    if listing.time_column is None:
        return Walk(known, known)
    started_at = now.timestamp()
    whole_at = before.get("whole_at", 0.0)
    is_whole = is_whole or known is None or started_at - whole_at >= _WHOLE_EVERY_S
    walk = Walk(known, known, is_whole=is_whole, whole_at=started_at if is_whole else whole_at)
    if listing.has_bounds:
        return walk
    deep_at = before.get("deep_at")
    is_short = not is_whole and deep_at is not None and started_at - deep_at < _DAY_S
    return replace(walk, is_short=is_short, deep_at=deep_at if is_short else started_at)


def _past(listing: Listing, walk: Walk, seen: Seen, observed_at: datetime) -> Walk:
    """The walk after a page."""
    # What claims to end in the future must not hide what ends until then.
    now = observed_at.timestamp() * listing.ticks
    known = () if walk.newest is None else (walk.newest,)
    after = replace(
        walk,
        newest=max([*(time for time in seen.times if time <= now), *known], default=None),
        first=walk.first or seen.first,
        is_flawed=walk.is_flawed or seen.is_flawed,
        is_mixed=walk.is_mixed or _is_mixed(listing, walk, seen.times),
    )
    if listing.has_bounds and seen.times:
        to = min(seen.times) + 1
        if walk.to is None or to < walk.to:
            return replace(after, to=to, offset=0, is_wide=False)
    if _is_crowded(listing, walk, seen):
        if not walk.is_wide:
            return replace(after, is_wide=True)
        return replace(after, to=None if walk.to is None else walk.to - 1, offset=0, is_wide=False)
    return replace(after, offset=walk.offset + seen.count)


def _is_mixed(listing: Listing, walk: Walk, times: Sequence[int]) -> bool:
    """Whether a page shows that a list is not newest first, so that what is known does not end it."""
    if listing.has_bounds or not times:
        return False
    slack = _MATCH_S * listing.ticks
    begins_below = not walk.is_begun and walk.known is not None and max(times) < walk.known - slack
    least_so_far = accumulate(times, min)
    return begins_below or any(time > least + slack for time, least in zip(times, least_so_far, strict=True))


def _is_far(listing: Listing, after: Walk) -> bool:
    """Whether a first walk has read as much as new records may wait for."""
    is_first = listing.time_column is not None and not listing.has_bounds and (after.known is None or after.is_whole)
    return is_first and not after.is_mixed and after.offset >= _FIRST_RECORDS


def _is_crowded(listing: Listing, walk: Walk, seen: Seen) -> bool:
    """Whether more records share a time, or have none, than offsets reach."""
    if listing.largest_offset is None or (seen.times and (walk.to is None or min(seen.times) + 1 < walk.to)):
        return False
    return walk.is_wide or walk.offset + seen.count > listing.largest_offset


def _is_first_page_again(listing: Listing, walk: Walk, seen: Seen) -> bool:
    """Whether the source shows the beginning of the list where something further down was requested."""
    if not walk.is_begun:
        return False
    if walk.offset and seen.start is not None:
        return seen.start < walk.offset
    if walk.to is None:
        return seen.first is not None and seen.first == walk.first
    if seen.count < listing.limit or not seen.times:
        return False
    # A page from further down holds something older, or nothing newer than the requested bound.
    return min(seen.times) + 1 >= walk.to and max(seen.times) > walk.to
