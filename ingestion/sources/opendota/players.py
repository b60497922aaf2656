"""Tracked players: profile and rank, matches, ratings, heroes, and OpenDota's own totals beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

from ingestion.errors import UnusableAnswer
from ingestion.sources.opendota.selection import newest, stalest_first
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.selection import Choice, Item, Situation
from ingestion.sync.streams import PassDefinition, Run
from ingestion.sync.totals import compare, is_due_for_comparison, open_differences, read_whole_at
from warehouse.model.source import CursorUpdate, Page, Parsed
from warehouse.ops.state import read_cursors

__all__ = ["HEROES", "MATCHES", "PROFILES", "RATINGS", "TOTALS"]

#: Matches requested where a few new ones are expected.
_RECENT = 100


def _choose_profiles(situation: Situation) -> Choice:
    return stalest_first(situation, "player", "player/", endpoints=("player",))


async def _fetch_profile(run: Run, item: Item) -> None:
    """Read a profile, which is also an observation of the rank."""
    answer = await run.get(f"/players/{item.segment}")
    page, parsed = run.parse("player", {"account_id": int(item.id)}, answer)
    await run.land(page, parsed, CursorUpdate(f"player/{item.id}", {}))
    if parsed.rejects:
        first = parsed.rejects[0]
        raise UnusableAnswer(
            f"the profile cannot be used ({first.field_path}: {first.reason})", "see `ladder rejects list`"
        )
    if not parsed.frames["players"].height:
        run.notice(
            f"{item.name}: OpenDota shows no profile, it may be private or unknown there; what is stored stays; "
            f"if it does not exist, `ladder untrack opendota {item.name}`"
        )


def _choose_matches(situation: Situation) -> Choice:
    choice = stalest_first(situation, "player", "player_matches/", endpoints=("player_matches",))
    rescan_before = situation.now - timedelta(days=situation.settings.opendota_rescan_days)
    differing: dict[str, datetime] = {}
    for (player_id, _), since in open_differences(situation, SOURCE.name).items():
        differing[player_id] = max(since, differing.get(player_id, since))
    return replace(
        choice,
        items=[
            replace(item, facts={"rescan_before": max(rescan_before, differing.get(item.id, rescan_before))})
            for item in choice.items
        ],
    )


async def _fetch_matches(run: Run, item: Item) -> None:
    """Read what is new in a player's history: one request, or two when more is new than fits a page.

    The newest matches are enough while they reach back to one that is known. Otherwise, at first and every few days,
    the whole history is read in one answer: it cannot shift between pages, and brings late updates of old matches.
    So it is once more where OpenDota's own totals are not ours.
    """
    before = dict(item.cursor.value) if item.cursor else {}
    if before.get("newest_match_id") is not None and _is_rescanned(before, item.facts["rescan_before"]):
        page, parsed = await _ask_matches(run, item, {"limit": _RECENT})
        ids = _match_ids(parsed)
        if _reaches(before["newest_match_id"], ids) or len(ids) + len(parsed.rejects) < _RECENT:
            after = {**before, "newest_match_id": newest(ids, before)}
            await run.land(page, parsed, CursorUpdate(f"player_matches/{item.id}", after))
            return
        await run.land(page, parsed)
    page, parsed = await _ask_matches(run, item, {})
    after = {"newest_match_id": newest(_match_ids(parsed), before), "rescanned_at": page.observed_at.isoformat()}
    if parsed.has_rejects and not before.get("is_read_again"):
        # Something may have been wrong for a short time: the next pass reads the history once more, only once.
        after |= {"rescanned_at": None, "is_read_again": True}
    await run.land(page, parsed, CursorUpdate(f"player_matches/{item.id}", after))


async def _ask_matches(run: Run, item: Item, query: dict[str, str | int]) -> tuple[Page, Parsed]:
    """Ask for matches, significant or not, which the source leaves out unless told."""
    answer = await run.get(f"/players/{item.segment}/matches", {"significant": 0, **query})
    page, parsed = run.parse("player_matches", {"account_id": int(item.id)}, answer)
    if not parsed.rejects and not _match_ids(parsed):
        run.notice(
            f"{item.name}: OpenDota shows no matches, the profile may be private; what is stored stays; "
            f"make its match data public, or `ladder untrack opendota {item.name}`"
        )
    return page, parsed


def _is_rescanned(before: dict[str, Any], rescan_before: datetime) -> bool:
    rescanned_at = before.get("rescanned_at")
    return rescanned_at is not None and datetime.fromisoformat(rescanned_at).astimezone(UTC) > rescan_before


def _match_ids(parsed: Parsed) -> list[int]:
    frame = parsed.frames.get("player_matches")
    return [] if frame is None else frame["match_id"].to_list()


def _reaches(newest_match_id: int, ids: list[int]) -> bool:
    """Whether matches, newest first, reach back to a known one (which may be gone, so that all are older)."""
    return not ids or newest_match_id in ids or max(ids) < newest_match_id


def _choose_after_matches(endpoint: str) -> Callable[[Situation], Choice]:
    """Players with matches that were not there when this endpoint was read, and those for whom it never was."""

    def choose(situation: Situation) -> Choice:
        choice = stalest_first(situation, "player", f"{endpoint}/", endpoints=(endpoint,))
        read = read_cursors(situation.connection, SOURCE.name, "player_matches/")
        due = []
        for item in choice.items:
            matches = read.get(f"player_matches/{item.id}")
            seen = matches.value.get("newest_match_id") if matches else None
            if item.cursor is None or item.cursor.value.get("newest_match_id") != seen:
                due.append(replace(item, facts={"newest_match_id": seen}))
        return Choice(due, choice.skipped + len(choice.items) - len(due), choice.failures)

    return choose


async def _fetch_ratings(run: Run, item: Item) -> None:
    await _fetch_part(run, item, "player_ratings", "ratings")


async def _fetch_heroes(run: Run, item: Item) -> None:
    await _fetch_part(run, item, "player_heroes", "heroes")


async def _fetch_part(run: Run, item: Item, endpoint: str, part: str) -> None:
    answer = await run.get(f"/players/{item.segment}/{part}")
    page, parsed = run.parse(endpoint, {"account_id": int(item.id)}, answer)
    await run.land(page, parsed, CursorUpdate(f"{endpoint}/{item.id}", dict(item.facts)))


def _choose_totals(situation: Situation) -> Choice:
    choice = stalest_first(situation, "player", "player_totals/", endpoints=("player_totals",))
    whole_at = _whole_at(situation)
    due = [item for item in choice.items if is_due_for_comparison(item.cursor, whole_at.get(item.id), situation.now)]
    return replace(choice, items=due, skipped=choice.skipped + len(choice.items) - len(due))


async def _fetch_totals(run: Run, item: Item) -> None:
    """Read OpenDota's own totals over significant matches."""
    answer = await run.get(f"/players/{item.segment}/wl")
    page, parsed = run.parse("player_totals", {"account_id": int(item.id)}, answer)
    await run.land(page, parsed, CursorUpdate(f"player_totals/{item.id}", {}))
    for row in parsed.frames["player_totals"].iter_rows(named=True):
        if row["win"] is not None and row["lose"] is not None:
            run.found[item.id] = {"matches": row["win"] + row["lose"], "wins": row["win"]}


def _compare_totals(situation: Situation, found: Mapping[str, Mapping[str, int]]) -> None:
    query = resources.files(__package__).joinpath("our_totals.sql").read_bytes()
    compare(situation, SOURCE.name, query, found, _whole_at(situation))
    # Heroes are there only while they differ.
    situation.connection.execute(
        "DELETE FROM ops.source_totals WHERE source = %s AND player_id = ANY(%s) AND compared_at < %s",
        [SOURCE.name, list(found), situation.now],
    )


def _whole_at(situation: Situation) -> dict[str, datetime]:
    prefix = "player_matches/"
    return read_whole_at(read_cursors(situation.connection, SOURCE.name, prefix), prefix)


PROFILES = PassDefinition("players", ("player",), _choose_profiles, _fetch_profile, share=0.3, tells_unknown=True)
MATCHES = PassDefinition("player_matches", ("player_matches",), _choose_matches, _fetch_matches, share=0.7)
RATINGS = PassDefinition(
    "player_ratings", ("player_ratings",), _choose_after_matches("player_ratings"), _fetch_ratings, share=0.5
)
HEROES = PassDefinition(
    "player_heroes", ("player_heroes",), _choose_after_matches("player_heroes"), _fetch_heroes, share=0.5
)
TOTALS = PassDefinition(
    "player_totals", ("player_totals",), _choose_totals, _fetch_totals, share=0.5, conclude=_compare_totals
)
