"""Streams of match details and match statistics, each within a match budget per sync."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from psycopg.rows import dict_row

from ingestion.sources.faceit.selection import tracked_ids
from ingestion.sources.faceit.source import MATCH_GAMES, SOURCE
from ingestion.sync.match_sync import CandidateMatch, select_within_budget, sync_match
from ingestion.sync.reports import Failure
from ingestion.sync.rereads import SETTLED_REREAD_INTERVAL, Reason, reread_budget
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem
from ingestion.sync.streams import Stream
from warehouse.model.source import Parsed
from warehouse.ops.state import Reread

__all__ = ["DETAILS", "STATISTICS"]

#: Final statuses of a match.
_ENDED = ["FINISHED", "CANCELLED", "ABORTED"]


def _select_details(context: SelectionContext) -> Selection:
    """Tracked matches, then due re-reads, then matches of tracked players, within the match budget.

    A tracked match is read by each run until it has ended; any match is read at once after its history changed.
    """
    explicit, failures = tracked_ids(context, "match")
    return _select(context, "select_details.sql", "match", {"ended": _ENDED}, explicit, failures)


def _select_statistics(context: SelectionContext) -> Selection:
    """Finished matches of tracked players, tracked matches, and matches of tracked hubs and championships."""
    competitions = [id_ for kind in ("hub", "championship") for id_ in tracked_ids(context, kind)[0]]
    explicit = tracked_ids(context, "match")[0]
    return _select(context, "select_statistics.sql", "match_stats", {"competitions": competitions}, explicit, ())


def _select(
    context: SelectionContext,
    query: str,
    endpoint: str,
    parameters: Mapping[str, Any],
    explicit: list[str],
    failures: tuple[Failure, ...],
) -> Selection:
    """The matches of one sync, selected by a query.

    Args:
        context: the state that the selection depends on.
        query: file of the query; it selects matches by class (`tracked`, `due_again`, `new`), in the order of fetching.
        endpoint: endpoint that is requested.
        parameters: further parameters of the query.
        explicit: matches that are tracked by hand.
        failures: entities that cannot be requested.
    """
    budget = context.settings.faceit_match_budget
    given = {
        "players": tracked_ids(context, "player")[0],
        "explicit": explicit,
        "games": list(MATCH_GAMES),
        "now": context.now,
        "read_before": context.now - SETTLED_REREAD_INTERVAL,
        "budget": budget,
        "reread_budget": reread_budget(budget),
        **parameters,
    }
    with context.connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(resources.files(__package__).joinpath(query).read_bytes(), given).fetchall()
    found: dict[str, list[CandidateMatch]] = {"tracked": [], "due_again": [], "new": []}
    for row in rows:
        before = Reread(row["reason"], row["tries"], row["first_at"], row["last_at"]) if row["tries"] else None
        facts = {"status": row["status"], "winner": row["winner"]}
        found[row["class"]].append(CandidateMatch(row["match_id"], row["played_at"], before, row["last_at"], facts))
    return select_within_budget(
        context,
        budget,
        SOURCE.name,
        endpoint,
        tracked=found["tracked"],
        due_again=found["due_again"],
        new=found["new"],
        due=next((row["due"] for row in rows if row["due"]), {}),
        skipped=len(explicit) - len(found["tracked"]) if endpoint == "match" else 0,
        failures=failures,
    )


async def _fetch_details(run: SyncRun, item: WorkItem) -> None:
    await sync_match(run, item, "match", f"/matches/{item.segment}", item.id, _reread_reason)


def _reread_reason(item: WorkItem, parsed: Parsed) -> Reason | None:
    """Details are settled when the match has ended, and status and winner are those of the history."""
    row = parsed.frames["matches"].row(0, named=True)
    status, winner = (row["status"] or "").upper(), row["winner"] or ""
    if status not in _ENDED:
        return "under_way"
    listed = item.facts["status"]
    return "differs" if listed is not None and (listed, item.facts["winner"]) != (status, winner) else None


async def _fetch_statistics(run: SyncRun, item: WorkItem) -> None:
    await sync_match(run, item, "match_stats", f"/matches/{item.segment}/stats", item.id, lambda item, parsed: None)


DETAILS = Stream(
    "matches", ("match",), _select_details, _fetch_details, budget_share=0.4, not_found_means_unknown_id=True
)
STATISTICS = Stream("match_rounds", ("match_stats",), _select_statistics, _fetch_statistics)
