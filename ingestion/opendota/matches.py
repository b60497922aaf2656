"""Details of matches, within a budget a pass."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources

from ingestion.choices import Choice, Item, Situation
from ingestion.errors import NotFoundError
from ingestion.http import Answer
from ingestion.opendota.choices import tracked_ids
from ingestion.opendota.source import SOURCE
from ingestion.passes import PassDefinition, Run
from warehouse.source import CursorMove
from warehouse.state import Cursor, cursors

__all__ = ["DETAILS"]


def _choose_details(situation: Situation) -> Choice:
    """Tracked matches, then the newest of tracked players, teams and leagues, as far as the match budget goes.

    A tracked match that OpenDota did not know is asked for again; a discovered one is not. One whose details cannot be
    read is asked for again after as many days as a player's history.
    """
    budget = situation.settings.opendota_match_budget
    explicit, failures = tracked_ids(situation, "match")
    known = situation.connection.execute(
        "SELECT match_id FROM staging_opendota.matches WHERE match_id = ANY(%s::bigint[])", [explicit]
    )
    stored = {str(match_id) for (match_id,) in known}
    refused = _refused(situation)
    chosen = [id_ for id_ in explicit if id_ not in stored and id_ not in refused][:budget]
    players, teams, leagues = (tracked_ids(situation, kind)[0] for kind in ("player", "team", "league"))
    found = situation.connection.execute(
        resources.files(__package__).joinpath("wanted_matches.sql").read_bytes(),
        {
            "budget": budget - len(chosen),
            "players": players,
            "teams": teams,
            "leagues": leagues,
            "refused": [*refused, *chosen],
        },
    )
    items = [
        Item(
            f"match {id_}",
            id_,
            None,
            ("match",),
            facts={"is_explicit": True},
            advice=f"if it does not exist, `ladder untrack opendota match {id_}`",
        )
        for id_ in chosen
    ]
    items += [Item(f"match {id_}", str(id_), None, ("match",), facts={"is_explicit": False}) for (id_,) in found]
    return Choice(items, skipped=len(explicit) - len(chosen), failures=failures)


def _refused(situation: Situation) -> dict[str, Cursor]:
    """Matches whose details were read lately and could not become rows, by id."""
    since = situation.now - timedelta(days=situation.settings.opendota_rescan_days)
    found = cursors(situation.connection, SOURCE.name, "match/")
    return {name.removeprefix("match/"): cursor for name, cursor in found.items() if cursor.observed_at > since}


async def _fetch_details(run: Run, item: Item) -> None:
    """Read a match; that a discovered one is not known is worth keeping too."""
    missing: NotFoundError | None = None
    try:
        answer = await run.get(f"/matches/{item.id}")
    except NotFoundError as error:
        missing = error
        observed_at = run.context.clock.now()
        answer = Answer(f"/matches/{item.id}", error.status, {}, error.body, observed_at)
    page, parsed = run.parse("match", {"match_id": int(item.id)}, answer)
    is_read = any(parsed.frames[name].height for name in ("matches", "match_absences") if name in parsed.frames)
    # The cursor tells that it was read and became no row, so that the match does not eat the budget of every pass.
    move = None if is_read else CursorMove(f"match/{item.id}", {})
    await run.land(page, parsed, move, if_unusable=move)
    if missing is not None and item.facts["is_explicit"]:
        raise missing


DETAILS = PassDefinition("matches", ("match",), _choose_details, _fetch_details)
