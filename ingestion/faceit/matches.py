"""Details and statistics of matches, each within a budget a pass."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import resources
from typing import Any

from ingestion.choices import Choice, Item, Situation
from ingestion.errors import NotFoundError
from ingestion.faceit.choices import MATCH_GAME, tracked_ids
from ingestion.faceit.source import SOURCE
from ingestion.faceit.walks import absent
from ingestion.passes import PassDefinition, Run
from warehouse.source import CursorMove
from warehouse.state import cursors

__all__ = ["DETAILS", "STATISTICS"]

#: What FACEIT did not know is not asked for again before this, however young the match was.
_LEAST_GAP = timedelta(minutes=30)


def _choose_details(situation: Situation) -> Choice:
    """Tracked matches, then those of tracked players, as far as the match budget goes.

    A tracked match that FACEIT did not know is asked for each time; others less and less often.
    """
    budget = situation.settings.faceit_match_budget
    explicit, failures = tracked_ids(situation, "match")
    known = situation.connection.execute(
        "SELECT match_id FROM staging_faceit.matches WHERE match_id = ANY(%s)", [explicit]
    )
    left_out = {match_id for (match_id,) in known} | _refused(situation, "match")
    chosen = [id_ for id_ in explicit if id_ not in left_out][:budget]
    advice = "if it does not exist, `ladder untrack faceit match {}`"
    items = [Item(f"match {id_}", id_, None, ("match",), {"is_explicit": True}, advice.format(id_)) for id_ in chosen]
    items += _wanted(
        situation,
        "wanted_details.sql",
        "match",
        {"refused": [*_refused(situation, "match"), *chosen], "budget": budget - len(chosen)},
    )
    return Choice(items, skipped=len(explicit) - len(chosen), failures=failures)


def _choose_statistics(situation: Situation) -> Choice:
    """Finished matches of tracked players, tracked matches, and those of tracked hubs and championships."""
    parameters = {
        "explicit": tracked_ids(situation, "match")[0],
        "competitions": [id_ for kind in ("hub", "championship") for id_ in tracked_ids(situation, kind)[0]],
        "refused": list(_refused(situation, "match_stats")),
        "budget": situation.settings.faceit_match_budget,
    }
    return Choice(_wanted(situation, "wanted_statistics.sql", "match_stats", parameters))


def _wanted(situation: Situation, query: str, endpoint: str, parameters: Mapping[str, Any]) -> list[Item]:
    """Matches that a query finds."""
    given = {
        "players": tracked_ids(situation, "player")[0],
        "game": MATCH_GAME,
        "now": situation.now,
        "least_gap": _LEAST_GAP,
        **parameters,
    }
    found = situation.connection.execute(resources.files(__package__).joinpath(query).read_bytes(), given)
    return [Item(f"match {id_}", id_, None, (endpoint,), {"is_explicit": False}) for (id_,) in found]


def _refused(situation: Situation, endpoint: str) -> set[str]:
    """Matches whose answer was read lately and could not become rows."""
    since = situation.now - timedelta(days=situation.settings.faceit_overlap_days)
    found = cursors(situation.connection, SOURCE.name, f"{endpoint}/")
    return {name.removeprefix(f"{endpoint}/") for name, cursor in found.items() if cursor.observed_at > since}


async def _fetch_details(run: Run, item: Item) -> None:
    await _fetch(run, item, "match", f"/matches/{item.id}")


async def _fetch_statistics(run: Run, item: Item) -> None:
    await _fetch(run, item, "match_stats", f"/matches/{item.id}/stats")


async def _fetch(run: Run, item: Item, endpoint: str, path: str) -> None:
    """Read a part of a match; that FACEIT does not know it is worth keeping too."""
    missing: NotFoundError | None = None
    try:
        answer = await run.get(path)
    except NotFoundError as error:
        missing = error
        answer = absent(run, path, error)
    page, parsed = run.parse(endpoint, {"match_id": item.id}, answer)
    is_read = any(frame.height for frame in parsed.frames.values())
    # The cursor tells that it was read and became no row, so that the match does not eat the budget of every pass.
    move = None if is_read else CursorMove(f"{endpoint}/{item.id}", {})
    await run.land(page, parsed, move, if_unusable=move)
    if missing is not None and item.facts["is_explicit"]:
        raise missing


DETAILS = PassDefinition("matches", ("match",), _choose_details, _fetch_details, share=0.4)
STATISTICS = PassDefinition("match_rounds", ("match_stats",), _choose_statistics, _fetch_statistics)
