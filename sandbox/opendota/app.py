"""OpenDota as an ASGI application: routes, budgets, errors and faults around the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultPlan, Faults, Kind
from sandbox.limits import Budget, Limits
from sandbox.opendota import catalog, matches, players, teams
from sandbox.opendota.rows import Rows, matching, page
from sandbox.pro_scene import LEAGUES
from sandbox.request_log import RequestLog
from sandbox.rules import DAY_S
from sandbox.world import World

_LARGEST_ACCOUNT_ID = 2**32 - 1
_logger = logging.getLogger(__name__)
_DAMAGED: tuple[Kind, ...] = ("hang", "truncate", "cut")
_FAULT_ERRORS: dict[Kind, tuple[int, str]] = {
    "too_many": (429, "minute rate limit exceeded"),
    "server_error": (500, "Internal Server Error"),
}


class OpenDota:
    """The upstream over one world. An ASGI application, to be mounted under its base path (`/api`)."""

    def __init__(self, world: World, *, limits: Limits, faults: Faults) -> None:
        self.world = world
        self.plan = FaultPlan(faults)
        self.log = RequestLog()
        self._budget = Budget(limits)
        self._routes = Starlette(
            routes=[
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
            ],
            exception_handlers={HTTPException: _error_answer, ValueError: _bad_query},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: key, budget and fault come before the routes."""
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        query = scope["query_string"].decode()
        entry = self.log.open(path, query)
        has_key, refusal = self._admit(request)
        entry.has_key = has_key
        headers, exceeded = self._spend(has_key)
        fault = None if refusal or exceeded else self.plan.next(path, query)
        entry.fault = fault
        if refusal or exceeded:
            response: Response = _error(*(refusal or (429, exceeded or "")))
        elif fault in _FAULT_ERRORS:
            response = _error(*_FAULT_ERRORS[fault])
        else:
            if fault in ("hang", "slow"):
                await asyncio.sleep(self.plan.faults.hang_s if fault == "hang" else self.plan.faults.slow_s)
            if fault == "duplicate_page":
                scope = {**scope, "query_string": _first_page(request)}
            # What never arrives has shown nothing: neither a rank nor a malformed record.
            response = await self._answer({**scope, "arrives": fault not in _DAMAGED}, receive)
        response.headers.update(headers)
        entry.status = response.status_code
        await _deliver(response, fault, scope, receive, send)

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults; what requests and records have met is forgotten, what was malformed is not."""
        served = self.plan.malformed
        self.plan = FaultPlan(faults)
        self.plan.malformed = served

    def _admit(self, request: Request) -> tuple[bool, tuple[int, str] | None]:
        """Whether the request carries a key, and the refusal when that key is not known."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        key = request.query_params.get("api_key") or bearer
        if key and key not in self._budget.limits.keys:
            return False, (400, "Invalid API key format")
        return bool(key), None

    def _spend(self, has_key: bool) -> tuple[dict[str, str], str | None]:
        """Budget headers, and the error when a budget is exceeded."""
        minute, day = self._budget.spend(has_key=has_key, world_day=self.world.now // DAY_S)
        headers = {"X-Rate-Limit-Remaining-Minute": str(max(0, minute))}
        if day is not None:
            headers["X-Rate-Limit-Remaining-Day"] = str(max(0, day))
        if day is not None and day < 0:
            return headers, "daily api limit exceeded"
        return headers, "minute rate limit exceeded" if minute < 0 else None

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        """Run the routes and catch their answer, so that it can be damaged before it is sent."""
        status, headers, body = 500, [], b""

        async def catch(message: Any) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            else:
                body += message.get("body", b"")

        try:
            await self._routes(scope, receive, catch)
        except Exception:
            # The server is kept quiet for the faults' sake, so a mistake of the sandbox's own must speak here.
            _logger.exception("the sandbox failed at %s", scope["path"])
        response = Response(body, status_code=status)
        response.raw_headers = list(headers)
        return response

    def _person(self, request: Request) -> int:
        text = request.path_params["account_id"]
        if not text.isdecimal() or int(text) > _LARGEST_ACCOUNT_ID:
            raise HTTPException(400, "invalid account id")
        person = self.world.people.person_of(int(text))
        if person is None:
            raise HTTPException(404, "Not Found")
        return person

    async def _profile(self, request: Request) -> Response:
        person = self._person(request)
        at = self.world.now
        if request.scope["arrives"]:
            self.log.observe_rank(int(self.world.people.account_id[person]), at, self.world.rank(person, at))
        return _json(players.profile(self.world, person, at))

    async def _player_matches(self, request: Request) -> Response:
        person = self._person(request)
        rows = matching(Rows.of(self.world, person, self.world.now), request.query_params)
        records: list[dict[str, Any]] = page(rows, request.query_params, _projected(request))
        if request.scope["arrives"]:
            self.plan.spoil(int(self.world.people.account_id[person]), records)
        return _json(records)

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
        return _json(parts.get(request.path_params["part"], _not_found)())

    async def _match(self, request: Request) -> Response:
        text = request.path_params["match_id"]
        answer = matches.detail(self.world, int(text), self.world.now) if text.isdecimal() else None
        return _json(answer if answer is not None else _not_found())

    async def _pro_matches(self, request: Request) -> Response:
        return _json(matches.pro_matches(self.world, request.query_params, self.world.now))

    async def _public_matches(self, request: Request) -> Response:
        return _json(matches.public_matches(self.world, request.query_params, self.world.now))

    async def _teams(self, _: Request) -> Response:
        return _json(teams.teams(self.world, self.world.now))

    async def _team(self, request: Request) -> Response:
        at = self.world.now
        text = request.path_params["team_id"]
        team = (teams.find_team(self.world, int(text)) if text.isdecimal() else None) or _not_found()
        parts: dict[str, Callable[[], Any]] = {
            "": lambda: next(row for row in teams.teams(self.world, at) if row["team_id"] == team.team_id),
            "matches": lambda: teams.team_matches(self.world, team, at),
            "players": lambda: teams.team_players(self.world, team, at),
        }
        return _json(parts.get(request.path_params.get("part", ""), _not_found)())

    async def _leagues(self, _: Request) -> Response:
        return _json([teams.league(one) for one in LEAGUES])

    async def _league(self, request: Request) -> Response:
        at = self.world.now
        text = request.path_params["league_id"]
        league = teams.find_league(int(text)) if text.isdecimal() else None
        if league is None:
            return Response(b"", media_type="application/json")  # as upstream: 200 and nothing
        parts: dict[str, Callable[[], Any]] = {
            "": lambda: teams.league(league),
            "matches": lambda: teams.league_matches(self.world, league, at),
            "teams": lambda: teams.league_teams(self.world, league, at),
        }
        return _json(parts.get(request.path_params.get("part", ""), _not_found)())

    async def _hero_stats(self, _: Request) -> Response:
        return _json(catalog.hero_stats(self.world, self.world.now))

    async def _distributions(self, _: Request) -> Response:
        return _json(catalog.distributions(self.world, self.world.now))

    async def _constants(self, request: Request) -> Response:
        answer = catalog.constants(self.world, request.path_params["resource"], self.world.now)
        return _json(answer if answer is not None else _not_found())

    async def _search(self, request: Request) -> Response:
        return _json(players.search(self.world, request.query_params.get("q", ""), self.world.now))


async def _deliver(response: Response, fault: Kind | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer, whole or as the fault wants it."""
    body = bytes(response.body)
    if fault in ("hang", "truncate"):
        # A length that is not kept makes the server drop the connection.
        response.headers["content-length"] = str(len(body) + 1)
        response.body = b"" if fault == "hang" else body[: len(body) // 2]
    elif fault == "cut":
        response.body = body[: len(body) // 2]
        response.headers["content-length"] = str(len(response.body))
    await response(scope, receive, send)


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json; charset=utf-8")


def _error(status: int, text: str) -> Response:
    return Response(msgspec.json.encode({"error": text}), status, media_type="application/json; charset=utf-8")


async def _error_answer(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail)


async def _bad_query(_: Request, error: Exception) -> Response:
    return _error(400, f"invalid query: {error}")


def _not_found() -> Any:
    raise HTTPException(404, "Not Found")


def _projected(request: Request) -> list[str]:
    """Field names of `project`, which may be repeated or hold a list."""
    return [name for text in request.query_params.getlist("project") for name in text.split(",") if name]


def _first_page(request: Request) -> bytes:
    paging = ("offset", "less_than_match_id")
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in paging]
    return "&".join(f"{name}={value}" for name, value in kept).encode()
