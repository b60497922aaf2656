"""Control endpoints: another process advances the clock, sets faults, and reads the request log and the ground truth.

They are not part of an upstream, and are neither counted nor limited. Request and response bodies are JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.faceit import Faceit
from sandbox.faceit.truth import truth as faceit_truth
from sandbox.faults import Faults
from sandbox.opendota import OpenDota
from sandbox.truth import truth
from sandbox.upstream import Upstream


def control_routes(opendota: OpenDota, faceit: Faceit) -> list[BaseRoute]:
    """Routes to mount under `/sandbox`; those of FACEIT are under `/sandbox/faceit`."""
    world = opendota.world

    async def state(_: Request) -> Response:
        return _json({"seed": world.seed, "now": world.now, "start": world.start, "requests": opendota.log.count})

    async def name(_: Request) -> Response:
        # A warehouse compares this with the world of its data before its first request (`ingestion.sync.worlds`).
        return _json({"world": world.id})

    async def advance(request: Request) -> Response:
        body = msgspec.json.decode(await request.body() or b"{}")
        return _json({"now": world.advance(days=body.get("days", 0), seconds=body.get("seconds", 0))})

    async def players(request: Request) -> Response:
        return _json(world.suggested_players(int(request.query_params.get("count", 40))))

    async def private(request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        world.set_private(body["account_id"], body["private"])
        return _json({})

    async def ground_truth(request: Request) -> Response:
        accounts = request.query_params.get("accounts")
        tracked = [int(text) for text in accounts.split(",")] if accounts else world.suggested_players()
        seen = {"observed_ranks": opendota.observed_ranks, "malformed": opendota.fault_injector.malformed}
        return _json({**truth(world, tracked).as_json(), **seen})

    return [
        Route("/state", state),
        Route("/world", name),
        Route("/advance", advance, methods=["POST"]),
        Route("/players", players),
        Route("/private", private, methods=["POST"]),
        Route("/truth", ground_truth),
        Mount("/faceit", routes=_faceit_routes(faceit)),
        *_upstream_routes(opendota, (opendota, faceit)),
    ]


def _faceit_routes(faceit: Faceit) -> list[BaseRoute]:
    async def players(request: Request) -> Response:
        return _json(faceit.world.suggested_players(int(request.query_params.get("count", 20))))

    async def competitions(_: Request) -> Response:
        scene = faceit.world.scene
        named = {"hubs": scene.hubs, "championships": scene.championships}
        return _json({kind: [one.competition_id for one in found] for kind, found in named.items()})

    async def ground_truth(request: Request) -> Response:
        players = request.query_params.get("players")
        tracked = players.split(",") if players else faceit.world.suggested_players()
        seen = {"observed_elos": faceit.observed_elos, "malformed": faceit.fault_injector.malformed}
        return _json({**faceit_truth(faceit.world, tracked).as_json(), **seen})

    return [
        Route("/players", players),
        Route("/competitions", competitions),
        Route("/truth", ground_truth),
        *_upstream_routes(faceit, (faceit,)),
    ]


def _upstream_routes(upstream: Upstream, faulty: Sequence[Upstream]) -> list[BaseRoute]:
    """Routes of an upstream's request log, and of the faults of one or more upstreams."""

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            wanted = msgspec.json.decode(await request.body(), type=Faults)
            for one in faulty:
                one.set_faults(wanted)
        return _json({"faults": asdict(upstream.fault_injector.faults), "malformed": upstream.fault_injector.malformed})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            upstream.log.clear()
        return _json({"count": upstream.log.count, "entries": upstream.log.entries})

    return [
        Route("/faults", faults, methods=["GET", "PUT"]),
        Route("/requests", requests, methods=["GET", "DELETE"]),
    ]


async def bad_request(_: Request, error: Exception) -> Response:
    """Respond to an invalid control request with 400 and the reason."""
    return _json({"error": str(error)}, 400)


def _json(payload: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(payload), status, media_type="application/json")
