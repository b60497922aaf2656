"""FACEIT's responses about matches: records of a history, details, statistics by map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.faceit.accounts import CS2
from sandbox.faceit.factions import ASSETS, PAGES, factions, lineup_of, named, page_of
from sandbox.faceit.match_log import BYE, CANCELLED, MISSING, PLAYED
from sandbox.faceit.scene import MAPS
from sandbox.faceit.statistics import Row, match_texts, text
from sandbox.faceit.world import FaceitWorld

_WORKSHOP_IDS = {name: str(3_070_000_000 + place) for place, name in enumerate(MAPS)}
_LOCATIONS = ("Germany", "Netherlands", "Sweden", "France", "UK", "Chicago", "Dallas")

JsonObject = dict[str, Any]


def find(faceit: FaceitWorld, match_id: str, at: int) -> int | None:
    """Position of a match in the match log; None if FACEIT does not list it (yet)."""
    row = faceit.history.rows.get(match_id)
    return None if row is None or faceit.history.series.visible_at[row] > at else row


def listed_at(faceit: FaceitWorld, row: int) -> int:
    """The time (s) by which histories select and sort a match: its start, or its end if it never began."""
    series = faceit.history.series
    return int(series.started_at[row] if series.started_at[row] != MISSING else series.finished_at[row])


def history_item(faceit: FaceitWorld, row: int, at: int) -> JsonObject:
    """One record of `/players/{id}/history`."""
    series = faceit.history.series
    competition = faceit.scene.competitions[series.competition[row]]
    sides = factions(faceit, row)
    teams = {}
    for side, faction in enumerate(sides):
        players = [
            {
                **named(account),
                "skill_level": int(series.level[row, column]),
                "game_player_id": account.game_player_id(CS2),
                "game_player_name": account.nickname,
                "faceit_url": page_of(account),
            }
            for column, account in lineup_of(faceit, row, side)
        ]
        teams[f"faction{side + 1}"] = {
            "team_id": faction["faction_id"],
            "nickname": faction["name"],
            "avatar": faction["avatar"],
            "type": faction["type"],
            "players": players,
        }
    return {
        "match_id": str(series.match_id[row]),
        "game_id": CS2,
        "region": competition.region,
        "match_type": "",
        "game_mode": "5v5",
        "max_players": 10,
        "teams_size": 5,
        "teams": teams,
        "playing_players": [account.player_id for side in (0, 1) for _, account in lineup_of(faceit, row, side)],
        "competition_id": competition.competition_id,
        "competition_name": competition.name,
        "competition_type": competition.kind,
        "organizer_id": competition.organizer_id,
        "status": _status(faceit, row, at).lower(),
        **_times(faceit, row, at),
        **_results(faceit, row, at),
        "faceit_url": f"{PAGES}/cs2/room/{series.match_id[row]}",
    }


def detail(faceit: FaceitWorld, row: int, at: int) -> JsonObject:
    """`/matches/{id}`; the lists of hubs and championships have the same records."""
    series, maps = faceit.history.series, faceit.history.maps
    competition = faceit.scene.competitions[series.competition[row]]
    match_id = str(series.match_id[row])
    places = faceit.history.maps_of(row)
    payload: JsonObject = {
        "match_id": match_id,
        "version": 2,
        "game": CS2,
        "region": competition.region,
        "competition_id": competition.competition_id,
        "competition_type": competition.kind,
        "competition_name": competition.name,
        "organizer_id": competition.organizer_id,
        "teams": {f"faction{side}": faction for side, faction in enumerate(factions(faceit, row), start=1)},
        "calculate_elo": competition.is_rated,
        "configured_at": int(series.configured_at[row]),
        **_times(faceit, row, at),
        "chat_room_id": f"match-{match_id}",
        "best_of": int(series.best_of[row]),
        **_results(faceit, row, at),
        "status": _status(faceit, row, at),
        "faceit_url": f"{PAGES}/cs2/room/{match_id}",
    }
    if series.scheduled_at[row] != MISSING:
        payload |= {"scheduled_at": int(series.scheduled_at[row]), "round": row % 9 + 1, "group": 1}
    if places:
        # Hubs vote on workshop maps, by their workshop ids.
        ids = {name: _WORKSHOP_IDS[name] if competition.kind == "hub" else name for name in MAPS}
        picks = [ids[MAPS[maps.map[place]]] for place in places]
        payload["voting"] = {
            "voted_entity_types": ["location", "map"],
            "location": {
                "entities": _votables("game_location_id", {name: name for name in _LOCATIONS}),
                "pick": [_LOCATIONS[row % 7]],
            },
            "map": {"entities": _votables("game_map_id", ids), "pick": picks},
        }
    if places and payload["status"] == "FINISHED":
        demos = [f"https://demos.example.invalid/cs2/{match_id}-1-{n}.dem.zst" for n in range(1, len(places) + 1)]
        payload["demo_url"] = demos
        payload["instances"] = [
            {"id": f"{match_id}-1-{n}", "round": n, "demos": [demo]} for n, demo in enumerate(demos, 1)
        ]
        if not series.is_scored_in_maps[row]:
            payload["detailed_results"] = [_map_result(maps.scores[place].tolist()) for place in places]
    return payload


def statistics(faceit: FaceitWorld, row: int, at: int) -> JsonObject | None:
    """`/matches/{id}/stats`; None if there are none (yet)."""
    series, maps = faceit.history.series, faceit.history.maps
    if series.state[row] != PLAYED or series.result_at[row] > at:
        return None
    competition = faceit.scene.competitions[series.competition[row]]
    sides = factions(faceit, row)
    rounds = []
    for place in faceit.history.maps_of(row):
        scores = maps.scores[place].tolist()
        rounds.append(
            {
                "best_of": str(series.best_of[row]),
                "competition_id": competition.competition_id if series.is_detailed[row] else None,
                "game_id": CS2,
                "game_mode": "5v5",
                "match_id": str(series.match_id[row]),
                "match_round": str(maps.number[place]),
                "played": "1",
                "round_stats": {
                    "Map": MAPS[maps.map[place]],
                    "Region": competition.region,
                    "Rounds": str(sum(scores)),
                    "Score": f"{scores[0]} / {scores[1]}",
                    "Winner": sides[int(scores[1] > scores[0])]["faction_id"],
                },
                "teams": [_team_statistics(faceit, row, place, side, sides[side]) for side in (0, 1)],
            }
        )
    return {"rounds": rounds}


def _status(faceit: FaceitWorld, row: int, at: int) -> str:
    series = faceit.history.series
    if series.state[row] == CANCELLED:
        return "CANCELLED"
    return "FINISHED" if series.result_at[row] <= at else "ONGOING"


def _times(faceit: FaceitWorld, row: int, at: int) -> JsonObject:
    """A match that never began has no start; a match in progress has no end."""
    series = faceit.history.series
    times = {}
    if series.started_at[row] != MISSING:
        times["started_at"] = int(series.started_at[row])
    if series.result_at[row] <= at:
        times["finished_at"] = int(series.finished_at[row])
    return times


def _results(faceit: FaceitWorld, row: int, at: int) -> JsonObject:
    """Winner (empty for a draw) and score. Half of the cancelled matches have none, half have an empty winner."""
    series, maps = faceit.history.series, faceit.history.maps
    if series.state[row] == CANCELLED:
        return {"results": {"winner": "", "score": {"faction1": 0, "faction2": 0}}} if row % 2 else {}
    if series.result_at[row] > at:
        return {}
    places = faceit.history.maps_of(row)
    scores = [maps.scores[place].tolist() for place in places]
    if series.state[row] == BYE:
        score = [1, 0]
    elif len(scores) > 1 or series.best_of[row] > 1 or series.is_scored_in_maps[row]:
        score = [sum(one > other for one, other in scores), sum(other > one for one, other in scores)]
    else:
        score = scores[0]
    winner = "" if series.winner[row] == MISSING else f"faction{series.winner[row] + 1}"
    return {"results": {"winner": winner, "score": {"faction1": score[0], "faction2": score[1]}}}


def _map_result(scores: list[int]) -> JsonObject:
    winner = "faction1" if scores[0] > scores[1] else "faction2"
    return {
        "asc_score": False,
        "winner": winner,
        "factions": {"faction1": {"score": scores[0]}, "faction2": {"score": scores[1]}},
    }


def _team_statistics(faceit: FaceitWorld, row: int, place: int, side: int, faction: JsonObject) -> JsonObject:
    maps = faceit.history.maps
    scores, halves = maps.scores[place].tolist(), maps.halves[place, side].tolist()
    lineup = lineup_of(faceit, row, side)
    players = [
        {
            "player_id": account.player_id,
            "nickname": account.nickname,
            "player_stats": match_texts(faceit, Row(row, place, column)),
        }
        for column, account in lineup
    ]
    columns = [column for column, _ in lineup]
    headshots = int(maps.stat("headshots")[place, columns].sum())
    return {
        "team_id": faction["faction_id"],
        "premade": faction["type"] == "premade",
        "team_stats": {
            "Team": faction["name"],
            "Team Win": str(int(scores[side] > scores[1 - side])),
            "Team Headshots": text(headshots / len(players), 1),
            "First Half Score": str(halves[0]),
            "Second Half Score": str(halves[1]),
            "Overtime score": str(halves[2]),
            "Final Score": str(scores[side]),
        },
        "players": players,
    }


def _votables(kind: str, ids: Mapping[str, str]) -> list[JsonObject]:
    """The options of a vote, as names with their ids."""
    return [
        {
            "guid": id_,
            "class_name": name,
            kind: id_,
            "name": name.removeprefix("de_").capitalize(),
            **{f"image_{size}": f"{ASSETS}/votables/{name}_{size}.jpeg" for size in ("lg", "sm")},
        }
        for name, id_ in ids.items()
    ]
