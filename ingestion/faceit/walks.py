"""Walks through FACEIT's lists, newest first, down to what is known; where a walk has come lands with each page.

A list is paged by the moment of its oldest record: the next page is asked for up to just above it. So records that come
or go meanwhile shift nothing, and those that share a moment are seen twice rather than never. An offset is used where a
page holds a single moment, and in lists that cannot be asked for by time. How far an offset may go, and whether the
bound of a moment includes it, does not matter then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ingestion.choices import Choice, Item, is_due
from ingestion.errors import NotFoundError, UnusableAnswer
from ingestion.http import Answer
from ingestion.passes import Run
from warehouse.source import CursorMove, Page, Parsed
from warehouse.state import Cursor

__all__ = ["Listing", "absent", "is_walking", "newest", "to_walk", "walk"]

#: A walk that got no page further for so long begins anew: new records do not wait for a page that never comes.
_STALLED_AFTER = timedelta(days=3)


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
        has_bounds: the list can be asked for up to a moment.
        may_be_absent: a 404 means that the list is empty; the parser takes it for that too.
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
    """

    known: int | None
    newest: int | None
    to: int | None = None
    offset: int = 0
    first: str | None = None
    is_flawed: bool = False

    @property
    def is_begun(self) -> bool:
        return self.to is not None or self.offset > 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a page held.

    Args:
        count: how many records, refused ones included.
        moments: when those that tell it were.
        first: the first of those that became rows.
        is_flawed: records, or parts of them, were refused.
    """

    count: int
    moments: tuple[int, ...]
    first: str | None
    is_flawed: bool

    @classmethod
    def of(cls, listing: Listing, run: Run, parsed: Parsed) -> _Seen:
        table = run.context.source.endpoints[listing.endpoint].tables[0]
        frame = parsed.frames.get(table.name)
        refused = sum(reject.table == table.name for reject in parsed.rejects)
        if frame is None:
            return cls(refused, (), None, bool(parsed.rejects))
        moments = () if listing.moment is None else tuple(frame[listing.moment].drop_nulls().to_list())
        first = "/".join(str(value) for value in frame.select(table.key).row(0)) if frame.height else None
        return cls(frame.height + refused, moments, first, bool(parsed.rejects))


def is_walking(cursor: Cursor | None, now: datetime) -> bool:
    """Whether a walk is under way and gets on."""
    return cursor is not None and "walk" in cursor.value and now - cursor.observed_at < _STALLED_AFTER


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


def absent(run: Run, path: str, error: NotFoundError) -> Answer:
    """The answer that there is nothing at a path, which is worth keeping."""
    return Answer(path, error.status, {}, error.body, run.context.clock.now())


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
    start = before.get("newest")
    await _finish(run, item, listing, _Walk(start, start), top, facts or {}, is_again)


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
    overlap = run.context.settings.faceit_overlap_days * 86_400 * listing.ticks
    while True:
        page, parsed = await _ask(run, item, listing, walk, top)
        seen = _Seen.of(listing, run, parsed)
        if _is_first_page_again(listing, walk, seen):
            await run.land(page, parsed)
            raise UnusableAnswer("the first page came again", "run again; the list is read on from here")
        after = _past(listing, walk, seen, page.observed_at)
        is_known = walk.known is not None and bool(seen.moments) and min(seen.moments) < walk.known - overlap
        is_enough = top is not None and after.offset >= top
        if is_known or is_enough or seen.count < listing.limit:
            value: dict[str, Any] = {**facts, "newest": after.newest}
            if after.is_flawed and not is_again:
                value |= {"newest": walk.known, "is_flawed": True}
            await run.land(page, parsed, CursorMove(name, value))
            return value
        if _is_crowded(listing, walk, seen):
            run.notice(f"{item.name}: more records share a moment ({after.to}) than FACEIT shows; the rest is not read")
        unfinished = {"newest": walk.known, "walk": asdict(after), "is_flawed": is_again}
        await run.land(page, parsed, CursorMove(name, unfinished))
        walk = after


async def _ask(run: Run, item: Item, listing: Listing, walk: _Walk, top: int | None) -> tuple[Page, Parsed]:
    limit = listing.limit if top is None else max(1, min(listing.limit, top - walk.offset))
    query: dict[str, str | int] = {**listing.query, "limit": limit}
    if walk.to is not None:
        query["to"] = walk.to
    if walk.offset:
        query["offset"] = walk.offset
    path = listing.path(item)
    try:
        answer = await run.get(path, query)
    except NotFoundError as error:
        if not listing.may_be_absent:
            raise
        answer = absent(run, path, error)
    return run.parse(listing.endpoint, listing.params(item), answer)


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
    )
    if listing.has_bounds and seen.moments:
        to = min(seen.moments) + 1
        if walk.to is None or to < walk.to:
            return replace(after, to=to, offset=0)
    if _is_crowded(listing, walk, seen):
        assert walk.to is not None  # it is not crowded at the top
        return replace(after, to=walk.to - 1, offset=0)
    return replace(after, offset=walk.offset + seen.count)


def _is_crowded(listing: Listing, walk: _Walk, seen: _Seen) -> bool:
    """Whether more records share a moment than can be asked for."""
    if listing.largest_offset is None or walk.to is None or (seen.moments and min(seen.moments) + 1 < walk.to):
        return False
    return walk.offset + seen.count > listing.largest_offset


def _is_first_page_again(listing: Listing, walk: _Walk, seen: _Seen) -> bool:
    """Whether the source shows the beginning of the list where it was asked for something further down."""
    if not walk.is_begun:
        return False
    if walk.to is None:
        return seen.first is not None and seen.first == walk.first
    if seen.count < listing.limit or not seen.moments:
        return False
    # A page from further down holds something older, or nothing newer than it was asked for.
    return min(seen.moments) + 1 >= walk.to and max(seen.moments) > walk.to
