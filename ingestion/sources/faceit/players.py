"""Streams of tracked players: profile and elo, history, statistics by match, FACEIT's own totals, bans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import msgspec

from ingestion.errors import NotFoundError, UnusableResponse
from ingestion.sources.faceit.list_endpoints import ListEndpoint
from ingestion.sources.faceit.pagination import newest_timestamp, paginate, select_due_lists
from ingestion.sources.faceit.selection import players_of_game, stalest_first
from ingestion.sources.faceit.source import GAMES, MATCH_GAMES, RETIRED_GAMES, SOURCE
from ingestion.sync.reports import Failure
from ingestion.sync.rereads import next_due_at
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import (
    Selection,
    SelectionContext,
    WorkItem,
    is_due,
    is_paginating,
    least_recently_requested_first,
)
from ingestion.sync.streams import Stream
from ingestion.sync.totals import compare_totals, full_scan_times, is_due_for_comparison, open_differences
from warehouse.model.source import CursorUpdate, Reject
from warehouse.ops.state import Cursor, read_cursors

__all__ = ["BANS", "HISTORY", "PROFILES", "STATISTICS", "TOTALS"]

_DAILY = timedelta(days=1)
#: A retired game has no new matches, but corrections are possible.
_RETIRED_EVERY = timedelta(days=7)
#: The ladder whose totals by map are compared.
_LADDER = "5v5"
_MAX_DIGITS = 15
#: Without `from` FACEIT returns the last month only.
_SINCE_EPOCH = 1

_BANS = ListEndpoint(
    "player_bans",
    "player_bans",
    path=lambda item: f"/players/{item.segment}/bans",
    params=lambda item: {"player_id": item.id},
    query={},
)


def _cursor_prefix(endpoint: str, game: str) -> str:
    """Prefix of the names of an endpoint's read_cursors; those of the first game do not contain the game."""
    return endpoint if game == MATCH_GAMES[0] else f"{endpoint}/{game}"


def _history_list(game: str) -> ListEndpoint:
    return ListEndpoint(
        "player_history",
        _cursor_prefix("player_history", game),
        path=lambda item: f"/players/{item.segment}/history",
        params=lambda item: {"player_id": item.id, "game": game},
        query={"game": game, "from": _SINCE_EPOCH},
        order_column="finished_at",
        max_offset=1000,
        has_time_bounds=True,
        not_found_means_empty=game in RETIRED_GAMES,
        empty_notice=f"FACEIT no longer serves {game}; stored data is kept" if game in RETIRED_GAMES else "",
    )


def _statistics_list(game: str) -> ListEndpoint:
    return ListEndpoint(
        "player_match_stats",
        _cursor_prefix("player_match_stats", game),
        path=lambda item: f"/players/{item.segment}/games/{game}/stats",
        params=lambda item: {"player_id": item.id, "game": game},
        query={"from": _SINCE_EPOCH},
        order_column="finished_at",
        units_per_second=1000,
        max_offset=200,
        has_time_bounds=True,
        not_found_means_empty=True,
    )


_HISTORIES = {game: _history_list(game) for game in MATCH_GAMES}
_STATISTICS = {game: _statistics_list(game) for game in MATCH_GAMES}


def _select_profiles(context: SelectionContext) -> Selection:
    return stalest_first(context, "player", "player/", endpoints=("player",))


async def _fetch_profile(run: SyncRun, item: WorkItem) -> None:
    """Fetch a profile, which is also an observation of the elo in each game."""
    response = await run.get(f"/players/{item.segment}")
    page, parsed = run.parse("player", {"player_id": item.id}, response)
    await run.land(page, parsed, CursorUpdate(f"player/{item.id}", {}))
    required_rejects = [reject for reject in parsed.rejects if _is_required(reject)]
    if required_rejects:
        raise UnusableResponse(
            f"the profile cannot be used ({required_rejects[0].field_path}: {required_rejects[0].reason})",
            "see `ladder rejects list`",
        )
    if not parsed.frames["players"].height:
        run.add_notice(
            f"{item.name}: FACEIT shows no profile; stored data is kept; "
            f"if it does not exist, `ladder untrack {SOURCE.name} {item.name}`"
        )
        return
    games = parsed.frames.get("player_games")
    if games is None or not set(games["game"].to_list()) & set(GAMES):
        run.add_notice(f"{item.name}: the profile has none of the games that are read ({', '.join(GAMES)})")
    if parsed.rejects:
        run.add_notice(f"{item.name}: games that are not read were rejected; see `ladder rejects list`")


def _is_required(reject: Reject) -> bool:
    """Whether a rejected record is one that marts read: the profile itself, or its record of one of `GAMES`."""
    return reject.table == "players" or any(f'"game":"{game}"' in reject.record for game in GAMES)


def _select_history(context: SelectionContext) -> Selection:
    def is_wanted(game: str, cursor: Cursor | None, newest: int | None) -> bool:
        return game not in RETIRED_GAMES or is_due(cursor, _RETIRED_EVERY, context.now)

    return _select_active_players(context, "player_history", is_wanted)


async def _fetch_history(run: SyncRun, item: WorkItem) -> None:
    """Fetch the new part of a player's history, and the last days of it again."""
    await paginate(run, item, _HISTORIES[item.facts["game"]])


def _select_statistics(context: SelectionContext) -> Selection:
    """Players with new or recent matches, players with due re-reads of statistics, and all players once a day."""
    selection = _select_active_players(context, "player_match_stats", lambda game, cursor, newest: True)
    missing_statistics = _players_missing_statistics(context, [item.id for item in selection.items])
    chosen, due = [], 0
    for item in selection.items:
        game, cursor, newest = (item.facts[name] for name in ("game", "cursor", "history"))
        # Statistics are published after their match, sometimes late.
        has_recent_match = newest is not None and context.now.timestamp() - newest < _DAILY.total_seconds()
        is_unfinished = is_paginating(cursor, context.now) or _has_new_matches(cursor, newest)
        reread_state = None
        if (item.id, game) in missing_statistics and not is_unfinished:
            reread_state = _next_reread_state(cursor, newest)
        due_at = None if reread_state is None else reread_state["due_at"]
        is_reread_due = due_at is not None and due_at <= context.now.timestamp()
        due += is_reread_due
        is_reread = is_reread_due or item.facts["is_whole"]
        every = _RETIRED_EVERY if game in RETIRED_GAMES else _DAILY
        if has_recent_match or is_unfinished or is_reread or is_due(cursor, every, context.now):
            chosen.append(replace(item, facts={**item.facts, "lack": reread_state}))
    skipped = selection.skipped + len(selection.items) - len(chosen)
    return Selection(chosen, skipped, selection.failures, {"no_statistics": due} if due else {})


def _players_missing_statistics(context: SelectionContext, ids: Sequence[str]) -> set[tuple[str, str]]:
    """Player and game pairs with a finished match that has no statistics."""
    query = resources.files(__package__).joinpath("missing_statistics.sql").read_bytes()
    rows = context.connection.execute(query, {"players": list(ids), "games": list(MATCH_GAMES)})
    return {(player_id, game) for player_id, game in rows}


def _next_reread_state(cursor: Cursor, newest: int | None) -> dict[str, Any]:
    """Re-read state of a list with missing statistics: tries since the history changed last, and next due time (s)."""
    before = cursor.value.get("lack") or {"tries": 0, "first_at": cursor.observed_at.timestamp()}
    tries, first_at = before["tries"] + 1, datetime.fromtimestamp(before["first_at"], UTC)
    played_at = None if newest is None else datetime.fromtimestamp(newest, UTC)
    due_at = next_due_at("no_statistics", tries, at=cursor.observed_at, first_at=first_at, played_at=played_at)
    return {"tries": tries, "first_at": before["first_at"], "due_at": None if due_at is None else due_at.timestamp()}


async def _fetch_statistics(run: SyncRun, item: WorkItem) -> None:
    """Fetch a player's statistics by match."""
    cursor_facts = {"history": item.facts["history"], "lack": item.facts["lack"]}
    await paginate(run, item, _STATISTICS[item.facts["game"]], cursor_facts=cursor_facts)


def _select_totals(context: SelectionContext) -> Selection:
    """Players with new matches, and players whose totals are due to be compared."""
    full_scan_at = {game: _full_scan_times(context, game) for game in MATCH_GAMES}
    selection = _select_active_players(context, "player_stats", lambda game, cursor, newest: True)
    wanted = [
        item
        for item in selection.items
        for game, cursor in [(item.facts["game"], item.facts["cursor"])]
        if _has_new_matches(cursor, item.facts["history"])
        or is_due_for_comparison(cursor, full_scan_at[game].get(item.id), context.now)
    ]
    return replace(selection, items=wanted, skipped=selection.skipped + len(selection.items) - len(wanted))


async def _fetch_totals(run: SyncRun, item: WorkItem) -> None:
    """Fetch FACEIT's own totals, lifetime and by map; a 404 means that there are none."""
    game = item.facts["game"]
    try:
        response = await run.get(f"/players/{item.segment}/stats/{game}")
    except NotFoundError as error:
        response = run.response_from_error(error)
    page, parsed = run.parse("player_stats", {"player_id": item.id, "game": game}, response)
    cursor = f"{_cursor_prefix('player_stats', game)}/{item.id}"
    await run.land(page, parsed, CursorUpdate(cursor, {"history": item.facts["history"]}))
    segments = parsed.frames.get("player_segments")
    counts_by_map = [
        (_parse_count(row["stats"], "Matches"), _parse_count(row["stats"], "Wins"))
        for row in (segments.iter_rows(named=True) if segments is not None else ())
        if (row["type"] or "").lower() == "map" and (row["mode"] or "").lower() == _LADDER
    ]
    if counts_by_map and all(number is not None for pair in counts_by_map for number in pair):
        matches, wins = (sum(number or 0 for number in numbers) for numbers in zip(*counts_by_map, strict=True))
        run.reported_totals[f"{game}/{item.id}"] = {"matches": matches, "wins": wins}


def _parse_count(stats: str | None, name: str) -> int | None:
    """A count in statistics whose values are text; None if it is not a whole number."""
    value = msgspec.json.decode(stats or "{}")
    text = str(value.get(name)) if isinstance(value, dict) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _compare_totals(context: SelectionContext, reported: Mapping[str, Mapping[str, int]]) -> None:
    query = resources.files(__package__).joinpath("compare_totals.sql").read_bytes()
    for game in MATCH_GAMES:
        prefix = f"{game}/"
        of_game = {name.removeprefix(prefix): totals for name, totals in reported.items() if name.startswith(prefix)}
        parameters = {"game": game, "suffix": _measure_suffix(game)}
        compare_totals(context, SOURCE.name, query, of_game, _full_scan_times(context, game), parameters)


def _measure_suffix(game: str) -> str:
    """Suffix of a game's measures in `ops.source_totals`; those of the first game do not contain the game."""
    return "" if game == MATCH_GAMES[0] else f" in {game}"


def _full_scan_times(context: SelectionContext, game: str) -> dict[str, datetime]:
    """Times of the last full scans of both history and statistics in a game, by player."""
    prefixes = [f"{lists[game].cursor}/" for lists in (_HISTORIES, _STATISTICS)]
    history, statistics = (
        full_scan_times(read_cursors(context.connection, SOURCE.name, prefix), prefix) for prefix in prefixes
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
    """Tracked players by each game of `MATCH_GAMES` that they play, least recently requested first.

    Args:
        context: the state that the selection depends on.
        endpoint: the endpoint that is requested; also the prefix of the read_cursors' names.
        is_wanted: whether to request it, given the game, the cursor and the newest timestamp of the history.
    """
    wanted: list[WorkItem] = []
    skipped = 0
    failures: tuple[Failure, ...] = ()
    differing: dict[tuple[str, str], datetime] = {}
    for (player_id, measure), since in open_differences(context, SOURCE.name).items():
        key = player_id, measure.partition("matches")[2] or measure.partition("wins")[2]
        differing[key] = max(since, differing.get(key, since))
    for game in MATCH_GAMES:
        selection = stalest_first(context, "player", f"{_cursor_prefix(endpoint, game)}/", endpoints=(endpoint,))
        players = players_of_game(context, [item.id for item in selection.items], game)
        history = f"{_HISTORIES[game].cursor}/"
        histories = read_cursors(context.connection, SOURCE.name, history)
        playing = [item for item in selection.items if item.id in players]
        for item in playing:
            newest = newest_timestamp(histories.get(history + item.id))
            differs_since = differing.get((item.id, _measure_suffix(game)))
            is_whole = differs_since is not None and _last_full_scan_started_at(item.cursor) < differs_since.timestamp()
            if is_whole or is_wanted(game, item.cursor, newest):
                name = item.name if game == MATCH_GAMES[0] else f"{item.name} in {game}"
                wanted.append(replace(item, name=name, facts={"history": newest, "game": game, "is_whole": is_whole}))
            else:
                skipped += 1
        if game == MATCH_GAMES[0]:
            skipped += selection.skipped + len(selection.items) - len(playing)
            failures = selection.failures
    return select_due_lists(Selection(least_recently_requested_first(context, wanted), skipped, failures), context.now)


def _last_full_scan_started_at(cursor: Cursor | None) -> float:
    """Start (s) of the newest full scan of a list, finished or not; 0 if there was none."""
    value = {} if cursor is None else cursor.value
    return value.get("walk", value).get("whole_at") or 0.0


def _has_new_matches(cursor: Cursor | None, newest: int | None) -> bool:
    """Whether the history has new matches since an endpoint was read, or the endpoint was never read."""
    return cursor is None or cursor.value.get("history") != newest


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
