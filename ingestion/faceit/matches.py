"""Details and statistics of matches, each within a budget a pass."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import resources
from typing import Any

from ingestion.choices import Choice, Item, Situation
from ingestion.faceit.choices import tracked_ids
from ingestion.faceit.source import MATCH_GAMES, SOURCE
from ingestion.match_pages import flawed, noted, read_match, refused
from ingestion.passes import PassDefinition, Run

__all__ = ["DETAILS", "STATISTICS"]

#: What FACEIT did not know, or that had not ended, is not asked for again before this, however young the match was.
_LEAST_GAP = timedelta(minutes=30)
#: Statuses after which a match changes no more.
_ENDED = ["FINISHED", "CANCELLED", "ABORTED"]


def _choose_details(situation: Situation) -> Choice:
    """Tracked matches, then those of tracked players, as far as the match budget goes.

    A tracked match that FACEIT did not know is asked for each time; others, and those under way, less and less often.
    """
    explicit, failures = tracked_ids(situation, "match")
    items = _wanted(situation, "wanted_details.sql", "match", {"ended": _ENDED})
    chosen = sum(item.facts["is_explicit"] for item in items)
    return Choice(items, skipped=len(explicit) - chosen, failures=failures)


def _choose_statistics(situation: Situation) -> Choice:
    """Finished matches of tracked players, tracked matches, and those of tracked hubs and championships."""
    competitions = [id_ for kind in ("hub", "championship") for id_ in tracked_ids(situation, kind)[0]]
    return Choice(_wanted(situation, "wanted_statistics.sql", "match_stats", {"competitions": competitions}))


def _wanted(situation: Situation, query: str, endpoint: str, parameters: Mapping[str, Any]) -> list[Item]:
    """Matches that a query finds, and whether it is an error that one is not known."""
    notes = noted(situation, SOURCE.name, endpoint)
    given = {
        "players": tracked_ids(situation, "player")[0],
        "explicit": tracked_ids(situation, "match")[0],
        "refused": refused(notes, situation.now - timedelta(days=situation.settings.faceit_overlap_days)),
        "flawed": flawed(notes),
        "games": list(MATCH_GAMES),
        "now": situation.now,
        "least_gap": _LEAST_GAP,
        "budget": situation.settings.faceit_match_budget,
        **parameters,
    }
    found = situation.connection.execute(resources.files(__package__).joinpath(query).read_bytes(), given)
    return [
        Item(
            f"match {id_}",
            id_,
            notes.get(id_),
            (endpoint,),
            {"is_explicit": is_explicit},
            f"if it does not exist, `ladder untrack {SOURCE.name} match {id_}`" if is_explicit else "",
        )
        for id_, is_explicit in found
    ]


async def _fetch_details(run: Run, item: Item) -> None:
    await read_match(run, item, "match", f"/matches/{item.id}", item.id)


async def _fetch_statistics(run: Run, item: Item) -> None:
    await read_match(run, item, "match_stats", f"/matches/{item.id}/stats", item.id)


DETAILS = PassDefinition("matches", ("match",), _choose_details, _fetch_details, share=0.4, tells_unknown=True)
STATISTICS = PassDefinition("match_rounds", ("match_stats",), _choose_statistics, _fetch_statistics)
