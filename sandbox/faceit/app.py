"""FACEIT as an ASGI application: routes, authentication, rate limit and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.faceit import competitions, lifetime, matches, players
from sandbox.faceit.accounts import CS2, GAMES, REGIONS, Account
from sandbox.faceit.factions import factions
from sandbox.faceit.paging import error, not_found, paged, parse_whole_number
from sandbox.faceit.rate_limits import FaceitLimits, PerSecondBudget
from sandbox.faceit.scene import Competition
from sandbox.faceit.statistics import map_item, rows_of
from sandbox.faceit.world import FaceitWorld
from sandbox.faults import Faults, Kind
from sandbox.upstream import Upstream, is_delivered, json_response

_MAX_HISTORY_OFFSET = 1_000
_MAX_STATISTICS_OFFSET = 200
_MAX_MEMBERS = 50

# Fields of a record, with the text of a malformed one.
_CORRUPTIBLE_HISTORY = (
    ("started_at", "yesterday"),
    ("finished_at", "soon"),
    ("max_players", "ten"),
    ("teams_size", "?"),
)
_CORRUPTIBLE_STATISTICS = (("Match Finished At", "yesterday"), ("Match Round", "first"))
_CORRUPTIBLE_ROSTER = (("game_skill_level", "ten"), ("nickname", "\x00"))
_CORRUPTIBLE_PLAYER = (("nickname", "\x00"),)
_FAULT_ERRORS: dict[Kind, tuple[int, str]] = {
    "too_many": (429, "API rate limit exceeded"),
    "server_error": (503, "Service temporarily unavailable"),
}


@dataclass(frozen=True)
class ObservedElo:
    """The elo and level that a profile or a ranking showed at a time of the world (Unix s)."""

    player_id: str
    game: str
    at: int
    faceit_elo: int
    skill_level: int
    seen_in: str  # `profile` or `ranking`


class Faceit(Upstream):
    """The upstream over one world, to be mounted under its base path (`/faceit/data/v4`)."""

    paging = frozenset({"offset", "to"})

    def __init__(self, world: FaceitWorld, *, limits: FaceitLimits, faults: Faults) -> None:
        self.world = world
        self.observed_elos: list[ObservedElo] = []
        self._budget = PerSecondBudget(limits)
        routes = [
            Route("/players", self._player),
            Route("/players/{player_id}", self._player),
            Route("/players/{player_id}/history", self._history),
            Route("/players/{player_id}/games/{game}/stats", self._statistics),
            Route("/players/{player_id}/stats/{game}", self._lifetime),
            Route("/players/{player_id}/bans", self._bans),
            Route("/matches/{match_id}", self._match),
            Route("/matches/{match_id}/stats", self._match_statistics),
            Route("/rankings/games/{game}/regions/{region}", self._ranking),
            Route("/rankings/games/{game}/regions/{region}/players/{player_id}", self._place),
            Route("/search/players", self._search),
            Route("/hubs/{competition_id}", self._hub),
            Route("/hubs/{competition_id}/{part}", self._hub),
            Route("/championships/{competition_id}", self._championship),
            Route("/championships/{competition_id}/matches", self._championship_matches),
            Route("/teams/{team_id}", self._team),
        ]
        super().__init__(routes, {HTTPException: _error_response}, faults=faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; OpenDota keeps responding while FACEIT's matches are simulated."""
        if self.world.is_behind:
            await asyncio.to_thread(self.world.catch_up)
        await super().__call__(scope, receive, send)

    def authenticate(self, request: Request) -> tuple[bool, Response | None]:
        """Reject every request without a valid key."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not key:
            return False, error(401, "Unauthorized")
        if key not in self._budget.limits.keys:
            return False, error(403, "The API key is not allowed")
        return True, None

    def count_request(self, *, has_key: bool) -> tuple[dict[str, str], Response | None]:
        """Count every request, with or without a key."""
        headers, is_exceeded = self._budget.spend()
        return headers, error(429, "API rate limit exceeded") if is_exceeded else None

    def fault_response(self, kind: Kind) -> Response | None:
        """429 and 503 in FACEIT's form."""
        return error(*_FAULT_ERRORS[kind]) if kind in _FAULT_ERRORS else None

    async def _player(self, request: Request) -> Response:
        at = self.world.now
        by_id = "player_id" in request.path_params
        account = self._account(request) if by_id else players.find(self.world, request.query_params)
        payload = players.profile(self.world, account, at)
        if is_delivered(request):
            self._show(account, players.elos_of(self.world, account, at), at, "profile")
        return json_response(payload)

    async def _history(self, request: Request) -> Response:
        account, at, query = self._account(request), self.world.now, request.query_params
        if query.get("game") is None:
            raise HTTPException(400, "game must be given")
        rows: list[int] = []
        since, until = parse_whole_number(query, "from", 0), parse_whole_number(query, "to", at)
        if query["game"] == CS2:
            places, _ = self.world.matches_of(account.person, at)
            listed = {row: matches.listed_at(self.world, row) for row in places.tolist()}
            chosen = [row for row, timestamp in listed.items() if since <= timestamp <= until]
            rows = sorted(chosen, key=lambda row: -listed[row])
        page = paged(rows, query, max_offset=_MAX_HISTORY_OFFSET)
        items = [matches.history_item(self.world, row, at) for row in page["items"]]
        if is_delivered(request):
            self.fault_injector.corrupt(account.player_id, items, _CORRUPTIBLE_HISTORY)
        return json_response({**page, "items": items, "from": since, "to": until})

    async def _statistics(self, request: Request) -> Response:
        account, at, query = self._account(request), self.world.now, request.query_params
        since, until = parse_whole_number(query, "from", 0), parse_whole_number(query, "to", at * 1_000)
        finished_at = self.world.history.series.finished_at
        rows = rows_of(self.world, account.person, at) if request.path_params["game"] == CS2 else []
        rows = [row for row in rows if since <= finished_at[row.match] * 1_000 <= until]
        page = paged(rows, query, max_offset=_MAX_STATISTICS_OFFSET)
        stats = [map_item(self.world, row, factions(self.world, row.match)) for row in page["items"]]
        if is_delivered(request):
            self.fault_injector.corrupt(
                account.player_id, stats, _CORRUPTIBLE_STATISTICS, key=("Match Id", "Match Round")
            )
        return json_response({**page, "items": [{"stats": one} for one in stats]})

    async def _lifetime(self, request: Request) -> Response:
        account, game = self._account(request), request.path_params["game"]
        rows = rows_of(self.world, account.person, self.world.now) if game == CS2 else []
        if not rows:
            raise not_found("player's statistics")
        return json_response(
            {
                "player_id": account.player_id,
                "game_id": game,
                "lifetime": lifetime.lifetime(self.world, rows),
                "segments": lifetime.segments(self.world, rows),
            }
        )

    async def _bans(self, request: Request) -> Response:
        found = players.bans(self.world, self._account(request), self.world.now)
        return json_response(paged(found, request.query_params))

    async def _match(self, request: Request) -> Response:
        at = self.world.now
        payload = matches.detail(self.world, self._row(request, at), at)
        if is_delivered(request):
            for team in payload["teams"].values():
                self.fault_injector.corrupt_players(
                    payload["match_id"], team["roster"] or [], _CORRUPTIBLE_ROSTER, "roster"
                )
        return json_response(payload)

    async def _match_statistics(self, request: Request) -> Response:
        at = self.world.now
        payload = matches.statistics(self.world, self._row(request, at), at)
        if payload is None:
            raise not_found("match's statistics")
        if is_delivered(request):
            for one in payload["rounds"]:
                for team in one["teams"]:
                    part = f"round {one['match_round']}"
                    self.fault_injector.corrupt_players(one["match_id"], team["players"], _CORRUPTIBLE_PLAYER, part)
        return json_response(payload)

    async def _ranking(self, request: Request) -> Response:
        at, game = self.world.now, request.path_params["game"]
        page = paged(self._places(request, at), request.query_params)
        if is_delivered(request):
            for item in page["items"]:
                account = self.world.accounts.of(item["player_id"])
                assert account is not None
                self._show(account, [(game, item["faceit_elo"], item["game_skill_level"])], at, "ranking")
        return json_response(page)

    async def _place(self, request: Request) -> Response:
        places = self._places(request, self.world.now)
        return json_response(players.place_in_ranking(places, request.path_params["player_id"], request.query_params))

    async def _search(self, request: Request) -> Response:
        return json_response(players.search(self.world, request.query_params))

    async def _hub(self, request: Request) -> Response:
        one, query, at = self._competition(request, "hub"), request.query_params, self.world.now
        parts: dict[str, Callable[[], Any]] = {
            "": lambda: competitions.hub(self.world, one),
            "matches": lambda: competitions.matches(self.world, one, query, at),
            "members": lambda: paged(competitions.members(self.world), query, maximum=_MAX_MEMBERS),
        }
        part = parts.get(request.path_params.get("part", ""))
        if part is None:
            raise not_found("resource")
        return json_response(part())

    async def _championship(self, request: Request) -> Response:
        return json_response(competitions.championship(self.world, self._competition(request, "championship")))

    async def _championship_matches(self, request: Request) -> Response:
        one = self._competition(request, "championship")
        return json_response(competitions.matches(self.world, one, request.query_params, self.world.now))

    async def _team(self, request: Request) -> Response:
        wanted = request.path_params["team_id"]
        team = next((one for one in self.world.scene.teams if one.team_id == wanted), None)
        if team is None:
            raise not_found("team")
        return json_response(competitions.team(self.world, team))

    def _account(self, request: Request) -> Account:
        account = self.world.accounts.of(request.path_params["player_id"])
        if account is None:
            raise not_found("player")
        return account

    def _row(self, request: Request, at: int) -> int:
        row = matches.find(self.world, request.path_params["match_id"], at)
        if row is None:
            raise not_found("match")
        return row

    def _competition(self, request: Request, kind: str) -> Competition:
        one = self.world.scene.competition(request.path_params["competition_id"], kind)
        if one is None:
            raise not_found(kind)
        return one

    def _places(self, request: Request, at: int) -> list[players.JsonObject]:
        game, region = (request.path_params[name] for name in ("game", "region"))
        if game not in GAMES or region not in REGIONS:
            raise HTTPException(400, "no such game or region")
        return players.ranking(self.world, game, region, at)

    def _show(self, account: Account, elos: list[tuple[str, int, int]], at: int, seen_in: str) -> None:
        """Record the elos that a response shows."""
        self.observed_elos += [
            ObservedElo(account.player_id, game, at, elo, level, seen_in) for game, elo, level in elos
        ]


async def _error_response(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)
    return error(refusal.status_code, refusal.detail)
