"""OpenDota as an ASGI application: routes, authentication, rate limits and errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Faults, Kind
from sandbox.opendota import catalog, matches, players, teams
from sandbox.opendota.rows import Rows, matching, page
from sandbox.pro_scene import LEAGUES
from sandbox.rate_limits import RequestBudget, RequestLimits
from sandbox.rules import DAY_S
from sandbox.upstream import Upstream, is_delivered, json_response
from sandbox.world import Rank, World

_MAX_ACCOUNT_ID = 2**32 - 1
_FAULT_ERRORS: dict[Kind, tuple[int, str]] = {
    "too_many": (429, "minute rate limit exceeded"),
    "server_error": (500, "Internal Server Error"),
}


# Fields of a record, with the text of a malformed one.
_CORRUPTIBLE_FIELDS = (
    ("hero_id", "not a hero"),
    ("kills", "many"),
    ("duration", "n/a"),
    ("start_time", "yesterday"),
    ("game_mode", "?"),
)


@dataclass(frozen=True)
class ObservedRank:
    """The rank that a profile showed at a time of the world (Unix s)."""

    account_id: int
    at: int
    rank: Rank


class OpenDota(Upstream):
    """The upstream over one world, to be mounted under its base path (`/api`)."""

    paging = frozenset({"offset", "less_than_match_id"})

    def __init__(self, world: World, *, limits: RequestLimits, faults: Faults) -> None:
        self.world = world
        self.observed_ranks: list[ObservedRank] = []
        self._budget = RequestBudget(limits)
        routes = [
            Route("/players/{account_id}", self._profile),
            Route("/players/{account_id}/matches", self._player_matches),
            Route("/players/{account_id}/{part}", self._player_part),
            Route("/matches/{match_id}", self._match),
            Route("/proMatches", self._pro_matches),
            Route("/publicMatches", self._public_matches),
            Route("/teams", self._teams),
            Route("/teams/{team_id}", self._team),
            Route("/teams/{team_id}/{part}", self._team),
            Route("/leagues", self._leagues),
            Route("/leagues/{league_id}", self._league),
            Route("/leagues/{league_id}/{part}", self._league),
            Route("/heroStats", self._hero_stats),
            Route("/distributions", self._distributions),
            Route("/constants/{resource}", self._constants),
            Route("/search", self._search),
        ]
        super().__init__(routes, {HTTPException: _error_response, ValueError: _bad_query}, faults=faults)

    def authenticate(self, request: Request) -> tuple[bool, Response | None]:
        """Accept a key in the header or the query; without a key the public limits apply."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        key = request.query_params.get("api_key") or bearer
        if key and key not in self._budget.limits.keys:
            return False, _error(400, "Invalid API key format")
        return bool(key), None

    def count_request(self, *, has_key: bool) -> tuple[dict[str, str], Response | None]:
        """Count the request; remaining requests of minute and day are in separate headers."""
        minute, day = self._budget.spend(has_key=has_key, world_day=self.world.now // DAY_S)
        headers = {"X-Rate-Limit-Remaining-Minute": str(max(0, minute))}
        if day is not None:
            headers["X-Rate-Limit-Remaining-Day"] = str(max(0, day))
        if day is not None and day < 0:
            return headers, _error(429, "daily api limit exceeded")
        return headers, _error(429, "minute rate limit exceeded") if minute < 0 else None

    def fault_response(self, kind: Kind) -> Response | None:
        """429 and 500 in OpenDota's form."""
        return _error(*_FAULT_ERRORS[kind]) if kind in _FAULT_ERRORS else None

    def _person(self, request: Request) -> int:
        text = request.path_params["account_id"]
        if not text.isdecimal() or int(text) > _MAX_ACCOUNT_ID:
            raise HTTPException(400, "invalid account id")
        person = self.world.people.person_of(int(text))
        if person is None:
            raise HTTPException(404, "Not Found")
        return person

    async def _profile(self, request: Request) -> Response:
        person = self._person(request)
        at = self.world.now
        if is_delivered(request):
            account_id = int(self.world.people.account_id[person])
            self.observed_ranks.append(ObservedRank(account_id, at, self.world.rank(person, at)))
        return json_response(players.profile(self.world, person, at))

    async def _player_matches(self, request: Request) -> Response:
        person = self._person(request)
        rows = matching(Rows.of(self.world, person, self.world.now), request.query_params)
        records: list[dict[str, Any]] = page(rows, request.query_params, _projected(request))
        if is_delivered(request):
            self.fault_injector.corrupt(int(self.world.people.account_id[person]), records, _CORRUPTIBLE_FIELDS)
        return json_response(records)

    async def _player_part(self, request: Request) -> Response:
        person = self._person(request)
        at = self.world.now
        every = Rows.of(self.world, person, at)
        chosen = matching(every, request.query_params)
        parts: dict[str, Callable[[], Any]] = {
            "wl": lambda: players.win_loss(chosen),
            "heroes": lambda: players.heroes(chosen, [hero.hero_id for hero in catalog.heroes_at(self.world, at)]),
            "peers": lambda: players.peers(chosen, person),
            "totals": lambda: players.totals(chosen),
            "counts": lambda: players.counts(chosen),
            "rankings": lambda: players.rankings(chosen),
            "ratings": lambda: players.ratings(self.world, person, at),
            "recentMatches": lambda: players.recent_matches(every),
        }
        return json_response(parts.get(request.path_params["part"], _not_found)())

    async def _match(self, request: Request) -> Response:
        text = request.path_params["match_id"]
        payload = matches.detail(self.world, int(text), self.world.now) if text.isdecimal() else None
        return json_response(payload if payload is not None else _not_found())

    async def _pro_matches(self, request: Request) -> Response:
        return json_response(matches.pro_matches(self.world, request.query_params, self.world.now))

    async def _public_matches(self, request: Request) -> Response:
        return json_response(matches.public_matches(self.world, request.query_params, self.world.now))

    async def _teams(self, _: Request) -> Response:
        return json_response(teams.teams(self.world, self.world.now))

    async def _team(self, request: Request) -> Response:
        at = self.world.now
        text = request.path_params["team_id"]
        team = (teams.find_team(self.world, int(text)) if text.isdecimal() else None) or _not_found()
        parts: dict[str, Callable[[], Any]] = {
            "": lambda: next(row for row in teams.teams(self.world, at) if row["team_id"] == team.team_id),
            "matches": lambda: teams.team_matches(self.world, team, at),
            "players": lambda: teams.team_players(self.world, team, at),
        }
        return json_response(parts.get(request.path_params.get("part", ""), _not_found)())

    async def _leagues(self, _: Request) -> Response:
        return json_response([teams.league(one) for one in LEAGUES])

    async def _league(self, request: Request) -> Response:
        at = self.world.now
        text = request.path_params["league_id"]
        league = teams.find_league(int(text)) if text.isdecimal() else None
        if league is None:
            return Response(b"", media_type="application/json")  # as upstream: 200 with an empty body
        parts: dict[str, Callable[[], Any]] = {
            "": lambda: teams.league(league),
            "matches": lambda: teams.league_matches(self.world, league, at),
            "teams": lambda: teams.league_teams(self.world, league, at),
        }
        return json_response(parts.get(request.path_params.get("part", ""), _not_found)())

    async def _hero_stats(self, _: Request) -> Response:
        return json_response(catalog.hero_stats(self.world, self.world.now))

    async def _distributions(self, _: Request) -> Response:
        return json_response(catalog.distributions(self.world, self.world.now))

    async def _constants(self, request: Request) -> Response:
        payload = catalog.constants(self.world, request.path_params["resource"], self.world.now)
        return json_response(payload if payload is not None else _not_found())

    async def _search(self, request: Request) -> Response:
        return json_response(players.search(self.world, request.query_params.get("q", ""), self.world.now))


def _error(status: int, text: str) -> Response:
    return json_response({"error": text}, status)


async def _error_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail)


async def _bad_query(_: Request, error: Exception) -> Response:
    return _error(400, f"invalid query: {error}")


def _not_found() -> Any:
    raise HTTPException(404, "Not Found")


def _projected(request: Request) -> list[str]:
    """Field names of `project`, which may be repeated or a list."""
    return [name for text in request.query_params.getlist("project") for name in text.split(",") if name]
