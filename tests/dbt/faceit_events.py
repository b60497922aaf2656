"""Random events of FACEIT between two builds. They concern few matches, maps and players; some players share Steam
accounts with each other and with players of OpenDota.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ingestion.sources.faceit.source import FACTIONS, SOURCE
from tests.dbt.events import LATENESS, START_TIMES, Event, Response, TrackingChange, batches, redeliveries

__all__ = ["STEAM_BASE", "faceit_any_events", "faceit_match_events", "faceit_operator_events", "faceit_player_events"]

#: A Steam id (64 bit) less the account id.
STEAM_BASE = 76561197960265728
MATCHES = ("m1", "m2", "m3", "m4")
#: The last one identifies no player.
PLAYERS = ("p1", "p2", "p3", "p4", "p5", "p6", "p7", "")
TEAMS = ("t1", "t2", "t3", "bye")
#: A map of the seeds in two spellings, other maps, and a workshop map that a vote may name.
MAPS = ("de_inferno", "Inferno", "de_Nuke", "cs_office", "", "3070284539", "workshop/3070284539/de_pango")
#: Steam accounts of two players of OpenDota, and of one that OpenDota does not have.
ACCOUNTS = (7, 8, 11)
_ENDPOINT_OF = {
    "players": "player",
    "player_games": "player",
    "player_elos": "player",
    "history_matches": "player_history",
    "history_players": "player_history",
    "player_match_stats": "player_match_stats",
    "matches": "match",
    "match_factions": "match",
    "match_rosters": "match",
    "match_rounds": "match_stats",
    "match_round_teams": "match_stats",
    "match_round_players": "match_stats",
    "rankings": "ranking",
}

_matches = st.sampled_from(MATCHES)
_players = st.sampled_from(PLAYERS)
_tracked_players = st.sampled_from(PLAYERS[:-1])
_teams = st.sampled_from((*TEAMS, *TEAMS[:2]))
_map_winners = st.sampled_from((*TEAMS, *TEAMS[:2], "", ""))
_games = st.sampled_from(("cs2", "cs2", "cs2", "csgo", "pubg"))
_names = st.sampled_from(("", "A", "B"))
_rounds = st.sampled_from((1, 1, 2, 12))
_winners = st.sampled_from((*FACTIONS, *FACTIONS, "", ""))
#: Scores of matches and of maps: wins, draws, and scores without a result.
_results = st.sampled_from(((1, 0), (1, 1), (13, 7), (15, 15), (0, 0), None))
_modes = st.sampled_from(("5v5", "5v5", "5v5", "5v5 Competitive", "2v2", "Wingman", "aim", "", None))
_sizes = st.sampled_from((None, None, 5, 2, 3))
_statuses = st.sampled_from(("finished", "FINISHED", "finished", "CANCELLED", "ongoing"))
_levels = st.sampled_from((None, 1, 4, "10", 11))
_elos = st.sampled_from((None, 0, 99, 1000, 2001))
_maps = st.sampled_from(MAPS)
#: Numbers as FACEIT sends them, the greatest that is accepted, and a text that is no number.
_few = st.sampled_from(("0", "1", "2", "18", "999999999", "a lot"))
_entities = st.lists(
    st.fixed_dictionaries(
        {
            "guid": st.sampled_from(("3070284539", "de_inferno")),
            "class_name": st.sampled_from(("de_pango", "cs_pango", "")),
        }
    ),
    max_size=2,
)
#: Start and end times of matches in seconds since 1970, or None.
_start_times = st.sampled_from((None, *START_TIMES))
_steam_ids = st.sampled_from(("", "what", *(str(account + STEAM_BASE) for account in ACCOUNTS)))
_dota_accounts = st.sampled_from(("", *(f"[U:1:{account}]" for account in ACCOUNTS), str(7 + STEAM_BASE)))
_sides = st.lists(_players, unique=True, max_size=7).map(lambda ids: {"faction1": ids[::2], "faction2": ids[1::2]})
_statistics = st.dictionaries(
    st.sampled_from(
        ("Kills", "Kills", "Deaths", "Assists", "Headshots", "Damage", "Double Kills", "Penta Kills", "First Kills")
    ),
    _few,
    max_size=6,
).map(lambda drawn: {"Triple Kills": "0", "Quadro Kills": "0", "Penta Kills": "0", "ADR": "75.72", **drawn})
#: Or a row of zeros, as of a player who left.
_statistics = st.one_of(_statistics, _statistics, st.just({"Kills": "0", "Deaths": "0", "Assists": "0", "ADR": "0"}))


def _response(draw: st.DrawFn, endpoint: str, body: Any, **params: Any) -> Response:
    return Response(endpoint, body, params, draw(LATENESS), source=SOURCE.name)


@st.composite
def _profiles(draw: st.DrawFn) -> Response:
    """A player's profile with accounts and elos."""
    player = draw(_tracked_players)
    games = {
        game: {
            "game_player_id": draw(accounts),
            "faceit_elo": draw(_elos),
            "skill_level": draw(_levels),
            "region": "EU",
        }
        for game, accounts in (("cs2", _steam_ids), ("csgo", _steam_ids), ("dota2", _dota_accounts))
        if draw(st.booleans())
    }
    body = {"player_id": player, "nickname": draw(_names), "country": draw(st.sampled_from(("", "gb")))}
    return _response(draw, "player", body | {"steam_id_64": draw(_steam_ids), "games": games}, player_id=player)


@st.composite
def _rankings(draw: st.DrawFn) -> Response:
    """The first positions of a ranking."""
    items = [
        {"player_id": draw(_players), "nickname": draw(_names), "country": "fr", "position": place, "faceit_elo": elo}
        for place, elo in enumerate(draw(st.lists(_elos, max_size=2)), 1)
    ]
    game = draw(st.sampled_from(("cs2", "cs2", "dota2")))
    return _response(draw, "ranking", {"items": items}, game_id=game, region="EU")


@st.composite
def _histories(draw: st.DrawFn) -> Response:
    """A page of a player's history: new, late and cancelled matches, corrections."""
    items = []
    for match_id in draw(st.lists(_matches, unique=True, min_size=1, max_size=2)):
        sides = draw(_sides)
        item = {
            "match_id": match_id,
            "game_id": draw(_games),
            "game_mode": draw(_modes),
            "teams_size": draw(_sizes),
            "status": draw(_statuses),
            "started_at": draw(_start_times),
            "finished_at": draw(_start_times),
            "competition_id": "c1",
            "competition_type": draw(st.sampled_from(("matchmaking", "championship"))),
            "playing_players": draw(st.sampled_from((None, [], list(PLAYERS[:4])))),
            "results": {"winner": draw(_winners), "score": _score(draw(_results))},
            "teams": {
                faction: {"team_id": draw(_teams), "nickname": draw(_names), "players": [_played(draw, p) for p in ids]}
                for faction, ids in sides.items()
            },
        }
        items.append(item)
    return _response(draw, "player_history", {"items": items}, player_id="p1", game="cs2")


def _score(result: tuple[int, int] | None) -> dict[str, int]:
    return {} if result is None else dict(zip(FACTIONS, result, strict=True))


def _played(draw: st.DrawFn, player_id: str) -> dict[str, Any]:
    account = {"game_player_id": draw(_steam_ids), "nickname": draw(_names)}
    return {"player_id": player_id, "skill_level": draw(_levels), "game_skill_level": draw(_levels)} | account


@st.composite
def _listed(draw: st.DrawFn) -> Response:
    """A page of a player's statistics by map."""
    place = {"Match Id": draw(_matches), "Match Round": str(draw(_rounds)), "Map": draw(_maps), "Game": "cs2"}
    of_map = {"Winner": draw(_map_winners), "Rounds": draw(_few), "Best Of": draw(st.sampled_from(("1", "2", "3")))}
    of_map |= {"Game Mode": draw(_modes), "Score": draw(st.sampled_from(("13 / 5", "15 / 15", "0 / 0", "")))}
    player = draw(_players)
    stats = draw(_statistics) | place | of_map | {"Player Id": player, "Match Finished At": 1772400000000}
    return _response(draw, "player_match_stats", {"items": [{"stats": stats}]}, player_id=player, game="cs2")


@st.composite
def _details(draw: st.DrawFn) -> Response:
    """Details of a match: sides, rosters, substitutes and results by map."""
    match_id = draw(_matches)
    sides = draw(_sides)
    body = {
        "match_id": match_id,
        "game": draw(_games),
        "status": draw(_statuses),
        "best_of": draw(st.sampled_from((None, 1, 1, 2, 3))),
        "started_at": draw(_start_times),
        "finished_at": draw(_start_times),
        "competition_id": draw(st.sampled_from(("", "c1"))),
        "competition_name": draw(_names),
        "competition_type": draw(st.sampled_from(("matchmaking", "championship"))),
        "results": {"winner": draw(_winners), "score": _score(draw(_results))},
        "detailed_results": [
            {
                "winner": draw(_winners),
                "factions": {faction: {"score": score} for faction, score in _score(draw(_results)).items()},
            }
            for _ in range(draw(st.integers(0, 3)))
        ],
        "voting": {"map": {"pick": draw(st.lists(_maps, max_size=2)), "entities": draw(_entities)}},
        "teams": {
            faction: {
                "faction_id": draw(_teams),
                "name": draw(_names),
                "type": draw(st.sampled_from(("", "premade", "premade"))),
                "roster": [_played(draw, player) for player in ids[:2]],
                "substitutes": [
                    _played(draw, player) | {"playing": draw(st.sampled_from((None, True)))} for player in ids[2:]
                ],
            }
            for faction, ids in sides.items()
        },
    }
    return _response(draw, "match", body, match_id=match_id)


@st.composite
def _match_statistics(draw: st.DrawFn) -> Response:
    """Statistics of one or more maps of a match."""
    match_id = draw(_matches)
    rounds = [
        {
            "match_id": match_id,
            "match_round": str(number),
            "game_id": "cs2",
            "game_mode": draw(_modes),
            "best_of": draw(st.sampled_from(("1", "1", "2", "3", None))),
            "played": draw(st.sampled_from(("1", "1", "0", None))),
            "round_stats": {"Map": draw(_maps), "Winner": draw(_map_winners), "Rounds": draw(_few)},
            "teams": [
                {
                    "team_id": team,
                    "premade": draw(st.booleans()),
                    "team_stats": {"Final Score": draw(st.sampled_from(("15", "15", "7", "a lot")))},
                    "players": [
                        {"player_id": player, "nickname": draw(_names), "player_stats": draw(_statistics)}
                        for player in ids
                    ],
                }
                for team, ids in zip(
                    draw(st.lists(_teams, unique=True, min_size=2, max_size=2)), draw(_sides).values(), strict=True
                )
            ],
        }
        for number in draw(st.lists(_rounds, unique=True, min_size=1, max_size=2))
    ]
    return _response(draw, "match_stats", {"rounds": rounds}, match_id=match_id)


_KEYS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "players": {"player_id": _players},
    "player_games": {"player_id": _players, "game": st.sampled_from(("cs2", "dota2"))},
    "history_matches": {"match_id": _matches},
    "history_players": {"match_id": _matches, "player_id": _players},
    "player_match_stats": {"match_id": _matches, "match_round": _rounds, "player_id": _players},
    "matches": {"match_id": _matches},
    "match_factions": {"match_id": _matches, "faction": st.sampled_from(FACTIONS)},
    "match_rosters": {"match_id": _matches, "player_id": _players},
    "match_rounds": {"match_id": _matches, "match_round": _rounds},
    "match_round_teams": {"match_id": _matches, "match_round": _rounds, "team_id": _teams},
    "match_round_players": {"match_id": _matches, "match_round": _rounds, "player_id": _players},
    "rankings": {"game_id": st.just("cs2"), "region": st.just("EU"), "position": st.sampled_from((1, 2))},
}


def _deletions(*tables: str) -> st.SearchStrategy[Response]:
    """Deletions of rows of these tables."""

    @st.composite
    def deletion(draw: st.DrawFn) -> Response:
        table = draw(st.sampled_from(tables))
        body = {"table": table, "keys": [{name: draw(values) for name, values in _KEYS[table].items()}]}
        return Response(_ENDPOINT_OF[table], body, {}, draw(LATENESS), is_deletion=True, source=SOURCE.name)

    return deletion()


_of_matches = (
    _histories(),
    _histories(),
    _details(),
    _listed(),
    _match_statistics(),
    _deletions(*(table for table in _KEYS if table not in ("players", "player_games", "rankings"))),
    redeliveries,
)
_of_players = (
    _profiles(),
    _profiles(),
    _rankings(),
    _histories(),
    _deletions("players", "player_games", "rankings", "history_players", "match_rosters"),
    redeliveries,
)
#: Changes of histories, details and statistics of matches.
faceit_match_events = batches(*_of_matches)
#: Changes of profiles, accounts and rankings.
faceit_player_events = batches(*_of_players)
#: Changes made by an operator.
faceit_operator_events: st.SearchStrategy[Event] = st.builds(
    TrackingChange, _tracked_players, st.booleans(), st.just(SOURCE.name)
)
#: Any change of FACEIT's data that a build has to apply.
faceit_any_events = batches(*_of_matches, *_of_players, faceit_operator_events)
