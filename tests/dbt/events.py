"""Random events between two builds. They concern few matches, players, teams and leagues, so that an event usually
changes existing rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE as OPENDOTA
from tests.dbt.project import Project
from warehouse.model.source import Page

__all__ = [
    "LATENESS",
    "START_TIMES",
    "AsOfDateChange",
    "Event",
    "EventSequence",
    "Redelivery",
    "Response",
    "TrackingChange",
    "any_events",
    "batches",
    "match_events",
    "operator_events",
    "redeliveries",
    "team_events",
]

#: Two unknown at first, the newest match, and three in which tracked players met, the last two of these among them.
MATCHES = (9, 10, 119, 130, 138, 139)
ACCOUNTS = (7, 8, 9)
#: Account ids that identify no player.
INVALID_ACCOUNTS = (0, -1, 4294967295)
SLOTS = (0, 1, 128, 129)
HEROES = (0, 1, 2)
TEAMS = (10, 20, 30)
LEAGUES = (3, 4)


def _seconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]  # year, month, day, ...


#: Start times of matches. The newest day in the initial data is 2026-03-01.
START_TIMES = (
    _seconds(2026, 3, 1, 9),
    _seconds(2026, 3, 1, 21),
    _seconds(2026, 3, 2, 9),
    _seconds(2026, 3, 9, 9),
    # Either side of the first day of each window.
    _seconds(2026, 2, 23),
    _seconds(2026, 2, 22, 23, 59, 59),
    _seconds(2026, 1, 31),
    _seconds(2026, 1, 30, 23, 59, 59),
    # Either side of the release of a patch.
    _seconds(2025, 12, 16),
    _seconds(2025, 12, 15, 23, 59, 59),
    # A year before.
    _seconds(2025, 3, 1, 12),
    # Not a possible start time.
    _seconds(2099, 1, 1),
    -1,
)
#: Responses are observed at this interval, the first one after all of the initial data.
_FIRST_OBSERVED = datetime(2026, 2, 27, tzinfo=UTC)
_INTERVAL = timedelta(hours=5)
_DATES = (None, date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 8))
#: Observation times of ranks: some on one day, one time in two spellings, one malformed.
_RATING_TIMES = (
    "2025-03-01T00:00:00.000Z",
    "2026-02-28T01:00:00.000Z",
    "2026-02-28T01:00:00Z",
    "2026-02-28T05:00:00.000Z",
    "2026-02-28T23:00:00.000Z",
    "2026-03-01T01:00:00.000Z",
    "yesterday",
)
_PROFILE_TIMES = tuple(
    (_FIRST_OBSERVED + _INTERVAL * number).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for number in range(1, 7)
)
_ENDPOINT_OF = {
    "player_matches": "player_matches",
    "matches": "match",
    "match_players": "match",
    "players": "player",
    "player_ranks": "player",
    "player_ratings": "player_ratings",
    "pro_matches": "pro_matches",
    "league_matches": "league_matches",
    "team_matches": "team_matches",
    "teams": "teams",
    "leagues": "leagues",
    "constants": "constants",
    "hero_stats": "hero_stats",
}


@dataclass(frozen=True)
class Response:
    """A response of a source, or a deletion; it may arrive after responses that were observed later."""

    endpoint: str
    body: Any
    params: dict[str, Any] = field(default_factory=dict)
    late_by: int = 0
    is_deletion: bool = False
    source: str = OPENDOTA.name


@dataclass(frozen=True)
class Redelivery:
    """An earlier page is delivered again, unchanged or with the same content and a later observation time."""

    number: int
    is_observed_later: bool


@dataclass(frozen=True)
class TrackingChange:
    """A player is tracked or untracked."""

    player_id: str
    is_tracked: bool
    source: str = OPENDOTA.name


@dataclass(frozen=True)
class AsOfDateChange:
    """The configured anchor date of the rolling windows; None lets builds use the newest play date."""

    as_of_date: date | None


Event = Response | Redelivery | TrackingChange | AsOfDateChange


@dataclass
class EventSequence:
    """Applies events to the database of a project: each call loads one batch per source."""

    project: Project
    _observed: int = 0
    _delivered: list[tuple[str, Page]] = field(default_factory=list)

    def apply(self, events: Sequence[Event]) -> None:
        """Apply events; the pages of a source are loaded as one batch."""
        pages: list[tuple[str, Page]] = []
        for event in events:
            match event:
                case Response():
                    pages.append((event.source, self._page(event)))
                case Redelivery() if self._delivered:
                    source, page = self._delivered[event.number % len(self._delivered)]
                    pages.append((source, replace(page, observed_at=self._now()) if event.is_observed_later else page))
                case TrackingChange():
                    self.project.execute(
                        "INSERT INTO ops.tracked (source, kind, id, removed_at) VALUES (%s, 'player', %s, %s) "
                        "ON CONFLICT (source, kind, id) DO UPDATE SET removed_at = excluded.removed_at",
                        event.source,
                        event.player_id,
                        None if event.is_tracked else datetime.now(UTC),
                    )
                case AsOfDateChange():
                    self.project.execute("UPDATE ops.build_inputs SET as_of_date = %s", event.as_of_date)
        self._delivered += pages
        for source in (OPENDOTA, FACEIT):
            arrived = [page for name, page in pages if name == source.name]
            if arrived:
                self.project.load(*arrived, source=source)

    def _page(self, response: Response) -> Page:
        page = self.project.page(response.endpoint, response.body, **response.params)
        return replace(
            page,
            observed_at=self._now() - _INTERVAL * response.late_by,
            kind="deletion" if response.is_deletion else "answer",
        )

    def _now(self) -> datetime:
        self._observed += 1
        return _FIRST_OBSERVED + _INTERVAL * self._observed


_matches = st.sampled_from(MATCHES)
_accounts = st.sampled_from(ACCOUNTS)
_slots = st.sampled_from(SLOTS)
_heroes = st.sampled_from(HEROES)
_teams = st.sampled_from(TEAMS)
_optional_teams = st.sampled_from((None, 0, *TEAMS, *TEAMS))
_optional_leagues = st.sampled_from((None, 0, *LEAGUES, *LEAGUES))
#: A team in its own history, its opponent, and whether the team is Radiant; often both histories have the same match.
_sides = st.sampled_from(
    ((10, 20, True), (20, 10, False), (10, 30, False), (30, 10, True), (20, None, True), (30, 0, False))
)
_team_matches = st.sampled_from((9, 119, 130, 900))
_start_times = st.sampled_from(START_TIMES)
_results = st.sampled_from((True, True, False, False, None))
_durations = st.sampled_from((1800, 1800, 1800, 2000, 300, 0))
_modes = st.sampled_from((22, 22, 22, 22, 23))
_lobbies = st.sampled_from((7, 7, 7, 7, 8))
_numbers = st.sampled_from((None, 0, 0, 3, 11))
_leaver_statuses = st.sampled_from((None, 0, 3))
_names = st.sampled_from((None, "A", "B"))
LATENESS = st.sampled_from((0, 0, 0, 1, 2, 5))


@st.composite
def _histories(draw: st.DrawFn) -> Response:
    """A page of a player's history: new and late matches, results that became known, corrections."""
    rows = [
        {
            "match_id": draw(_matches),
            "player_slot": draw(_slots),
            "radiant_win": draw(_results),
            "start_time": draw(_start_times),
            "duration": draw(_durations),
            "game_mode": draw(_modes),
            "lobby_type": draw(_lobbies),
            "hero_id": draw(_heroes),
            "version": draw(st.sampled_from((None, 21))),
            "kills": draw(_numbers),
            "deaths": draw(_numbers),
            "assists": draw(_numbers),
            "average_rank": draw(st.sampled_from((None, 35, 53, 81))),
            "leaver_status": draw(_leaver_statuses),
        }
        for _ in range(draw(st.integers(1, 3)))
    ]
    return Response("player_matches", rows, {"account_id": draw(_accounts)}, draw(LATENESS))


#: Teams and league as nested objects, beside or instead of the flat ids.
_objects = st.fixed_dictionaries(
    {},
    optional={
        "radiant_team": st.fixed_dictionaries({"team_id": _optional_teams, "name": _names}),
        "dire_team": st.fixed_dictionaries({"team_id": _optional_teams, "name": _names}),
        "league": st.fixed_dictionaries({"leagueid": _optional_leagues, "name": _names}),
    },
)
_drafts = st.one_of(
    st.none(),
    st.just("unknown"),
    st.lists(
        st.fixed_dictionaries(
            {"is_pick": st.booleans(), "hero_id": st.sampled_from((None, *HEROES)), "order": st.integers(0, 2)}
        ),
        max_size=3,
    ),
)


@st.composite
def _details(draw: st.DrawFn) -> Response:
    """Details of a match: players (anonymous or not), teams and draft."""
    match_id = draw(_matches)
    players = [
        {
            "player_slot": slot,
            "account_id": draw(st.sampled_from((None, *INVALID_ACCOUNTS, *ACCOUNTS, *ACCOUNTS))),
            "personaname": draw(_names),
            "name": draw(_names),
            "hero_id": draw(_heroes),
            "kills": draw(_numbers),
            "deaths": draw(_numbers),
            "assists": draw(_numbers),
            "gold_per_min": draw(_numbers),
            "last_hits": draw(_numbers),
            "hero_damage": draw(_numbers),
            "leaver_status": draw(_leaver_statuses),
        }
        for slot in draw(st.lists(_slots, unique=True, max_size=4))
    ]
    match = {
        "match_id": match_id,
        "radiant_win": draw(_results),
        "start_time": draw(_start_times),
        "duration": draw(_durations),
        "game_mode": draw(_modes),
        "lobby_type": draw(_lobbies),
        "patch": draw(st.sampled_from((None, 58))),
        "leagueid": draw(_optional_leagues),
        "radiant_team_id": draw(_optional_teams),
        "dire_team_id": draw(_optional_teams),
        "radiant_name": draw(_names),
        "dire_name": draw(_names),
        "radiant_score": draw(_numbers),
        "picks_bans": draw(_drafts),
        "players": players,
    } | draw(_objects)
    return Response("match", match, {"match_id": match_id}, draw(LATENESS))


@st.composite
def _matches_of_lists(draw: st.DrawFn) -> Response:
    """A page of matches between teams: professional matches, or those of a league or a team."""
    endpoint = draw(st.sampled_from(("pro_matches", "league_matches", "team_matches")))
    row: dict[str, Any] = {
        "match_id": draw(_team_matches),
        "start_time": draw(_start_times),
        "radiant_win": draw(_results),
        "leagueid": draw(_optional_leagues),
        "radiant_score": draw(_numbers),
        "dire_score": draw(_numbers),
    }
    if endpoint == "team_matches":
        team, opponent, is_radiant = draw(_sides)
        row |= {"radiant": is_radiant, "opposing_team_id": opponent, "opposing_team_name": draw(_names)}
        row |= {"opposing_team": {"team_id": draw(_optional_teams)}, "league_name": draw(_names)}
        return Response(endpoint, [row], {"team_id": team}, draw(LATENESS))
    row |= {"radiant_team_id": draw(_optional_teams), "dire_team_id": draw(_optional_teams)} | draw(_objects)
    if endpoint == "pro_matches":
        row |= {"radiant_name": draw(_names), "dire_name": draw(_names), "league_name": draw(_names)}
    return Response(endpoint, [row], {"league_id": 3} if endpoint == "league_matches" else {}, draw(LATENESS))


@st.composite
def _profiles(draw: st.DrawFn) -> Response:
    """A player's profile with its rank."""
    account = draw(_accounts)
    profile = {"account_id": account, "personaname": draw(_names), "loccountrycode": draw(_names)}
    ranks = {"rank_tier": draw(st.sampled_from((None, 0, 52, 53, 80))), "leaderboard_rank": draw(_numbers)}
    return Response("player", {"profile": profile} | ranks, {"account_id": account}, draw(LATENESS))


@st.composite
def _ratings(draw: st.DrawFn) -> Response:
    """A player's rating history."""
    rows = [
        {
            "time": time,
            "rank_tier": draw(st.sampled_from((None, 52, 53, 80))),
            "solo_competitive_rank": draw(st.sampled_from((None, 0, 4000))),
        }
        for time in draw(st.lists(st.sampled_from(_RATING_TIMES), unique=True, min_size=1, max_size=3))
    ]
    return Response("player_ratings", rows, {"account_id": draw(_accounts)}, draw(LATENESS))


@st.composite
def _teams_and_leagues(draw: st.DrawFn) -> Response:
    """The list of teams or of leagues."""
    if draw(st.booleans()):
        team = {"team_id": draw(_teams), "name": draw(_names), "rating": draw(st.sampled_from((None, 1200.5)))}
        team |= {"last_match_time": draw(st.sampled_from((0, *START_TIMES[:4])))}
        return Response("teams", [team], {}, draw(LATENESS))
    return Response("leagues", [{"leagueid": draw(st.sampled_from(LEAGUES)), "name": draw(_names)}])


@st.composite
def _constants(draw: st.DrawFn) -> Response:
    """Reference data: patches, game modes and lobby types, which every match depends on, and heroes."""
    resource = draw(st.sampled_from(("patch", "game_mode", "lobby_type", "heroes")))
    is_balanced = draw(st.booleans())
    body: Any
    match resource:
        case "patch":
            released = draw(st.sampled_from(("2025-12-16T00:00:00Z", "2026-03-01T12:00:00Z", "2026-02-23T00:00:00Z")))
            body = [{"id": draw(st.sampled_from((59, 60))), "name": "7.41", "date": released}]
        case "game_mode":
            body = {str(mode): {"id": mode, "balanced": is_balanced} for mode in (22, 23)}
        case "lobby_type":
            body = {"8": {"id": 8, "balanced": is_balanced}}
        case _:
            body = {str(draw(_heroes)): {"localized_name": draw(_names)}}
    return Response("constants", body, {"resource": resource}, draw(LATENESS))


def _deletions(*tables: str) -> st.SearchStrategy[Response]:
    """Deletions of rows of these tables."""

    @st.composite
    def deletion(draw: st.DrawFn) -> Response:
        table = draw(st.sampled_from(tables))
        key = {name: draw(values) for name, values in _KEYS[table].items()}
        body = {"table": table, "keys": [key]}
        return Response(_ENDPOINT_OF[table], body, {}, draw(LATENESS), is_deletion=True)

    return deletion()


_KEYS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "player_matches": {"match_id": _matches, "account_id": _accounts},
    "matches": {"match_id": _matches},
    "match_players": {"match_id": _matches, "player_slot": _slots},
    "players": {"account_id": _accounts},
    "player_ratings": {"account_id": _accounts, "time": st.sampled_from(_RATING_TIMES)},
    "player_ranks": {"account_id": _accounts, "observed_at": st.sampled_from(_PROFILE_TIMES)},
    "pro_matches": {"match_id": _team_matches},
    "league_matches": {"match_id": _team_matches},
    "team_matches": {"match_id": _team_matches, "team_id": _teams},
    "teams": {"team_id": _teams},
    "leagues": {"leagueid": st.sampled_from(LEAGUES)},
    "constants": {"resource": st.just("patch"), "id": st.sampled_from(("59", "60"))},
    "hero_stats": {"id": st.just(1)},
}
redeliveries = st.builds(Redelivery, st.integers(0, 9), st.booleans())
_of_matches = (
    _histories(),
    _histories(),
    _details(),
    _deletions("player_matches", "matches", "match_players"),
    redeliveries,
)
_of_teams = (
    _matches_of_lists(),
    _matches_of_lists(),
    _teams_and_leagues(),
    _details(),
    _deletions("matches", "pro_matches", "league_matches", "team_matches", "teams", "leagues"),
    redeliveries,
)
_of_players = (_profiles(), _ratings(), _deletions("players", "player_ranks", "player_ratings"))


def batches(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Event]]:
    """Lists of events of these kinds, to be applied between two builds."""
    return st.lists(st.one_of(*kinds), min_size=1, max_size=4)


#: Changes of histories and details of matches.
match_events = batches(*_of_matches)
#: Changes of teams, their matches and leagues.
team_events = batches(*_of_teams)
#: Changes made by an operator.
operator_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(TrackingChange, _accounts.map(str), st.booleans()), st.builds(AsOfDateChange, st.sampled_from(_DATES))
)
#: Any change of OpenDota's data that a build has to apply.
any_events = batches(*_of_matches, *_of_teams, *_of_players, operator_events, _constants(), _deletions(*_KEYS))
