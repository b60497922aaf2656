"""Details of matches, within a budget a pass."""

from __future__ import annotations

from importlib import resources
from typing import Any

from psycopg.rows import dict_row

from ingestion.sources.opendota.selection import tracked_ids
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.match_pages import WantedMatch, choose_within, read_match
from ingestion.sync.rereads import SETTLED_AGAIN, Reason, budget_for_rereads
from ingestion.sync.selection import Choice, Item, Situation
from ingestion.sync.streams import PassDefinition, Run
from warehouse.model.source import Parsed
from warehouse.ops.state import Reread

__all__ = ["DETAILS"]


def _choose_details(situation: Situation) -> Choice:
    """Tracked matches, those that are due again, and the newest of tracked players, teams and leagues.

    A tracked match is read at each run until its details are there and parsed.
    """
    budget = situation.settings.opendota_match_budget
    explicit, failures = tracked_ids(situation, "match")
    tracked = _find(
        situation, "tracked_matches.sql", {"tracked": explicit, "read_before": situation.now - SETTLED_AGAIN}
    )
    of = {f"{kind}s": tracked_ids(situation, kind)[0] for kind in ("player", "team", "league")}
    again = _find(
        situation,
        "due_matches.sql",
        {**of, "tracked": explicit, "now": situation.now, "budget": budget_for_rereads(budget)},
    )
    new = _find(situation, "new_matches.sql", {**of, "tracked": explicit, "budget": budget})
    due = again[0]["due"] if again else {}
    return choose_within(
        situation,
        budget,
        SOURCE.name,
        "match",
        tracked=_wanted(tracked),
        again=_wanted(again),
        new=_wanted(new),
        due=due,
        skipped=len(explicit) - len(tracked),
        failures=failures,
    )


def _find(situation: Situation, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with situation.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(resources.files(__package__).joinpath(query).read_bytes(), parameters).fetchall()


def _wanted(rows: list[dict[str, Any]]) -> list[WantedMatch]:
    return [
        WantedMatch(
            str(row["match_id"]),
            row["start_time"],
            Reread(row["reason"], row["tries"], row["first_at"], row["last_at"]) if row["tries"] else None,
            row["last_at"],
        )
        for row in rows
    ]


async def _fetch_details(run: Run, item: Item) -> None:
    await read_match(run, item, "match", f"/matches/{item.segment}", int(item.id), _unsettled)


def _unsettled(item: Item, parsed: Parsed) -> Reason | None:
    """Details without a version of the parser are not parsed, or not yet."""
    return "unparsed" if parsed.frames["matches"]["version"][0] is None else None


DETAILS = PassDefinition("matches", ("match",), _choose_details, _fetch_details, tells_unknown=True)
