"""Tracked players: profile and elo, history, statistics by match, FACEIT's own totals, bans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import msgspec

from ingestion.errors import NotFoundError, UnusableResponse
from ingestion.sources.faceit.endpoint_list import ListEndpoint
from ingestion.sources.faceit.pagination import newest, paginate, select_due_lists
from ingestion.sources.faceit.selection import players_of_game, stalest_first
from ingestion.sources.faceit.source import GAMES, MATCH_GAMES, RETIRED_GAMES, SOURCE
from ingestion.sync.reports import Failure
from ingestion.sync.rereads import next_due_at
from ingestion.sync.selection import (
    Selection,
    SelectionContext,
    WorkItem,
    is_due,
    is_paginating,
    least_recently_requested_first,
)
from ingestion.sync.streams import Stream, SyncRun
from ingestion.sync.totals import compare_totals, full_scan_times, is_due_for_comparison, open_differences
from warehouse.model.source import CursorMove, Reject
from warehouse.ops.state import Cursor, cursors

__all__ = ["BANS", "HISTORY", "PROFILES", "STATISTICS", "TOTALS"]

_DAILY = timedelta(days=1)
#: Nothing new comes of a game that is no longer played; corrections may.
_RETIRED_EVERY = timedelta(days=7)
#: The ladder whose totals by map are compared.
_LADDER = "5v5"
_MAX_DIGITS = 15
#: FACEIT shows the last month unless it is told from when on.
_SINCE_EPOCH = 1

_BANS = ListEndpoint(
    "player_bans",
    "player_bans",
    path=lambda item: f"/players/{item.segment}/bans",
    params=lambda item: {"player_id": item.id},
    query={},
)


def _cursor_of(endpoint: str, game: str) -> str:
    """The beginning of the names of an endpoint's cursors; those of the first game have no game in their names."""
    return endpoint if game == MATCH_GAMES[0] else f"{endpoint}/{game}"


def _history_of(game: str) -> ListEndpoint:
    return ListEndpoint(
        "player_history",
        _cursor_of("player_history", game),
        path=lambda item: f"/players/{item.segment}/history",
        params=lambda item: {"player_id": item.id, "game": game},
        query={"game": game, "from": _SINCE_EPOCH},
        order_column="finished_at",
        max_offset=1000,
        has_time_bounds=True,
        not_found_means_empty=game in RETIRED_GAMES,
        empty_notice=f"FACEIT no longer answers for {game}; what is stored stays" if game in RETIRED_GAMES else "",
    )


def _statistics_of(game: str) -> ListEndpoint:
    return ListEndpoint(
        "player_match_stats",
        _cursor_of("player_match_stats", game),
        path=lambda item: f"/players/{item.segment}/games/{game}/stats",
        params=lambda item: {"player_id": item.id, "game": game},
        query={"from": _SINCE_EPOCH},
        order_column="finished_at",
        units_per_second=1000,
        max_offset=200,
        has_time_bounds=True,
        not_found_means_empty=True,
    )


_HISTORIES = {game: _history_of(game) for game in MATCH_GAMES}
_STATISTICS = {game: _statistics_of(game) for game in MATCH_GAMES}


def _select_profiles(context: SelectionContext) -> Selection:
    return stalest_first(context, "player", "player/", endpoints=("player",))


async def _fetch_profile(run: SyncRun, item: WorkItem) -> None:
    """Read a profile, which is also an observation of the elo in each game."""
    answer = await run.get(f"/players/{item.segment}")
    page, parsed = run.parse("player", {"player_id": item.id}, answer)
    await run.land(page, parsed, CursorMove(f"player/{item.id}", {}))
    lost = [reject for reject in parsed.rejects if _is_required(reject)]
    if lost:
        raise UnusableResponse(
            f"the profile cannot be used ({lost[0].field_path}: {lost[0].reason})", "see `ladder rejects list`"
        )
    if not parsed.frames["players"].height:
        run.add_notice(
            f"{item.name}: FACEIT shows no profile; what is stored stays; "
            f"if it does not exist, `ladder untrack {SOURCE.name} {item.name}`"
        )
        return
    shown = parsed.frames.get("player_games")
    if shown is None or not set(shown["game"].to_list()) & set(GAMES):
        run.add_notice(f"{item.name}: the profile has none of the games that are read ({', '.join(GAMES)})")
    if parsed.rejects:
        run.add_notice(f"{item.name}: games that nobody reads were refused; see `ladder rejects list`")


def _is_required(reject: Reject) -> bool:
    """Whether a profile lacks something that is read: itself, or what it tells of a game."""
    return reject.table == "players" or any(f'"game":"{game}"' in reject.record for game in GAMES)


def _select_history(context: SelectionContext) -> Selection:
    def is_wanted(game: str, cursor: Cursor | None, seen: int | None) -> bool:
        return game not in RETIRED_GAMES or is_due(cursor, _RETIRED_EVERY, context.now)

    return _select_active_players(context, "player_history", is_wanted)


async def _fetch_history(run: SyncRun, item: WorkItem) -> None:
    """Read what is new in a player's history, and the last days of it again."""
    await paginate(run, item, _HISTORIES[item.facts["game"]])


def _select_statistics(context: SelectionContext) -> Selection:
    """Players with new or young matches, those who lack statistics by the schedule, and everybody once a day."""
    selection = _select_active_players(context, "player_match_stats", lambda game, cursor, seen: True)
    missing_statistics = _players_missing_statistics(context, [item.id for item in selection.items])
    chosen, due = [], 0
    for item in selection.items:
        game, cursor, seen = (item.facts[name] for name in ("game", "cursor", "history"))
        # Statistics come after their match, sometimes late.
        is_fresh = seen is not None and context.now.timestamp() - seen < _DAILY.total_seconds()
        is_unfinished = is_paginating(cursor, context.now) or _has_new_matches(cursor, seen)
        missing_state = (
            _missing_statistics_state(cursor, seen)
            if (item.id, game) in missing_statistics and not is_unfinished
            else None
        )
        is_reread_due = (
            missing_state is not None
            and missing_state["due_at"] is not None
            and missing_state["due_at"] <= context.now.timestamp()
        )
        due += is_reread_due
        is_again = is_reread_due or item.facts["is_whole"]
        every = _RETIRED_EVERY if game in RETIRED_GAMES else _DAILY
        if is_fresh or is_unfinished or is_again or is_due(cursor, every, context.now):
            chosen.append(replace(item, facts={**item.facts, "lack": missing_state}))
    skipped = selection.skipped + len(selection.items) - len(chosen)
    return Selection(chosen, skipped, selection.failures, {"no_statistics": due} if due else {})


def _players_missing_statistics(context: SelectionContext, ids: Sequence[str]) -> set[tuple[str, str]]:
    """Of some players those with finished matches in a game that have no statistics, and the game."""
    query = resources.files(__package__).joinpath("missing_statistics.sql").read_bytes()
    rows = context.connection.execute(query, {"players": list(ids), "games": list(MATCH_GAMES)})
    return {(player_id, game) for player_id, game in rows}


def _missing_statistics_state(cursor: Cursor, seen: int | None) -> dict[str, Any]:
    """How often a list was read that lacked statistics, since the history moved last, and when it is read again (s)."""
    before = cursor.value.get("lack") or {"tries": 0, "first_at": cursor.observed_at.timestamp()}
    tries, first_at = before["tries"] + 1, datetime.fromtimestamp(before["first_at"], UTC)
    played_at = None if seen is None else datetime.fromtimestamp(seen, UTC)
    due_at = next_due_at("no_statistics", tries, at=cursor.observed_at, first_at=first_at, played_at=played_at)
    return {"tries": tries, "first_at": before["first_at"], "due_at": None if due_at is None else due_at.timestamp()}


async def _fetch_statistics(run: SyncRun, item: WorkItem) -> None:
    """Read a player's statistics by match."""
    facts = {"history": item.facts["history"], "lack": item.facts["lack"]}
    await paginate(run, item, _STATISTICS[item.facts["game"]], facts=facts)


def _select_totals(context: SelectionContext) -> Selection:
    """Players with new matches, and those whose totals are to be compared."""
    whole_at = {game: _full_scan_times(context, game) for game in MATCH_GAMES}
    selection = _select_active_players(context, "player_stats", lambda game, cursor, seen: True)
    wanted = [
        item
        for item in selection.items
        for game, cursor in [(item.facts["game"], item.facts["cursor"])]
        if _has_new_matches(cursor, item.facts["history"])
        or is_due_for_comparison(cursor, whole_at[game].get(item.id), context.now)
    ]
    return replace(selection, items=wanted, skipped=selection.skipped + len(selection.items) - len(wanted))


async def _fetch_totals(run: SyncRun, item: WorkItem) -> None:
    """Read FACEIT's own totals, over all and by map; that there are none is an answer too."""
    game = item.facts["game"]
    try:
        answer = await run.get(f"/players/{item.segment}/stats/{game}")
    except NotFoundError as error:
        answer = run.response_from_error(error)
    page, parsed = run.parse("player_stats", {"player_id": item.id, "game": game}, answer)
    cursor = f"{_cursor_of('player_stats', game)}/{item.id}"
    await run.land(page, parsed, CursorMove(cursor, {"history": item.facts["history"]}))
    segments = parsed.frames.get("player_segments")
    counted = [
        (_count(row["stats"], "Matches"), _count(row["stats"], "Wins"))
        for row in (segments.iter_rows(named=True) if segments is not None else ())
        if (row["type"] or "").lower() == "map" and (row["mode"] or "").lower() == _LADDER
    ]
    if counted and all(number is not None for pair in counted for number in pair):
        matches, wins = (sum(number or 0 for number in numbers) for numbers in zip(*counted, strict=True))
        run.reported_totals[f"{game}/{item.id}"] = {"matches": matches, "wins": wins}


def _count(stats: str | None, name: str) -> int | None:
    """A count among statistics, which are text; None where it is none."""
    value = msgspec.json.decode(stats or "{}")
    text = str(value.get(name)) if isinstance(value, dict) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _compare_totals(context: SelectionContext, found: Mapping[str, Mapping[str, int]]) -> None:
    query = resources.files(__package__).joinpath("compare_totals.sql").read_bytes()
    for game in MATCH_GAMES:
        prefix = f"{game}/"
        shown = {name.removeprefix(prefix): totals for name, totals in found.items() if name.startswith(prefix)}
        parameters = {"game": game, "suffix": _suffix(game)}
        compare_totals(context, SOURCE.name, query, shown, _full_scan_times(context, game), parameters)


def _suffix(game: str) -> str:
    """What the names of a game's measures end with; those of the first game have no game in their names."""
    return "" if game == MATCH_GAMES[0] else f" in {game}"


def _full_scan_times(context: SelectionContext, game: str) -> dict[str, datetime]:
    """When both a player's history and statistics of a game were read whole."""
    prefixes = [f"{listings[game].cursor}/" for listings in (_HISTORIES, _STATISTICS)]
    history, statistics = (
        full_scan_times(cursors(context.connection, SOURCE.name, prefix), prefix) for prefix in prefixes
    )
    return {id_: min(history[id_], statistics[id_]) for id_ in history.keys() & statistics.keys()}


def _select_bans(context: SelectionContext) -> Selection:
    selection = stalest_first(context, "player", f"{_BANS.cursor}/", endpoints=("player_bans",))
    return select_due_lists(selection, context.now, every=_DAILY)


async def _fetch_bans(run: SyncRun, item: WorkItem) -> None:
    await paginate(run, item, _BANS)


def _select_active_players(
    context: SelectionContext, endpoint: str, is_wanted: Callable[[str, Cursor | None, int | None], bool]
) -> Selection:
    """Tracked players in each game whose matches are read and that they play, each in its turn.

    Args:
        situation: what the choice depends on.
        endpoint: the endpoint that is read; also the beginning of the cursors' names.
        is_wanted: whether to read, given the game, the cursor and the newest match that the history has brought.
    """
    wanted: list[WorkItem] = []
    skipped = 0
    failures: tuple[Failure, ...] = ()
    differing: dict[tuple[str, str], datetime] = {}
    for (player_id, measure), since in open_differences(context, SOURCE.name).items():
        key = player_id, measure.partition("matches")[2] or measure.partition("wins")[2]
        differing[key] = max(since, differing.get(key, since))
    for game in MATCH_GAMES:
        selection = stalest_first(context, "player", f"{_cursor_of(endpoint, game)}/", endpoints=(endpoint,))
        players = players_of_game(context, [item.id for item in selection.items], game)
        history = f"{_HISTORIES[game].cursor}/"
        histories = cursors(context.connection, SOURCE.name, history)
        playing = [item for item in selection.items if item.id in players]
        for item in playing:
            seen = newest(histories.get(history + item.id))
            differs_since = differing.get((item.id, _suffix(game)))
            is_whole = differs_since is not None and _last_full_scan_began_at(item.cursor) < differs_since.timestamp()
            if is_whole or is_wanted(game, item.cursor, seen):
                name = item.name if game == MATCH_GAMES[0] else f"{item.name} in {game}"
                wanted.append(replace(item, name=name, facts={"history": seen, "game": game, "is_whole": is_whole}))
            else:
                skipped += 1
        if game == MATCH_GAMES[0]:
            skipped += selection.skipped + len(selection.items) - len(playing)
            failures = selection.failures
    return select_due_lists(Selection(least_recently_requested_first(context, wanted), skipped, failures), context.now)


def _last_full_scan_began_at(cursor: Cursor | None) -> float:
    """When (s) the newest walk through a whole list began, be it over or under way; 0 where there was none."""
    value = {} if cursor is None else cursor.value
    return value.get("walk", value).get("whole_at") or 0.0


def _has_new_matches(cursor: Cursor | None, seen: int | None) -> bool:
    """Whether the history has brought matches since something was read, or it never was."""
    return cursor is None or cursor.value.get("history") != seen


PROFILES = Stream(
    "players", ("player",), _select_profiles, _fetch_profile, budget_share=0.3, not_found_means_unknown_id=True
)
HISTORY = Stream("history_matches", ("player_history",), _select_history, _fetch_history, budget_share=0.4)
STATISTICS = Stream(
    "player_match_stats", ("player_match_stats",), _select_statistics, _fetch_statistics, budget_share=0.4
)
TOTALS = Stream(
    "player_stats", ("player_stats",), _select_totals, _fetch_totals, budget_share=0.3, on_finish=_compare_totals
)
BANS = Stream("player_bans", ("player_bans",), _select_bans, _fetch_bans, budget_share=0.2)
