"""Details of matches, within a budget a pass, and the lists of professional and public matches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib import resources

from ingestion.choices import Choice, Item, Situation
from ingestion.errors import NotFoundError, UnusableAnswer
from ingestion.http import Answer
from ingestion.opendota.choices import newest, tracked_ids
from ingestion.opendota.source import SOURCE
from ingestion.passes import PassDefinition, Run
from warehouse.source import CursorMove, Parsed
from warehouse.state import Cursor, cursors

__all__ = ["DETAILS", "PRO_MATCHES", "PUBLIC_MATCHES"]

#: Pages of a list that are read where no earlier pass tells how far to go.
_FIRST_PAGES = 5
_PAGE_ROWS = 100


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
    is_read = any(frame.height for frame in parsed.frames.values())
    # The cursor tells that it was read and became no row, so that the match does not eat the budget of every pass.
    move = None if is_read else CursorMove(f"match/{item.id}", {})
    await run.land(page, parsed, move, if_unusable=move)
    if missing is not None and item.facts["is_explicit"]:
        raise missing


def _choose_list(name: str) -> Callable[[Situation], Choice]:
    def choose(situation: Situation) -> Choice:
        cursor = cursors(situation.connection, SOURCE.name, name).get(name)
        return Choice([Item(name, "", cursor, (name,))])

    return choose


def _fetch_list(name: str, path: str, *, is_sample: bool) -> Callable[[Run, Item], Awaitable[None]]:
    """Read a list of matches, newest first, back to the newest one that is known.

    Each page is asked for by the oldest id of the one before, so that new matches do not shift it. The cursor moves
    with the last page: a walk that was interrupted is walked again. The list of public matches is a sample, which is
    never read further back than a few pages.
    """

    async def fetch(run: Run, item: Item) -> None:
        before = item.cursor.value if item.cursor else {}
        known = before.get("newest_match_id")
        seen: list[int] = []
        pages = 0
        while True:
            query = {"less_than_match_id": min(seen)} if seen else None
            page, parsed = run.parse(name, {}, await run.get(path, query))
            pages += 1
            ids = _match_ids(parsed, name)
            has_no_older = not ids or (bool(seen) and min(ids) >= min(seen))
            seen += ids
            is_known = known is not None and bool(ids) and min(ids) <= known
            is_far_enough = pages >= _FIRST_PAGES and (is_sample or known is None)
            is_short = len(ids) + len(parsed.rejects) < _PAGE_ROWS
            if is_known or is_far_enough or is_short or (has_no_older and known is None):
                move = CursorMove(name, {"newest_match_id": newest(seen, before)})
                await run.land(page, parsed, move)
                return
            await run.land(page, parsed)
            if has_no_older:
                raise UnusableAnswer("the same page came twice", "run again; the list is read from its start")

    return fetch


def _match_ids(parsed: Parsed, table: str) -> list[int]:
    frame = parsed.frames.get(table)
    return [] if frame is None else frame["match_id"].to_list()


DETAILS = PassDefinition("matches", ("match",), _choose_details, _fetch_details)
PRO_MATCHES = PassDefinition(
    "pro_matches",
    ("pro_matches",),
    _choose_list("pro_matches"),
    _fetch_list("pro_matches", "/proMatches", is_sample=False),
    share=0.2,
)
PUBLIC_MATCHES = PassDefinition(
    "public_matches",
    ("public_matches",),
    _choose_list("public_matches"),
    _fetch_list("public_matches", "/publicMatches", is_sample=True),
    share=0.1,
)
