"""What passes over matches share: which are read within the budget, and what the books hold of one that is not settled.

What cannot be used, is refused, is not known or not complete upstream is noted with its page, and read again on the
schedule of `ingestion.sync.rereads`, so that it neither is lost nor eats the budget of every pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.errors import NotFoundError, PermanentError, UnusableAnswer, WrongAddressError, WrongKeyError
from ingestion.sync.reports import Failure
from ingestion.sync.rereads import Reason, budget_for_rereads, reread_note
from ingestion.sync.selection import Choice, Item, Situation, in_turn
from ingestion.sync.streams import Run
from warehouse.model.source import Parsed
from warehouse.ops.state import Cursor, Reread

__all__ = ["WantedMatch", "choose_within", "read_match"]


@dataclass(frozen=True, slots=True)
class WantedMatch:
    """A match that a pass may read.

    Args:
        id: the match.
        played_at: when it was played, seconds since 1970 UTC, if that is known.
        before: what the books hold of it.
        requested_at: when it was requested last, if it ever was.
        facts: what else is known of it, for the pass.
    """

    id: str
    played_at: int | None = None
    before: Reread | None = None
    requested_at: datetime | None = None
    facts: Mapping[str, Any] | None = None


def choose_within(
    situation: Situation,
    budget: int,
    source: str,
    endpoint: str,
    *,
    tracked: Sequence[WantedMatch],
    again: Sequence[WantedMatch],
    new: Sequence[WantedMatch],
    due: Mapping[str, int],
    skipped: int = 0,
    failures: tuple[Failure, ...] = (),
) -> Choice:
    """The matches of one run: those that are tracked by hand, a share of what is due again, then new ones.

    Where more are tracked than the budget holds, they take turns.

    Args:
        situation: what the choice depends on.
        budget: most matches.
        source: the source.
        endpoint: what they are read by.
        tracked: matches tracked by hand that are due, which is at each run until they are settled.
        again: matches that are due again, fewest tries first.
        new: matches that were never read, or have changed since, in the order in which they are read.
        due: how many are due again by reason, whatever the budget.
        skipped: tracked matches that are not due.
        failures: things that cannot be requested.
    """
    items = in_turn(situation, [_item(source, endpoint, match, is_explicit=True) for match in tracked])[:budget]
    for matches, most in ((again, budget_for_rereads(budget)), (new, budget)):
        room = min(most, budget - len(items))
        items += [_item(source, endpoint, match, is_explicit=False) for match in matches[:room]]
    return Choice(items, skipped=skipped, failures=failures, due=due)


def _item(source: str, endpoint: str, match: WantedMatch, *, is_explicit: bool) -> Item:
    return Item(
        f"match {match.id}",
        match.id,
        None if match.requested_at is None else Cursor({}, match.requested_at),
        (endpoint,),
        {"is_explicit": is_explicit, "before": match.before, "played_at": match.played_at, **(match.facts or {})},
        f"if it does not exist, `ladder untrack {source} match {match.id}`" if is_explicit else "",
    )


async def read_match(
    run: Run,
    item: Item,
    endpoint: str,
    path: str,
    match_id: str | int,
    unsettled: Callable[[Item, Parsed], Reason | None],
) -> None:
    """Read a part of a match; that the source does not know it, or refuses it, is worth keeping too.

    Args:
        run: the pass.
        item: the match, as `choose_within` made it.
        endpoint: endpoint, whose first table holds what the answer is about, and which notes absences.
        path: what to ask for.
        match_id: the match, as its tables have it.
        unsettled: why an answer that was read is not the last word; None where it is.

    Raises:
        NotFoundError: a match that is tracked by itself is not known.
        PermanentError: the match is refused.
        UnusableAnswer: the answer is refused as a whole.
    """
    failure: PermanentError | None = None
    try:
        answer = await run.get(path)
    except (WrongKeyError, WrongAddressError):
        raise
    except PermanentError as error:
        failure = error
        answer = run.absent(error)
    page, parsed = run.parse(endpoint, {"match_id": match_id}, answer)
    main = run.context.source.endpoints[endpoint].tables[0].name
    reason: Reason | None
    if isinstance(failure, NotFoundError):
        reason = "absent" if endpoint == "match" else "no_statistics"
    elif failure is not None:
        reason = "refused"
    elif main not in parsed.frames or not parsed.frames[main].height:
        reason = "unreadable"
    else:
        reason = unsettled(item, parsed) or ("flawed" if parsed.has_rejects else None)
    note = reread_note(
        endpoint, item.id, reason, item.facts["before"], at=page.observed_at, played_at=_played_at(item, parsed, main)
    )
    try:
        await run.land(page, parsed, note, if_unusable=note)
    except UnusableAnswer:
        if failure is None:
            raise
    if failure is not None and (item.facts["is_explicit"] or not isinstance(failure, NotFoundError)):
        raise failure


def _played_at(item: Item, parsed: Parsed, main: str) -> datetime | None:
    """When a match was played, by the list that named it or by the answer."""
    played_at = item.facts["played_at"]
    frame = parsed.frames.get(main)
    for column in ("finished_at", "start_time", "started_at"):
        if played_at is None and frame is not None and frame.height and column in frame.columns:
            played_at = frame[column][0]
    try:
        return None if played_at is None else datetime.fromtimestamp(played_at, UTC)
    except (OverflowError, OSError, ValueError):
        return None  # it claims a time beyond time
