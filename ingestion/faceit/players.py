"""Tracked players: profile and elo, history, statistics by match, FACEIT's own totals, bans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import msgspec

from ingestion.choices import Choice, Item, Situation, is_due, is_walking
from ingestion.errors import NotFoundError, UnusableAnswer
from ingestion.faceit.choices import MATCH_GAME, players_of, stalest_first
from ingestion.faceit.source import GAMES, SOURCE
from ingestion.faceit.walks import Listing, newest, to_walk, walk
from ingestion.passes import PassDefinition, Run
from ingestion.rereads import due_after
from ingestion.totals import compare, due_for_comparison, read_whole_at, with_open_differences
from warehouse.source import CursorMove, Reject
from warehouse.state import Cursor, cursors

__all__ = ["BANS", "HISTORY", "PROFILES", "STATISTICS", "TOTALS"]

_DAILY = timedelta(days=1)
#: The ladder that totals by map are compared of.
_LADDER = "5v5"
_MOST_DIGITS = 15
#: FACEIT shows the last month unless it is told from when on.
_FROM_THE_BEGINNING = 1

_HISTORY = Listing(
    "player_history",
    "player_history",
    path=lambda item: f"/players/{item.id}/history",
    params=lambda item: {"player_id": item.id, "game": MATCH_GAME},
    query={"game": MATCH_GAME, "from": _FROM_THE_BEGINNING},
    moment="finished_at",
    largest_offset=1000,
    has_bounds=True,
)
_BANS = Listing(
    "player_bans",
    "player_bans",
    path=lambda item: f"/players/{item.id}/bans",
    params=lambda item: {"player_id": item.id},
    query={},
)
_STATISTICS = Listing(
    "player_match_stats",
    "player_match_stats",
    path=lambda item: f"/players/{item.id}/games/{MATCH_GAME}/stats",
    params=lambda item: {"player_id": item.id, "game": MATCH_GAME},
    query={"from": _FROM_THE_BEGINNING},
    moment="finished_at",
    ticks=1000,
    largest_offset=200,
    has_bounds=True,
    may_be_absent=True,
)


def _choose_profiles(situation: Situation) -> Choice:
    return stalest_first(situation, "player", "player/", endpoints=("player",))


async def _fetch_profile(run: Run, item: Item) -> None:
    """Read a profile, which is also an observation of the elo in each game."""
    answer = await run.get(f"/players/{item.id}")
    page, parsed = run.parse("player", {"player_id": item.id}, answer)
    await run.land(page, parsed, CursorMove(f"player/{item.id}", {}))
    lost = [reject for reject in parsed.rejects if _is_needed(reject)]
    if lost:
        raise UnusableAnswer(f"the profile cannot be used ({lost[0].reason})", "see `ladder rejects list`")
    if not parsed.frames["players"].height:
        run.notice(
            f"{item.name}: FACEIT shows no profile; what is stored stays; "
            f"if it does not exist, `ladder untrack {SOURCE.name} {item.name}`"
        )
    if parsed.rejects:
        run.notice(f"{item.name}: games that nobody reads were refused; see `ladder rejects list`")


def _is_needed(reject: Reject) -> bool:
    """Whether a profile lacks something that is read: itself, or what it tells of a game."""
    return reject.table == "players" or any(f'"game":"{game}"' in reject.record for game in GAMES)


def _choose_history(situation: Situation) -> Choice:
    return _of_those_who_play(situation, _HISTORY.cursor, lambda cursor, seen: True)


async def _fetch_history(run: Run, item: Item) -> None:
    """Read what is new in a player's history, and the last days of it again."""
    await walk(run, item, _HISTORY)


def _choose_statistics(situation: Situation) -> Choice:
    """Players with new or young matches, those who lack statistics by the schedule, and everybody once a day."""
    choice = _of_those_who_play(situation, _STATISTICS.cursor, lambda cursor, seen: True)
    lacking = _lacking_statistics(situation, [item.id for item in choice.items])
    chosen, due = [], 0
    for item in choice.items:
        cursor, seen = item.facts["cursor"], item.facts["history"]
        # Statistics come after their match, sometimes late.
        is_fresh = seen is not None and situation.now.timestamp() - seen < _DAILY.total_seconds()
        is_unfinished = is_walking(cursor, situation.now) or _has_moved(cursor, seen)
        lack = _lack_after(cursor, seen) if item.id in lacking and not is_unfinished else None
        is_lacking = lack is not None and lack["due_at"] is not None and lack["due_at"] <= situation.now.timestamp()
        due += is_lacking
        if is_fresh or is_unfinished or is_lacking or item.facts["is_whole"] or is_due(cursor, _DAILY, situation.now):
            chosen.append(replace(item, facts={**item.facts, "lack": lack}))
    skipped = choice.skipped + len(choice.items) - len(chosen)
    return Choice(chosen, skipped, choice.failures, {"no_statistics": due} if due else {})


def _lacking_statistics(situation: Situation, ids: Sequence[str]) -> set[str]:
    query = resources.files(__package__).joinpath("lacking_statistics.sql").read_bytes()
    rows = situation.connection.execute(query, {"players": list(ids), "game": MATCH_GAME})
    return {player_id for (player_id,) in rows}


def _lack_after(cursor: Cursor, seen: int | None) -> dict[str, Any]:
    """How often a list was read that lacked statistics, since the history moved last, and when it is read again (s)."""
    before = cursor.value.get("lack") or {"tries": 0, "first_at": cursor.observed_at.timestamp()}
    tries, first_at = before["tries"] + 1, datetime.fromtimestamp(before["first_at"], UTC)
    played_at = None if seen is None else datetime.fromtimestamp(seen, UTC)
    due_at = due_after("no_statistics", tries, at=cursor.observed_at, first_at=first_at, played_at=played_at)
    return {"tries": tries, "first_at": before["first_at"], "due_at": None if due_at is None else due_at.timestamp()}


async def _fetch_statistics(run: Run, item: Item) -> None:
    """Read a player's statistics by match."""
    await walk(run, item, _STATISTICS, facts={"history": item.facts["history"], "lack": item.facts["lack"]})


def _choose_totals(situation: Situation) -> Choice:
    """Players with new matches, and those whose totals are to be compared."""
    moved = _of_those_who_play(situation, "player_stats", _has_moved)
    everybody = _of_those_who_play(situation, "player_stats", lambda cursor, seen: True)
    due = due_for_comparison(everybody, _whole_at(situation), situation.now)
    known = {item.id for item in moved.items}
    items = [*moved.items, *(item for item in due.items if item.id not in known)]
    return replace(everybody, items=items, skipped=everybody.skipped + len(everybody.items) - len(items))


async def _fetch_totals(run: Run, item: Item) -> None:
    """Read FACEIT's own totals, over all and by map; that there are none is an answer too."""
    try:
        answer = await run.get(f"/players/{item.id}/stats/{MATCH_GAME}")
    except NotFoundError as error:
        answer = run.absent(error)
    page, parsed = run.parse("player_stats", {"player_id": item.id, "game": MATCH_GAME}, answer)
    await run.land(page, parsed, CursorMove(f"player_stats/{item.id}", {"history": item.facts["history"]}))
    segments = parsed.frames.get("player_segments")
    counted = [
        tuple(_count(row["stats"], name) for name in ("Matches", "Wins"))
        for row in (segments.iter_rows(named=True) if segments is not None else ())
        if (row["type"] or "").lower() == "map" and row["mode"] == _LADDER
    ]
    if counted and all(number is not None for pair in counted for number in pair):
        matches, wins = (sum(number or 0 for number in numbers) for numbers in zip(*counted, strict=True))
        run.found[item.id] = {"matches": matches, "wins": wins}


def _count(stats: str | None, name: str) -> int | None:
    """A count among statistics, which are text; None where it is none."""
    value = msgspec.json.decode(stats or "{}")
    text = str(value.get(name)) if isinstance(value, dict) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS else None


def _compare_totals(situation: Situation, found: Mapping[str, Mapping[str, int]]) -> None:
    query = resources.files(__package__).joinpath("our_totals.sql").read_bytes()
    compare(situation, SOURCE.name, query, found, _whole_at(situation), {"game": MATCH_GAME})


def _whole_at(situation: Situation) -> dict[str, datetime]:
    """When both a player's history and statistics were read whole."""
    parts = [
        read_whole_at(cursors(situation.connection, SOURCE.name, f"{listing.cursor}/"), f"{listing.cursor}/")
        for listing in (_HISTORY, _STATISTICS)
    ]
    return {id_: min(part[id_] for part in parts) for id_ in parts[0].keys() & parts[1].keys()}


def _choose_bans(situation: Situation) -> Choice:
    choice = stalest_first(situation, "player", f"{_BANS.cursor}/", endpoints=("player_bans",))
    return to_walk(choice, situation.now, every=_DAILY)


async def _fetch_bans(run: Run, item: Item) -> None:
    await walk(run, item, _BANS)


def _of_those_who_play(
    situation: Situation, endpoint: str, is_wanted: Callable[[Cursor | None, int | None], bool]
) -> Choice:
    """Tracked players of the game whose matches are read, those first who were read longest ago.

    Args:
        situation: what the choice depends on.
        endpoint: what will be asked; also the beginning of the cursors' names.
        is_wanted: whether to ask, given the cursor and the newest match that the history has brought.
    """
    choice = stalest_first(situation, "player", f"{endpoint}/", endpoints=(endpoint,))
    players = players_of(situation, [item.id for item in choice.items], MATCH_GAME)
    histories = cursors(situation.connection, SOURCE.name, f"{_HISTORY.cursor}/")
    differing = with_open_differences(situation, SOURCE.name)
    wanted = []
    for item in choice.items:
        seen = newest(histories.get(f"{_HISTORY.cursor}/{item.id}"))
        if item.id in players and is_wanted(item.cursor, seen):
            wanted.append(replace(item, facts={"history": seen, "is_whole": item.id in differing}))
    skipped = choice.skipped + len(choice.items) - len(wanted)
    return to_walk(Choice(wanted, skipped, choice.failures), situation.now)


def _has_moved(cursor: Cursor | None, seen: int | None) -> bool:
    """Whether the history has brought matches since something was read, or it never was."""
    return cursor is None or cursor.value.get("history") != seen


PROFILES = PassDefinition("players", ("player",), _choose_profiles, _fetch_profile, share=0.3, tells_unknown=True)
HISTORY = PassDefinition("history_matches", ("player_history",), _choose_history, _fetch_history, share=0.4)
STATISTICS = PassDefinition(
    "player_match_stats", ("player_match_stats",), _choose_statistics, _fetch_statistics, share=0.4
)
TOTALS = PassDefinition(
    "player_stats", ("player_stats",), _choose_totals, _fetch_totals, share=0.3, conclude=_compare_totals
)
BANS = PassDefinition("player_bans", ("player_bans",), _choose_bans, _fetch_bans, share=0.2)
