"""The stream of match details, within a match budget per sync."""

from __future__ import annotations

from importlib import resources
from typing import Any

from psycopg.rows import dict_row

from ingestion.sources.opendota.selection import tracked_ids
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.match_sync import CandidateMatch, select_within_budget, sync_match
from ingestion.sync.rereads import SETTLED_REREAD_INTERVAL, Reason, reread_budget
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem
from ingestion.sync.streams import Stream
from warehouse.model.source import Parsed
from warehouse.ops.state import Reread

__all__ = ["DETAILS"]


def _select_details(context: SelectionContext) -> Selection:
    """Tracked matches, then due re-reads, then the newest matches of tracked players, teams and leagues.

    A tracked match is read by each run until its details exist and its replay is parsed.
    """
    budget = context.settings.opendota_match_budget
    explicit, failures = tracked_ids(context, "match")
    tracked = _find(
        context, "tracked_matches.sql", {"tracked": explicit, "read_before": context.now - SETTLED_REREAD_INTERVAL}
    )
    of = {f"{kind}s": tracked_ids(context, kind)[0] for kind in ("player", "team", "league")}
    due_again = _find(
        context,
        "due_matches.sql",
        {**of, "tracked": explicit, "now": context.now, "budget": reread_budget(budget)},
    )
    new = _find(context, "new_matches.sql", {**of, "tracked": explicit, "budget": budget})
    due = due_again[0]["due"] if due_again else {}
    return select_within_budget(
        context,
        budget,
        SOURCE.name,
        "match",
        tracked=_wanted(tracked),
        due_again=_wanted(due_again),
        new=_wanted(new),
        due=due,
        skipped=len(explicit) - len(tracked),
        failures=failures,
    )


def _find(context: SelectionContext, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with context.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(resources.files(__package__).joinpath(query).read_bytes(), parameters).fetchall()


def _wanted(rows: list[dict[str, Any]]) -> list[CandidateMatch]:
    return [
        CandidateMatch(
            str(row["match_id"]),
            row["start_time"],
            Reread(row["reason"], row["tries"], row["first_at"], row["last_at"]) if row["tries"] else None,
            row["last_at"],
        )
        for row in rows
    ]


async def _fetch_details(run: SyncRun, item: WorkItem) -> None:
    await sync_match(run, item, "match", f"/matches/{item.segment}", int(item.id), _reread_reason)


def _reread_reason(item: WorkItem, parsed: Parsed) -> Reason | None:
    """Details without a parser version belong to a match that is not parsed (yet)."""
    return "unparsed" if parsed.frames["matches"]["version"][0] is None else None


DETAILS = Stream("matches", ("match",), _select_details, _fetch_details, not_found_means_unknown_id=True)
