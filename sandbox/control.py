"""Control endpoints: another process moves the clock, sets faults, and reads the log and the truth.

They are not part of any upstream and are neither counted nor limited. Bodies and answers are JSON.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Faults
from sandbox.opendota import OpenDota
from sandbox.truth import truth


def control_routes(opendota: OpenDota) -> list[Route]:
    """Routes to mount under `/sandbox`."""
    world = opendota.world

    async def state(_: Request) -> Response:
        return _json({"seed": world.seed, "now": world.now, "start": world.start, "requests": opendota.log.count})

    async def advance(request: Request) -> Response:
        body = msgspec.json.decode(await request.body() or b"{}")
        return _json({"now": world.advance(days=body.get("days", 0), seconds=body.get("seconds", 0))})

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            opendota.set_faults(msgspec.json.decode(await request.body(), type=Faults))
        return _json({"faults": asdict(opendota.plan.faults), "malformed": opendota.plan.malformed})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            opendota.log.clear()
        return _json({"count": opendota.log.count, "entries": opendota.log.entries})

    async def players(request: Request) -> Response:
        return _json(world.suggested_players(int(request.query_params.get("count", 40))))

    async def private(request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        world.set_private(body["account_id"], body["private"])
        return _json({})

    async def tell_truth(request: Request) -> Response:
        accounts = request.query_params.get("accounts")
        tracked = [int(text) for text in accounts.split(",")] if accounts else world.suggested_players()
        answer = truth(world, tracked)
        return _json(
            {**answer.as_json(), "observed_ranks": opendota.observed_ranks, "malformed": opendota.plan.malformed}
        )

    return [
        Route("/state", state),
        Route("/advance", advance, methods=["POST"]),
        Route("/faults", faults, methods=["GET", "PUT"]),
        Route("/requests", requests, methods=["GET", "DELETE"]),
        Route("/players", players),
        Route("/private", private, methods=["POST"]),
        Route("/truth", tell_truth),
    ]


async def refuse(_: Request, error: Exception) -> Response:
    """Answer a control request that makes no sense with 400 and the reason."""
    return _json({"error": str(error)}, 400)


def _json(answer: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
