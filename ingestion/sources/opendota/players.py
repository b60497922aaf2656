"""Streams of tracked players: profile and rank, matches, ratings, heroes, and OpenDota's own totals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

from ingestion.errors import UnusableResponse
from ingestion.sources.opendota.selection import newest_known_match, stalest_first
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem
from ingestion.sync.streams import Stream
from ingestion.sync.totals import compare_totals, full_scan_times, is_due_for_comparison, open_differences
from warehouse.model.source import CursorUpdate, Page, Parsed
from warehouse.ops.state import read_cursors

__all__ = ["HEROES", "MATCHES", "PROFILES", "RATINGS", "TOTALS"]

#: Matches that are requested first, when a few new ones are expected.
_RECENT_MATCHES = 100


def _select_profiles(context: SelectionContext) -> Selection:
    return stalest_first(context, "player", "player/", endpoints=("player",))


async def _fetch_profile(run: SyncRun, item: WorkItem) -> None:
    """Fetch a profile, which is also an observation of the rank."""
    response = await run.get(f"/players/{item.segment}")
    page, parsed = run.parse("player", {"account_id": int(item.id)}, response)
    await run.land(page, parsed, CursorUpdate(f"player/{item.id}", {}))
    if parsed.rejects:
        first = parsed.rejects[0]
        raise UnusableResponse(
            f"the profile cannot be used ({first.field_path}: {first.reason})", "see `ladder rejects list`"
        )
    if not parsed.frames["players"].height:
        run.add_notice(
            f"{item.name}: OpenDota shows no profile, it may be private or unknown there; stored data is kept; "
            f"if it does not exist, `ladder untrack opendota {item.name}`"
        )


def _select_matches(context: SelectionContext) -> Selection:
    selection = stalest_first(context, "player", "player_matches/", endpoints=("player_matches",))
    rescan_before = context.now - timedelta(days=context.settings.opendota_rescan_days)
    differing: dict[str, datetime] = {}
    for (player_id, _), since in open_differences(context, SOURCE.name).items():
        differing[player_id] = max(since, differing.get(player_id, since))
    return replace(
        selection,
        items=[
            replace(item, facts={"rescan_before": max(rescan_before, differing.get(item.id, rescan_before))})
            for item in selection.items
        ],
    )


async def _fetch_matches(run: SyncRun, item: WorkItem) -> None:
    """Fetch the new matches of a player: one request, or two if there are more new matches than fit a page.

    The newest matches are enough while they reach back to a known one. Otherwise, and every few days, the full history
    is read in one response: it cannot shift between pages, and includes late updates of old matches. The same applies
    once after OpenDota's own totals differ from ours.
    """
    before = dict(item.cursor.value) if item.cursor else {}
    if before.get("newest_match_id") is not None and _is_rescanned(before, item.facts["rescan_before"]):
        page, parsed = await _request_matches(run, item, {"limit": _RECENT_MATCHES})
        ids = _match_ids(parsed)
        if _reaches_known_match(before["newest_match_id"], ids) or len(ids) + len(parsed.rejects) < _RECENT_MATCHES:
            after = {**before, "newest_match_id": newest_known_match(ids, before)}
            await run.land(page, parsed, CursorUpdate(f"player_matches/{item.id}", after))
            return
        await run.land(page, parsed)
    page, parsed = await _request_matches(run, item, {})
    after = {
        "newest_match_id": newest_known_match(_match_ids(parsed), before),
        "rescanned_at": page.observed_at.isoformat(),
    }
    if parsed.has_rejects and not before.get("is_read_again"):
        # The source may have been wrong for a short time: the next sync reads the history once more, only once.
        after |= {"rescanned_at": None, "is_read_again": True}
    await run.land(page, parsed, CursorUpdate(f"player_matches/{item.id}", after))


async def _request_matches(run: SyncRun, item: WorkItem, query: dict[str, str | int]) -> tuple[Page, Parsed]:
    """Request matches, including insignificant ones, which the source leaves out by default."""
    response = await run.get(f"/players/{item.segment}/matches", {"significant": 0, **query})
    page, parsed = run.parse("player_matches", {"account_id": int(item.id)}, response)
    if not parsed.rejects and not _match_ids(parsed):
        run.add_notice(
            f"{item.name}: OpenDota shows no matches, the profile may be private; stored data is kept; "
            f"make its match data public, or `ladder untrack opendota {item.name}`"
        )
    return page, parsed


def _is_rescanned(before: dict[str, Any], rescan_before: datetime) -> bool:
    rescanned_at = before.get("rescanned_at")
    return rescanned_at is not None and datetime.fromisoformat(rescanned_at).astimezone(UTC) > rescan_before


def _match_ids(parsed: Parsed) -> list[int]:
    frame = parsed.frames.get("player_matches")
    return [] if frame is None else frame["match_id"].to_list()


def _reaches_known_match(newest_match_id: int, ids: list[int]) -> bool:
    """Whether matches, newest first, reach back to a known match (which may be gone, so that all are older)."""
    return not ids or newest_match_id in ids or max(ids) < newest_match_id


def _select_after_matches(endpoint: str) -> Callable[[SelectionContext], Selection]:
    """Players with new matches since this endpoint was read, and players for whom it was never read."""

    def select(context: SelectionContext) -> Selection:
        selection = stalest_first(context, "player", f"{endpoint}/", endpoints=(endpoint,))
        read = read_cursors(context.connection, SOURCE.name, "player_matches/")
        due = []
        for item in selection.items:
            matches = read.get(f"player_matches/{item.id}")
            newest_match_id = matches.value.get("newest_match_id") if matches else None
            if item.cursor is None or item.cursor.value.get("newest_match_id") != newest_match_id:
                due.append(replace(item, facts={"newest_match_id": newest_match_id}))
        return Selection(due, selection.skipped + len(selection.items) - len(due), selection.failures)

    return select


async def _fetch_ratings(run: SyncRun, item: WorkItem) -> None:
    await _fetch_part(run, item, "player_ratings", "ratings")


async def _fetch_heroes(run: SyncRun, item: WorkItem) -> None:
    await _fetch_part(run, item, "player_heroes", "heroes")


async def _fetch_part(run: SyncRun, item: WorkItem, endpoint: str, part: str) -> None:
    response = await run.get(f"/players/{item.segment}/{part}")
    page, parsed = run.parse(endpoint, {"account_id": int(item.id)}, response)
    await run.land(page, parsed, CursorUpdate(f"{endpoint}/{item.id}", dict(item.facts)))


def _select_totals(context: SelectionContext) -> Selection:
    selection = stalest_first(context, "player", "player_totals/", endpoints=("player_totals",))
    full_scan_at = _full_scan_times(context)
    due = [
        item for item in selection.items if is_due_for_comparison(item.cursor, full_scan_at.get(item.id), context.now)
    ]
    return replace(selection, items=due, skipped=selection.skipped + len(selection.items) - len(due))


async def _fetch_totals(run: SyncRun, item: WorkItem) -> None:
    """Fetch OpenDota's own totals over significant matches."""
    response = await run.get(f"/players/{item.segment}/wl")
    page, parsed = run.parse("player_totals", {"account_id": int(item.id)}, response)
    await run.land(page, parsed, CursorUpdate(f"player_totals/{item.id}", {}))
    for row in parsed.frames["player_totals"].iter_rows(named=True):
        if row["win"] is not None and row["lose"] is not None:
            run.reported_totals[item.id] = {"matches": row["win"] + row["lose"], "wins": row["win"]}


def _compare_totals(context: SelectionContext, reported: Mapping[str, Mapping[str, int]]) -> None:
    query = resources.files(__package__).joinpath("compare_totals.sql").read_bytes()
    compare_totals(context, SOURCE.name, query, reported, _full_scan_times(context))
    # Heroes are stored only while their totals differ.
    context.connection.execute(
        "DELETE FROM ops.source_totals WHERE source = %s AND player_id = ANY(%s) AND compared_at < %s",
        [SOURCE.name, list(reported), context.now],
    )


def _full_scan_times(context: SelectionContext) -> dict[str, datetime]:
    prefix = "player_matches/"
    return full_scan_times(read_cursors(context.connection, SOURCE.name, prefix), prefix)


PROFILES = Stream(
    "players", ("player",), _select_profiles, _fetch_profile, budget_share=0.3, not_found_means_unknown_id=True
)
MATCHES = Stream("player_matches", ("player_matches",), _select_matches, _fetch_matches, budget_share=0.7)
RATINGS = Stream(
    "player_ratings", ("player_ratings",), _select_after_matches("player_ratings"), _fetch_ratings, budget_share=0.5
)
HEROES = Stream(
    "player_heroes", ("player_heroes",), _select_after_matches("player_heroes"), _fetch_heroes, budget_share=0.5
)
TOTALS = Stream(
    "player_totals", ("player_totals",), _select_totals, _fetch_totals, budget_share=0.5, on_finish=_compare_totals
)
