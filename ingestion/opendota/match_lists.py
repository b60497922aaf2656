"""The lists of professional and public matches, walked from the newest match down to the newest that is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace

from ingestion.choices import Choice, Item, Situation, is_walking
from ingestion.errors import UnusableAnswer
from ingestion.opendota.source import SOURCE
from ingestion.passes import PassDefinition, Run
from warehouse.source import CursorMove, Parsed
from warehouse.state import Cursor, cursors

__all__ = ["PRO_MATCHES", "PUBLIC_MATCHES"]

#: Pages of a list that are read where no earlier walk tells how far to go.
_FIRST_PAGES = 5
_PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far a walk has come.

    Args:
        known: the newest match that an earlier walk brought, where this one ends; None where there was none.
        newest: the newest match so far, which is known when the walk has ended.
        oldest: the oldest match so far, below which the next page lies; None at the top.
        pages: pages read.
    """

    known: int | None
    newest: int | None
    oldest: int | None = None
    pages: int = 0

    def past(self, match_ids: Sequence[int]) -> _Walk:
        """The walk after a page with these matches."""
        newest = max([*match_ids, *_given(self.newest)], default=None)
        oldest = min([*match_ids, *_given(self.oldest)], default=None)
        return replace(self, newest=newest, oldest=oldest, pages=self.pages + 1)


def _choose(name: str) -> Callable[[Situation], Choice]:
    def choose(situation: Situation) -> Choice:
        cursor = cursors(situation.connection, SOURCE.name, name).get(name)
        walk = _Walk(**cursor.value["walk"]) if cursor and is_walking(cursor, situation.now) else None
        # A list in the middle of a walk is not read, however short ago its cursor moved.
        item = Item(name, "", None if walk else cursor, (name,), facts={"walk": walk or _begin(cursor)})
        return Choice([item])

    return choose


def _begin(cursor: Cursor | None) -> _Walk:
    known = cursor.value.get("newest_match_id") if cursor else None
    return _Walk(known, known)


def _fetch(name: str, path: str, *, is_sample: bool) -> Callable[[Run, Item], Awaitable[None]]:
    """Read a list of matches: what an unfinished walk left, then from the top down to what is known.

    Each page is asked for by the oldest id of the one before, so that new matches do not shift it. How far the walk has
    come lands with each page, so that one that is killed, or ends with the call budget, goes on where it was. The list
    of public matches is a sample, which is never read further back than a few pages.
    """

    async def fetch(run: Run, item: Item) -> None:
        walk: _Walk = item.facts["walk"]
        if walk.oldest is not None:
            newest = await finish(run, walk)
            walk = _Walk(newest, newest)
        await finish(run, walk)

    async def finish(run: Run, walk: _Walk) -> int | None:
        """Walk to the end; the newest match that is known then."""
        while True:
            query = None if walk.oldest is None else {"less_than_match_id": walk.oldest}
            page, parsed = run.parse(name, {}, await run.get(path, query))
            ids = _match_ids(parsed, name)
            after = walk.past(ids)
            # A walk that meets what it cannot use begins anew.
            anew = None if walk.oldest is None else _known_up_to(name, walk.known)
            has_no_older = not ids or (walk.oldest is not None and min(ids) >= walk.oldest)
            is_known = walk.known is not None and bool(ids) and min(ids) <= walk.known
            is_far_enough = after.pages >= _FIRST_PAGES and (is_sample or walk.known is None)
            is_short = len(ids) + len(parsed.rejects) < _PAGE_ROWS
            if is_known or is_far_enough or is_short or (has_no_older and walk.known is None):
                await run.land(page, parsed, _known_up_to(name, after.newest), if_unusable=anew)
                return after.newest
            if has_no_older:
                await run.land(page, parsed, anew)
                raise UnusableAnswer("the same page came twice", "run again; the list is read from its start")
            unfinished = {"newest_match_id": walk.known, "walk": asdict(after)}
            await run.land(page, parsed, CursorMove(name, unfinished))
            walk = after

    return fetch


def _known_up_to(name: str, newest: int | None) -> CursorMove:
    return CursorMove(name, {"newest_match_id": newest})


def _match_ids(parsed: Parsed, table: str) -> list[int]:
    frame = parsed.frames.get(table)
    return [] if frame is None else frame["match_id"].to_list()


def _given(match_id: int | None) -> tuple[int, ...]:
    return () if match_id is None else (match_id,)


PRO_MATCHES = PassDefinition(
    "pro_matches",
    ("pro_matches",),
    _choose("pro_matches"),
    _fetch("pro_matches", "/proMatches", is_sample=False),
    share=0.2,
)
PUBLIC_MATCHES = PassDefinition(
    "public_matches",
    ("public_matches",),
    _choose("public_matches"),
    _fetch("public_matches", "/publicMatches", is_sample=True),
    share=0.1,
)
