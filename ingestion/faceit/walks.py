"""Walks through FACEIT's lists, newest first, down to what is known; where a walk has come lands with each page.

A list is paged by the moment of its oldest record: the next page is asked for up to just above it. So records that come
or go meanwhile shift nothing, and those that share a moment are seen twice rather than never. An offset is used where a
page holds a single moment, and in lists that cannot be asked for by time. How far an offset may go, and whether the
bound of a moment includes it, does not matter then.

Where more records share a time than offsets reach, the last page is asked for once more with a limit above the
documented hundred: a refusal costs one request, and nothing else could bring the rest.

Lists that cannot be asked for by time are not promised to be newest first. What is known ends a walk there only where
the moments descend; the last days are read again once a day, and the last hours each time.

Records are reported late, also long after. So a list is read whole once a month, and when FACEIT's own totals are not
ours (`ingestion.totals`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import msgspec

from ingestion.choices import Choice, Item, is_due, is_walking
from ingestion.errors import NotFoundError, PermanentError, UnusableAnswer
from ingestion.passes import Run
from warehouse.source import CursorMove, Page, Parsed
from warehouse.state import Cursor

__all__ = ["Listing", "newest", "to_walk", "walk"]

_DAY_S = 86_400
#: How long a match may take: lists are sorted by start or by end, and results come that much out of order.
_MATCH_S = 6 * 3600
#: Records that a first walk reads of a list that cannot be asked for by time, so that new ones do not wait for days.
_FIRST_RECORDS = 5_000
#: Limit of the page that is to bring what offsets do not reach.
_WIDE_LIMIT = 1_000
#: A list is read whole again after this.
_WHOLE_EVERY_S = 30 * _DAY_S


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
        moment: column with the moment by which the list is ordered; none where it has no order in time.
        ticks: of that moment, in a second.
        largest_offset: beyond which the source does not go; None where it goes on.
        has_bounds: the list can be asked for up to a moment; otherwise an offset that is refused is its end.
        may_be_absent: a 404 means that the list is empty; the parser takes it for that too.
        absence: what to note where it does; nothing by default.
    """

    endpoint: str
    cursor: str
    path: Callable[[Item], str]
    params: Callable[[Item], Mapping[str, Any]]
    query: Mapping[str, str | int]
    limit: int = 100
    moment: str | None = None
    ticks: int = 1
    largest_offset: int | None = None
    has_bounds: bool = False
    may_be_absent: bool = False
    absence: str = ""


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far a walk has come.

    Args:
        known: moment up to which an earlier walk brought everything; None where there was none.
        newest: the newest moment so far, which is known when the walk has ended.
        to: moment up to which the next page is asked for; None at the top.
        offset: records that the next page leaves out.
        first: the first record of the list, by which its first page is recognised when it comes in place of another.
        is_flawed: records were refused.
        is_mixed: the list is not newest first.
        is_short: no more than the last hours before what is known are read again.
        deep_at: when (s) a walk last began that read the last days again; None for lists where every walk does.
        is_wide: the next page is asked for with a larger limit, since offsets do not reach further.
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
        return self.to is not None or self.offset > 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a page held.

    Args:
        count: how many records, refused ones included.
        moments: when those that tell it were, in their order.
        first: the first of those that became rows.
        start: how many records the answer says that it left out; None where it does not say.
        is_flawed: records, or parts of them, were refused.
    """

    count: int
    moments: tuple[int, ...]
    first: str | None
    start: int | None
    is_flawed: bool

    @classmethod
    def of(cls, listing: Listing, run: Run, page: Page, parsed: Parsed) -> _Seen:
        table = run.context.source.endpoints[listing.endpoint].tables[0]
        frame = parsed.frames.get(table.name)
        refused = sum(reject.table == table.name for reject in parsed.rejects)
        start = _start(page.body)
        if frame is None:
            return cls(refused, (), None, start, bool(parsed.rejects))
        moments = () if listing.moment is None else tuple(frame[listing.moment].drop_nulls().to_list())
        first = "/".join(str(value) for value in frame.select(table.key).row(0)) if frame.height else None
        return cls(frame.height + refused, moments, first, start, bool(parsed.rejects))


def to_walk(choice: Choice, now: datetime, *, every: timedelta = timedelta(0)) -> Choice:
    """Of some things those whose list is due, or in the middle of a walk; `facts` tell `walk` where it is.

    Args:
        choice: the things, with the cursors of their lists.
        now: this moment, UTC.
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
    """The newest moment that ended walks brought."""
    return cursor.value.get("newest") if cursor else None


async def walk(
    run: Run, item: Item, listing: Listing, *, top: int | None = None, facts: Mapping[str, Any] | None = None
) -> None:
    """Read what an unfinished walk left, then from the top down to what is known.

    Records behind what is known are read again for some days: results come late, and matches are cancelled. Where
    records were refused, the next walk goes as deep once more, for they may have been wrong for a moment.

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
        ended = await _finish(run, item, listing, _Walk(**before["walk"]), top, facts or {}, is_again)
        if listing.moment is None:
            return
        before, is_again = ended, bool(ended.get("is_flawed"))
    begun = _begin(listing, before, run.context.clock.now(), is_whole=bool(item.facts.get("is_whole")))
    await _finish(run, item, listing, begun, top, facts or {}, is_again)


async def _finish(
    run: Run,
    item: Item,
    listing: Listing,
    walk: _Walk,
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
        seen = _Seen.of(listing, run, page, parsed)
        if _is_first_page_again(listing, walk, seen):
            await run.land(page, parsed)
            raise UnusableAnswer("the first page came again", "run again; the list is read on from here")
        after = _past(listing, walk, seen, page.observed_at)
        is_older = (
            walk.known is not None
            and not walk.is_whole
            and bool(seen.moments)
            and min(seen.moments) < walk.known - overlap
        )
        is_enough = top is not None and after.offset >= top
        is_crowded = _is_crowded(listing, walk, seen)
        is_last = listing.limit < seen.count < _WIDE_LIMIT if walk.is_wide else seen.count < listing.limit
        is_far = not is_last and _is_far(listing, after)
        # Nothing tells how to ask for what comes after.
        is_stuck = is_crowded and walk.is_wide and walk.to is None
        if is_far:
            run.notice(f"{item.name}: its list is long; what comes after the first {after.offset} records is not read")
        if is_crowded and walk.is_wide and not is_last:
            run.notice(f"{item.name}: more records share a moment ({walk.to}) than FACEIT shows; the rest is not read")
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
            await run.land(page, parsed, CursorMove(name, value))
            return value
        unfinished = {"newest": walk.known, "walk": asdict(after), "is_flawed": is_again}
        await run.land(page, parsed, CursorMove(name, unfinished))
        walk = after


async def _ask(run: Run, item: Item, listing: Listing, walk: _Walk, top: int | None) -> tuple[Page, Parsed]:
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


def _begin(listing: Listing, before: Mapping[str, Any], now: datetime, *, is_whole: bool) -> _Walk:
    """A walk from the top, after those that the cursor tells of; a whole one where it is asked for or due."""
    known = before.get("newest")
    if listing.moment is None:
        return _Walk(known, known)
    moment = now.timestamp()
    whole_at = before.get("whole_at", 0.0)
    is_whole = is_whole or known is None or moment - whole_at >= _WHOLE_EVERY_S
    walk = _Walk(known, known, is_whole=is_whole, whole_at=moment if is_whole else whole_at)
    if listing.has_bounds:
        return walk
    deep_at = before.get("deep_at")
    is_short = not is_whole and deep_at is not None and moment - deep_at < _DAY_S
    return replace(walk, is_short=is_short, deep_at=deep_at if is_short else moment)


def _past(listing: Listing, walk: _Walk, seen: _Seen, observed_at: datetime) -> _Walk:
    """The walk after a page."""
    # What claims to end in the future must not hide what ends until then.
    now = observed_at.timestamp() * listing.ticks
    known = () if walk.newest is None else (walk.newest,)
    after = replace(
        walk,
        newest=max([*(moment for moment in seen.moments if moment <= now), *known], default=None),
        first=walk.first or seen.first,
        is_flawed=walk.is_flawed or seen.is_flawed,
        is_mixed=walk.is_mixed or _is_mixed(listing, walk, seen.moments),
    )
    if listing.has_bounds and seen.moments:
        to = min(seen.moments) + 1
        if walk.to is None or to < walk.to:
            return replace(after, to=to, offset=0, is_wide=False)
    if _is_crowded(listing, walk, seen):
        if not walk.is_wide:
            return replace(after, is_wide=True)
        return replace(after, to=None if walk.to is None else walk.to - 1, offset=0, is_wide=False)
    return replace(after, offset=walk.offset + seen.count)


def _is_mixed(listing: Listing, walk: _Walk, moments: Sequence[int]) -> bool:
    """Whether a page shows that a list is not newest first, so that what is known does not end it."""
    if listing.has_bounds or not moments:
        return False
    slack = _MATCH_S * listing.ticks
    begins_below = not walk.is_begun and walk.known is not None and max(moments) < walk.known - slack
    least_so_far = accumulate(moments, min)
    return begins_below or any(moment > least + slack for moment, least in zip(moments, least_so_far, strict=True))


def _is_far(listing: Listing, after: _Walk) -> bool:
    """Whether a first walk has read as much as new records may wait for."""
    is_first = listing.moment is not None and not listing.has_bounds and (after.known is None or after.is_whole)
    return is_first and not after.is_mixed and after.offset >= _FIRST_RECORDS


def _is_crowded(listing: Listing, walk: _Walk, seen: _Seen) -> bool:
    """Whether more records share a moment, or tell none, than offsets reach."""
    if listing.largest_offset is None or (seen.moments and (walk.to is None or min(seen.moments) + 1 < walk.to)):
        return False
    return walk.is_wide or walk.offset + seen.count > listing.largest_offset


def _is_first_page_again(listing: Listing, walk: _Walk, seen: _Seen) -> bool:
    """Whether the source shows the beginning of the list where it was asked for something further down."""
    if not walk.is_begun:
        return False
    if walk.offset and seen.start is not None:
        return seen.start < walk.offset
    if walk.to is None:
        return seen.first is not None and seen.first == walk.first
    if seen.count < listing.limit or not seen.moments:
        return False
    # A page from further down holds something older, or nothing newer than it was asked for.
    return min(seen.moments) + 1 >= walk.to and max(seen.moments) > walk.to


class _Told(msgspec.Struct):
    """What a page says of itself."""

    start: int | None = None


def _start(body: bytes) -> int | None:
    try:
        return msgspec.json.decode(body, type=_Told).start
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
