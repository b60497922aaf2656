"""Details of matches, within a budget a pass."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources

from ingestion.choices import Choice, Item, Situation
from ingestion.match_pages import flawed, noted, read_match, refused
from ingestion.opendota.choices import tracked_ids
from ingestion.opendota.source import SOURCE
from ingestion.passes import PassDefinition, Run

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
    notes = noted(situation, SOURCE.name, "match")
    left_out = refused(notes, situation.now - timedelta(days=situation.settings.opendota_rescan_days))
    once_more = flawed(notes)
    stored = {str(match_id) for (match_id,) in known}.difference(once_more)
    chosen = [id_ for id_ in explicit if id_ not in stored and id_ not in left_out][:budget]
    players, teams, leagues = (tracked_ids(situation, kind)[0] for kind in ("player", "team", "league"))
    found = situation.connection.execute(
        resources.files(__package__).joinpath("wanted_matches.sql").read_bytes(),
        {
            "budget": budget - len(chosen),
            "players": players,
            "teams": teams,
            "leagues": leagues,
            "refused": [*left_out, *chosen],
            "flawed": once_more,
        },
    )
    items = [
        Item(
            f"match {id_}",
            id_,
            notes.get(id_),
            ("match",),
            facts={"is_explicit": True},
            advice=f"if it does not exist, `ladder untrack opendota match {id_}`",
        )
        for id_ in chosen
    ]
    items += [
        Item(f"match {id_}", str(id_), notes.get(str(id_)), ("match",), facts={"is_explicit": False})
        for (id_,) in found
    ]
    return Choice(items, skipped=len(explicit) - len(chosen), failures=failures)


async def _fetch_details(run: Run, item: Item) -> None:
    await read_match(run, item, "match", f"/matches/{item.id}", int(item.id))


DETAILS = PassDefinition("matches", ("match",), _choose_details, _fetch_details, tells_unknown=True)
