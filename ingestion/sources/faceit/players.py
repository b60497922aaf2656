"""Tracked players: profile and elo, history, statistics by match, FACEIT's own totals, bans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import msgspec

from ingestion.errors import NotFoundError, UnusableAnswer
from ingestion.sources.faceit.listing import Listing
from ingestion.sources.faceit.pagination import newest, to_walk, walk
from ingestion.sources.faceit.selection import players_of, stalest_first
from ingestion.sources.faceit.source import GAMES, MATCH_GAMES, RETIRED_GAMES, SOURCE
from ingestion.sync.reports import Failure
from ingestion.sync.rereads import due_after
from ingestion.sync.selection import Choice, Item, Situation, in_turn, is_due, is_walking
from ingestion.sync.streams import PassDefinition, Run
from ingestion.sync.totals import compare, is_due_for_comparison, open_differences, read_whole_at
from warehouse.model.source import CursorUpdate, Reject
from warehouse.ops.state import Cursor, read_cursors

__all__ = ["BANS", "HISTORY", "PROFILES", "STATISTICS", "TOTALS"]

_DAILY = timedelta(days=1)
#: Nothing new comes of a game that is no longer played; corrections may.
_RETIRED_EVERY = timedelta(days=7)
#: The ladder whose totals by map are compared.
_LADDER = "5v5"
_MOST_DIGITS = 15
#: FACEIT shows the last month unless it is told from when on.
_FROM_THE_BEGINNING = 1

_BANS = Listing(
    "player_bans",
    "player_bans",
    path=lambda item: f"/players/{item.segment}/bans",
    params=lambda item: {"player_id": item.id},
    query={},
)


def _cursor_of(endpoint: str, game: str) -> str:
    """The beginning of the names of an endpoint's cursors; those of the first game have no game in their names."""
    return endpoint if game == MATCH_GAMES[0] else f"{endpoint}/{game}"


def _history_of(game: str) -> Listing:
    return Listing(
        "player_history",
        _cursor_of("player_history", game),
        path=lambda item: f"/players/{item.segment}/history",
        params=lambda item: {"player_id": item.id, "game": game},
        query={"game": game, "from": _FROM_THE_BEGINNING},
        time_column="finished_at",
        largest_offset=1000,
        has_bounds=True,
        may_be_absent=game in RETIRED_GAMES,
        absence=f"FACEIT no longer answers for {game}; what is stored stays" if game in RETIRED_GAMES else "",
    )


def _statistics_of(game: str) -> Listing:
    return Listing(
        "player_match_stats",
        _cursor_of("player_match_stats", game),
        path=lambda item: f"/players/{item.segment}/games/{game}/stats",
        params=lambda item: {"player_id": item.id, "game": game},
        query={"from": _FROM_THE_BEGINNING},
        time_column="finished_at",
        ticks=1000,
        largest_offset=200,
        has_bounds=True,
        may_be_absent=True,
    )


_HISTORIES = {game: _history_of(game) for game in MATCH_GAMES}
_STATISTICS = {game: _statistics_of(game) for game in MATCH_GAMES}


def _choose_profiles(situation: Situation) -> Choice:
    return stalest_first(situation, "player", "player/", endpoints=("player",))


async def _fetch_profile(run: Run, item: Item) -> None:
    """Read a profile, which is also an observation of the elo in each game."""
    answer = await run.get(f"/players/{item.segment}")
    page, parsed = run.parse("player", {"player_id": item.id}, answer)
    await run.land(page, parsed, CursorUpdate(f"player/{item.id}", {}))
    lost = [reject for reject in parsed.rejects if _is_needed(reject)]
    if lost:
        raise UnusableAnswer(
            f"the profile cannot be used ({lost[0].field_path}: {lost[0].reason})", "see `ladder rejects list`"
        )
    if not parsed.frames["players"].height:
        run.notice(
            f"{item.name}: FACEIT shows no profile; what is stored stays; "
            f"if it does not exist, `ladder untrack {SOURCE.name} {item.name}`"
        )
        return
    shown = parsed.frames.get("player_games")
    if shown is None or not set(shown["game"].to_list()) & set(GAMES):
        run.notice(f"{item.name}: the profile has none of the games that are read ({', '.join(GAMES)})")
    if parsed.rejects:
        run.notice(f"{item.name}: games that nobody reads were refused; see `ladder rejects list`")


def _is_needed(reject: Reject) -> bool:
    """Whether a profile lacks something that is read: itself, or what it tells of a game."""
    return reject.table == "players" or any(f'"game":"{game}"' in reject.record for game in GAMES)


def _choose_history(situation: Situation) -> Choice:
    def is_wanted(game: str, cursor: Cursor | None, seen: int | None) -> bool:
        return game not in RETIRED_GAMES or is_due(cursor, _RETIRED_EVERY, situation.now)

    return _of_those_who_play(situation, "player_history", is_wanted)


async def _fetch_history(run: Run, item: Item) -> None:
    """Read what is new in a player's history, and the last days of it again."""
    await walk(run, item, _HISTORIES[item.facts["game"]])


def _choose_statistics(situation: Situation) -> Choice:
    """Players with new or young matches, those who lack statistics by the schedule, and everybody once a day."""
    choice = _of_those_who_play(situation, "player_match_stats", lambda game, cursor, seen: True)
    lacking = _lacking_statistics(situation, [item.id for item in choice.items])
    chosen, due = [], 0
    for item in choice.items:
        game, cursor, seen = (item.facts[name] for name in ("game", "cursor", "history"))
        # Statistics come after their match, sometimes late.
        is_fresh = seen is not None and situation.now.timestamp() - seen < _DAILY.total_seconds()
        is_unfinished = is_walking(cursor, situation.now) or _has_moved(cursor, seen)
        lack = _lack_after(cursor, seen) if (item.id, game) in lacking and not is_unfinished else None
        is_lacking = lack is not None and lack["due_at"] is not None and lack["due_at"] <= situation.now.timestamp()
        due += is_lacking
        is_again = is_lacking or item.facts["is_whole"]
        every = _RETIRED_EVERY if game in RETIRED_GAMES else _DAILY
        if is_fresh or is_unfinished or is_again or is_due(cursor, every, situation.now):
            chosen.append(replace(item, facts={**item.facts, "lack": lack}))
    skipped = choice.skipped + len(choice.items) - len(chosen)
    return Choice(chosen, skipped, choice.failures, {"no_statistics": due} if due else {})


def _lacking_statistics(situation: Situation, ids: Sequence[str]) -> set[tuple[str, str]]:
    """Of some players those with finished matches in a game that have no statistics, and the game."""
    query = resources.files(__package__).joinpath("lacking_statistics.sql").read_bytes()
    rows = situation.connection.execute(query, {"players": list(ids), "games": list(MATCH_GAMES)})
    return {(player_id, game) for player_id, game in rows}


def _lack_after(cursor: Cursor, seen: int | None) -> dict[str, Any]:
    """How often a list was read that lacked statistics, since the history moved last, and when it is read again (s)."""
    before = cursor.value.get("lack") or {"tries": 0, "first_at": cursor.observed_at.timestamp()}
    tries, first_at = before["tries"] + 1, datetime.fromtimestamp(before["first_at"], UTC)
    played_at = None if seen is None else datetime.fromtimestamp(seen, UTC)
    due_at = due_after("no_statistics", tries, at=cursor.observed_at, first_at=first_at, played_at=played_at)
    return {"tries": tries, "first_at": before["first_at"], "due_at": None if due_at is None else due_at.timestamp()}


async def _fetch_statistics(run: Run, item: Item) -> None:
    """Read a player's statistics by match."""
    facts = {"history": item.facts["history"], "lack": item.facts["lack"]}
    await walk(run, item, _STATISTICS[item.facts["game"]], facts=facts)


def _choose_totals(situation: Situation) -> Choice:
    """Players with new matches, and those whose totals are to be compared."""
    whole_at = {game: _whole_at(situation, game) for game in MATCH_GAMES}
    choice = _of_those_who_play(situation, "player_stats", lambda game, cursor, seen: True)
    wanted = [
        item
        for item in choice.items
        for game, cursor in [(item.facts["game"], item.facts["cursor"])]
        if _has_moved(cursor, item.facts["history"])
        or is_due_for_comparison(cursor, whole_at[game].get(item.id), situation.now)
    ]
    return replace(choice, items=wanted, skipped=choice.skipped + len(choice.items) - len(wanted))


async def _fetch_totals(run: Run, item: Item) -> None:
    """Read FACEIT's own totals, over all and by map; that there are none is an answer too."""
    game = item.facts["game"]
    try:
        answer = await run.get(f"/players/{item.segment}/stats/{game}")
    except NotFoundError as error:
        answer = run.absent(error)
    page, parsed = run.parse("player_stats", {"player_id": item.id, "game": game}, answer)
    cursor = f"{_cursor_of('player_stats', game)}/{item.id}"
    await run.land(page, parsed, CursorUpdate(cursor, {"history": item.facts["history"]}))
    segments = parsed.frames.get("player_segments")
    counted = [
        (_count(row["stats"], "Matches"), _count(row["stats"], "Wins"))
        for row in (segments.iter_rows(named=True) if segments is not None else ())
        if (row["type"] or "").lower() == "map" and (row["mode"] or "").lower() == _LADDER
    ]
    if counted and all(number is not None for pair in counted for number in pair):
        matches, wins = (sum(number or 0 for number in numbers) for numbers in zip(*counted, strict=True))
        run.found[f"{game}/{item.id}"] = {"matches": matches, "wins": wins}


def _count(stats: str | None, name: str) -> int | None:
    """A count among statistics, which are text; None where it is none."""
    value = msgspec.json.decode(stats or "{}")
    text = str(value.get(name)) if isinstance(value, dict) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _compare_totals(situation: Situation, found: Mapping[str, Mapping[str, int]]) -> None:
    query = resources.files(__package__).joinpath("our_totals.sql").read_bytes()
    for game in MATCH_GAMES:
        prefix = f"{game}/"
        shown = {name.removeprefix(prefix): totals for name, totals in found.items() if name.startswith(prefix)}
        parameters = {"game": game, "suffix": _suffix(game)}
        compare(situation, SOURCE.name, query, shown, _whole_at(situation, game), parameters)


def _suffix(game: str) -> str:
    """What the names of a game's measures end with; those of the first game have no game in their names."""
    return "" if game == MATCH_GAMES[0] else f" in {game}"


def _whole_at(situation: Situation, game: str) -> dict[str, datetime]:
    """When both a player's history and statistics of a game were read whole."""
    prefixes = [f"{listings[game].cursor}/" for listings in (_HISTORIES, _STATISTICS)]
    history, statistics = (
        read_whole_at(read_cursors(situation.connection, SOURCE.name, prefix), prefix) for prefix in prefixes
    )
    return {id_: min(history[id_], statistics[id_]) for id_ in history.keys() & statistics.keys()}


def _choose_bans(situation: Situation) -> Choice:
    choice = stalest_first(situation, "player", f"{_BANS.cursor}/", endpoints=("player_bans",))
    return to_walk(choice, situation.now, every=_DAILY)


async def _fetch_bans(run: Run, item: Item) -> None:
    await walk(run, item, _BANS)


def _of_those_who_play(
    situation: Situation, endpoint: str, is_wanted: Callable[[str, Cursor | None, int | None], bool]
) -> Choice:
    """Tracked players in each game whose matches are read and that they play, each in its turn.

    Args:
        situation: what the choice depends on.
        endpoint: the endpoint that is read; also the beginning of the cursors' names.
        is_wanted: whether to read, given the game, the cursor and the newest match that the history has brought.
    """
    wanted: list[Item] = []
    skipped = 0
    failures: tuple[Failure, ...] = ()
    differing: dict[tuple[str, str], datetime] = {}
    for (player_id, measure), since in open_differences(situation, SOURCE.name).items():
        key = player_id, measure.partition("matches")[2] or measure.partition("wins")[2]
        differing[key] = max(since, differing.get(key, since))
    for game in MATCH_GAMES:
        choice = stalest_first(situation, "player", f"{_cursor_of(endpoint, game)}/", endpoints=(endpoint,))
        players = players_of(situation, [item.id for item in choice.items], game)
        history = f"{_HISTORIES[game].cursor}/"
        histories = read_cursors(situation.connection, SOURCE.name, history)
        playing = [item for item in choice.items if item.id in players]
        for item in playing:
            seen = newest(histories.get(history + item.id))
            differs_since = differing.get((item.id, _suffix(game)))
            is_whole = differs_since is not None and _begun_whole_at(item.cursor) < differs_since.timestamp()
            if is_whole or is_wanted(game, item.cursor, seen):
                name = item.name if game == MATCH_GAMES[0] else f"{item.name} in {game}"
                wanted.append(replace(item, name=name, facts={"history": seen, "game": game, "is_whole": is_whole}))
            else:
                skipped += 1
        if game == MATCH_GAMES[0]:
            skipped += choice.skipped + len(choice.items) - len(playing)
            failures = choice.failures
    return to_walk(Choice(in_turn(situation, wanted), skipped, failures), situation.now)


def _begun_whole_at(cursor: Cursor | None) -> float:
    """When (s) the newest walk through a whole list began, be it over or under way; 0 where there was none."""
    value = {} if cursor is None else cursor.value
    return value.get("walk", value).get("whole_at") or 0.0


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
