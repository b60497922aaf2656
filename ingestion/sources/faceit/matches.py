"""Details and statistics of matches, each within a budget a pass."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from psycopg.rows import dict_row

from ingestion.sources.faceit.selection import tracked_ids
from ingestion.sources.faceit.source import MATCH_GAMES, SOURCE
from ingestion.sync.match_pages import WantedMatch, choose_within, read_match
from ingestion.sync.reports import Failure
from ingestion.sync.rereads import SETTLED_AGAIN, Reason, budget_for_rereads
from ingestion.sync.selection import Choice, Item, Situation
from ingestion.sync.streams import PassDefinition, Run
from warehouse.model.source import Parsed
from warehouse.ops.state import Reread

__all__ = ["DETAILS", "STATISTICS"]

#: Statuses after which a match changes no more.
_ENDED = ["FINISHED", "CANCELLED", "ABORTED"]


def _choose_details(situation: Situation) -> Choice:
    """Tracked matches, those that are due again, then those of tracked players, as far as the match budget goes.

    A tracked match is read at each run until it has ended; any match at once when the history shows a change.
    """
    explicit, failures = tracked_ids(situation, "match")
    return _choose(situation, "wanted_details.sql", "match", {"ended": _ENDED}, explicit, failures)


def _choose_statistics(situation: Situation) -> Choice:
    """Finished matches of tracked players, tracked matches, and those of tracked hubs and championships."""
    competitions = [id_ for kind in ("hub", "championship") for id_ in tracked_ids(situation, kind)[0]]
    explicit = tracked_ids(situation, "match")[0]
    return _choose(situation, "wanted_statistics.sql", "match_stats", {"competitions": competitions}, explicit, ())


def _choose(
    situation: Situation,
    query: str,
    endpoint: str,
    parameters: Mapping[str, Any],
    explicit: list[str],
    failures: tuple[Failure, ...],
) -> Choice:
    """The matches of one run that a query finds.

    Args:
        situation: what the choice depends on.
        query: file of the query: matches by class (`tracked`, `again`, `new`), each in the order of reading.
        endpoint: what they are read by.
        parameters: the query's own parameters.
        explicit: matches that are tracked by hand.
        failures: things that cannot be requested.
    """
    budget = situation.settings.faceit_match_budget
    given = {
        "players": tracked_ids(situation, "player")[0],
        "explicit": explicit,
        "games": list(MATCH_GAMES),
        "now": situation.now,
        "read_before": situation.now - SETTLED_AGAIN,
        "budget": budget,
        "budget_again": budget_for_rereads(budget),
        **parameters,
    }
    with situation.connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(resources.files(__package__).joinpath(query).read_bytes(), given).fetchall()
    found: dict[str, list[WantedMatch]] = {"tracked": [], "again": [], "new": []}
    for row in rows:
        before = Reread(row["reason"], row["tries"], row["first_at"], row["last_at"]) if row["tries"] else None
        facts = {"status": row["status"], "winner": row["winner"]}
        found[row["class"]].append(WantedMatch(row["match_id"], row["played_at"], before, row["last_at"], facts))
    return choose_within(
        situation,
        budget,
        SOURCE.name,
        endpoint,
        tracked=found["tracked"],
        again=found["again"],
        new=found["new"],
        due=next((row["due"] for row in rows if row["due"]), {}),
        skipped=len(explicit) - len(found["tracked"]) if endpoint == "match" else 0,
        failures=failures,
    )


async def _fetch_details(run: Run, item: Item) -> None:
    await read_match(run, item, "match", f"/matches/{item.segment}", item.id, _unsettled)


def _unsettled(item: Item, parsed: Parsed) -> Reason | None:
    """Details are settled when the match has ended, and as the history says that it has."""
    row = parsed.frames["matches"].row(0, named=True)
    status, winner = (row["status"] or "").upper(), row["winner"] or ""
    if status not in _ENDED:
        return "under_way"
    listed = item.facts["status"]
    return "differs" if listed is not None and (listed, item.facts["winner"]) != (status, winner) else None


async def _fetch_statistics(run: Run, item: Item) -> None:
    await read_match(run, item, "match_stats", f"/matches/{item.segment}/stats", item.id, lambda item, parsed: None)


DETAILS = PassDefinition("matches", ("match",), _choose_details, _fetch_details, share=0.4, tells_unknown=True)
STATISTICS = PassDefinition("match_rounds", ("match_stats",), _choose_statistics, _fetch_statistics)
