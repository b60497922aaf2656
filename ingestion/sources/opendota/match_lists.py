"""The lists of professional and public matches, walked from the newest match down to the newest that is known.

Matches are reported late, below ids that are known. So a walk reads some pages in any case, and goes deeper once a day
and once a week (`ingestion.sync.rereads.DEEP_WALKS`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from ingestion.errors import UnusableAnswer
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.rereads import DEEP_WALKS
from ingestion.sync.selection import Choice, Item, Situation, is_walking
from ingestion.sync.streams import PassDefinition, Run
from warehouse.model.source import CursorUpdate, Parsed
from warehouse.ops.state import Cursor, read_cursors

__all__ = ["PRO_MATCHES", "PUBLIC_MATCHES"]

_PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far a walk has come.

    Args:
        known: the newest match that an earlier walk brought, where this one ends; None where there was none.
        newest: the newest match so far, which is known when the walk has ended.
        oldest: the oldest match so far, below which the next page lies; None at the top.
        pages: pages read.
        least_pages: pages to be read whatever is known; where nothing is known, no more.
        deep: when (s) each deeper walk last began, by its pages; as the cursor holds it when this one has ended.
    """

    known: int | None
    newest: int | None
    oldest: int | None = None
    pages: int = 0
    least_pages: int = DEEP_WALKS[timedelta(0)]
    deep: Mapping[str, float] = field(default_factory=dict)

    def past(self, match_ids: Sequence[int]) -> _Walk:
        """The walk after a page with these matches."""
        newest = max([*match_ids, *_given(self.newest)], default=None)
        oldest = min([*match_ids, *_given(self.oldest)], default=None)
        return replace(self, newest=newest, oldest=oldest, pages=self.pages + 1)


def _choose(name: str, *, is_sample: bool) -> Callable[[Situation], Choice]:
    def choose(situation: Situation) -> Choice:
        cursor = read_cursors(situation.connection, SOURCE.name, name).get(name)
        walk = _Walk(**cursor.value["walk"]) if cursor and is_walking(cursor, situation.now) else None
        # A list in the middle of a walk is not read, however short ago its cursor moved.
        item = Item(
            name,
            "",
            None if walk else cursor,
            (name,),
            facts={"walk": walk or _begin(cursor, None if is_sample else situation.now)},
        )
        return Choice([item])

    return choose


def _begin(cursor: Cursor | None, now: datetime | None) -> _Walk:
    """A walk from the top, as deep as is due; the list of a sample (`now` is None) is never walked deeper.

    The first walk of all is taken for a deep one, since there is nothing yet that something can be late to.
    """
    value = {} if cursor is None else cursor.value
    known, deep = value.get("newest_match_id"), dict(value.get("deep", {}))
    least_pages = DEEP_WALKS[timedelta(0)]
    for every, pages in DEEP_WALKS.items():
        if not every or now is None:
            continue
        if known is None:
            deep[str(pages)] = now.timestamp()
        elif now.timestamp() - deep.get(str(pages), 0.0) >= every.total_seconds():
            # A deeper walk is also every walk that is less deep.
            least_pages = max(least_pages, pages)
            deep |= {
                str(less): now.timestamp() for less in DEEP_WALKS.values() if DEEP_WALKS[timedelta(0)] < less <= pages
            }
    return _Walk(known, known, least_pages=least_pages, deep=deep)


def _fetch(name: str, path: str, *, is_sample: bool) -> Callable[[Run, Item], Awaitable[None]]:
    """Read a list of matches: what an unfinished walk left, then from the top down to what is known.

    Each page is requested by the oldest id of the one before, so that new matches do not shift it. How far the walk has
    come lands with each page, so that one that is killed, or ends with the call budget, goes on where it was. The list
    of public matches is a sample, which is never read further back than a few pages.
    """

    async def fetch(run: Run, item: Item) -> None:
        walk: _Walk = item.facts["walk"]
        if walk.oldest is not None:
            newest = await finish(run, walk)
            walk = _Walk(newest, newest, deep=walk.deep)
        await finish(run, walk)

    async def finish(run: Run, walk: _Walk) -> int | None:
        """Walk to the end; the newest match that is known then."""
        while True:
            query = None if walk.oldest is None else {"less_than_match_id": walk.oldest}
            page, parsed = run.parse(name, {}, await run.get(path, query))
            ids = _match_ids(parsed, name)
            after = walk.past(ids)
            # A walk that meets what it cannot use begins anew.
            anew = None if walk.oldest is None else CursorUpdate(name, {"newest_match_id": walk.known})
            has_no_older = not ids or (walk.oldest is not None and min(ids) >= walk.oldest)
            is_known = walk.known is not None and bool(ids) and min(ids) <= walk.known
            is_deep_enough = after.pages >= walk.least_pages
            is_short = len(ids) + len(parsed.rejects) < _PAGE_ROWS
            is_enough = is_deep_enough and (is_known or is_sample or walk.known is None)
            if is_enough or is_short or (has_no_older and walk.known is None):
                ended = {"newest_match_id": after.newest, "deep": dict(walk.deep)}
                await run.land(page, parsed, CursorUpdate(name, ended), if_unusable=anew)
                return after.newest
            if has_no_older:
                await run.land(page, parsed, anew)
                raise UnusableAnswer("the same page came twice", "run again; the list is read from its start")
            unfinished = {"newest_match_id": walk.known, "walk": asdict(after)}
            await run.land(page, parsed, CursorUpdate(name, unfinished))
            walk = after

    return fetch


def _match_ids(parsed: Parsed, table: str) -> list[int]:
    frame = parsed.frames.get(table)
    return [] if frame is None else frame["match_id"].to_list()


def _given(match_id: int | None) -> tuple[int, ...]:
    return () if match_id is None else (match_id,)


PRO_MATCHES = PassDefinition(
    "pro_matches",
    ("pro_matches",),
    _choose("pro_matches", is_sample=False),
    _fetch("pro_matches", "/proMatches", is_sample=False),
    share=0.2,
)
PUBLIC_MATCHES = PassDefinition(
    "public_matches",
    ("public_matches",),
    _choose("public_matches", is_sample=True),
    _fetch("public_matches", "/publicMatches", is_sample=True),
    share=0.1,
)
