"""Shared parts of streams over matches: the selection within a budget, and the record of matches that are not settled.

A match that is unusable, refused, unknown or incomplete upstream is recorded together with its page, and read again on
the schedule of `ingestion.sync.rereads`. So it is neither lost nor does it consume the budget of every sync.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.errors import NotFoundError, PermanentError, UnusableResponse, WrongAddressError, WrongKeyError
from ingestion.sync.reports import Failure
from ingestion.sync.rereads import Reason, reread_budget, reread_cursor
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem, least_recently_requested_first
from warehouse.model.source import Parsed
from warehouse.ops.state import Cursor, Reread

__all__ = ["CandidateMatch", "select_within_budget", "sync_match"]


@dataclass(frozen=True, slots=True)
class CandidateMatch:
    """A match that a sync may read.

    Args:
        id: id of the match.
        played_at: when it was played, seconds since 1970 UTC, if known.
        before: its stored re-read state; None if there is none.
        requested_at: when it was requested last; None for never.
        facts: further values for the stream.
    """

    id: str
    played_at: int | None = None
    before: Reread | None = None
    requested_at: datetime | None = None
    facts: Mapping[str, Any] | None = None


def select_within_budget(
    context: SelectionContext,
    budget: int,
    source: str,
    endpoint: str,
    *,
    tracked: Sequence[CandidateMatch],
    due_again: Sequence[CandidateMatch],
    new: Sequence[CandidateMatch],
    due: Mapping[str, int],
    skipped: int = 0,
    failures: tuple[Failure, ...] = (),
) -> Selection:
    """The matches of one sync: matches tracked by hand, then a share of re-reads, then new matches.

    If more are tracked than the budget allows, the least recently requested ones come first.

    Args:
        context: the state that the selection depends on.
        budget: maximum number of matches.
        source: name of the source.
        endpoint: endpoint that is requested.
        tracked: due matches that are tracked by hand; until they are settled, they are due in each run.
        due_again: matches that are due to be read again, fewest tries first.
        new: matches that were never read, or have changed since, in the order in which they are read.
        due: how many are due to be read again, by reason and regardless of the budget.
        skipped: tracked matches that are not due.
        failures: entities that cannot be requested.
    """
    items = least_recently_requested_first(
        context, [_item(source, endpoint, match, is_explicit=True) for match in tracked]
    )[:budget]
    for matches, maximum in ((due_again, reread_budget(budget)), (new, budget)):
        room = min(maximum, budget - len(items))
        items += [_item(source, endpoint, match, is_explicit=False) for match in matches[:room]]
    return Selection(items, skipped=skipped, failures=failures, due=due)


def _item(source: str, endpoint: str, match: CandidateMatch, *, is_explicit: bool) -> WorkItem:
    return WorkItem(
        f"match {match.id}",
        match.id,
        None if match.requested_at is None else Cursor({}, match.requested_at),
        (endpoint,),
        {"is_explicit": is_explicit, "before": match.before, "played_at": match.played_at, **(match.facts or {})},
        f"if it does not exist, `ladder untrack {source} match {match.id}`" if is_explicit else "",
    )


async def sync_match(
    run: SyncRun,
    item: WorkItem,
    endpoint: str,
    path: str,
    match_id: str | int,
    reread_reason: Callable[[WorkItem, Parsed], Reason | None],
) -> None:
    """Read a part of a match. A 404 or a refusal is landed too.

    Args:
        run: the sync.
        item: the match, from `select_within_budget`.
        endpoint: endpoint; its first table holds the match, and it has a table of absences.
        path: path to request.
        match_id: id of the match, with the type that its tables have.
        unsettled: returns why a parsed response is not final; None if it is.

    Raises:
        NotFoundError: a match that is tracked by hand is unknown.
        PermanentError: the match is refused.
        UnusableResponse: the response is rejected as a whole.
    """
    failure: PermanentError | None = None
    try:
        response = await run.get(path)
    except (WrongKeyError, WrongAddressError):
        raise
    except PermanentError as error:
        failure = error
        response = run.response_from_error(error)
    page, parsed = run.parse(endpoint, {"match_id": match_id}, response)
    main_table = run.context.source.endpoints[endpoint].tables[0].name
    reason: Reason | None
    if isinstance(failure, NotFoundError):
        reason = "absent" if endpoint == "match" else "no_statistics"
    elif failure is not None:
        reason = "refused"
    elif main_table not in parsed.frames or not parsed.frames[main_table].height:
        reason = "unreadable"
    else:
        reason = reread_reason(item, parsed) or ("flawed" if parsed.has_rejects else None)
    played_at = _played_at(item, parsed, main_table)
    cursor_move = reread_cursor(
        endpoint, item.id, reason, item.facts["before"], at=page.observed_at, played_at=played_at
    )
    try:
        await run.land(page, parsed, cursor_move, if_unusable=cursor_move)
    except UnusableResponse:
        if failure is None:
            raise
    if failure is not None and (item.facts["is_explicit"] or not isinstance(failure, NotFoundError)):
        raise failure


def _played_at(item: WorkItem, parsed: Parsed, main_table: str) -> datetime | None:
    """When a match was played, from the list that contains it or from the response."""
    played_at = item.facts["played_at"]
    frame = parsed.frames.get(main_table)
    for column in ("finished_at", "start_time", "started_at"):
        if played_at is None and frame is not None and frame.height and column in frame.columns:
            played_at = frame[column][0]
    try:
        return None if played_at is None else datetime.fromtimestamp(played_at, UTC)
    except (OverflowError, OSError, ValueError):
        return None  # the timestamp is out of range
