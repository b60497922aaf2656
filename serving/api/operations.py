"""What operators and their machines ask: alive, ready, counts."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from serving.metrics import Metrics
from serving.refusals import Unavailable
from serving.watcher import Watcher

__all__ = ["add_operations"]

_NO_STORE = {"cache-control": "no-store"}


def add_operations(router: APIRouter, watcher: Watcher, metrics: Metrics) -> None:
    """Add `/healthz`, `/readyz` and `/metrics`."""

    @router.get("/healthz", summary="The process is alive", response_class=Response)
    async def healthz() -> Response:
        return _json({"status": "alive"})

    @router.get("/readyz", summary="PostgreSQL answers and a generation is published", response_class=Response)
    async def readyz() -> Response:
        if watcher.is_database_down:
            raise Unavailable("database_unavailable", "PostgreSQL cannot be reached", 1)
        if watcher.current is None:
            raise Unavailable("not_published", "nothing is published yet", 1)
        return _json({"status": "ready", "generation": watcher.current.generation})

    @router.get("/metrics", summary="Counts, in Prometheus's text format", response_class=Response)
    async def exposition() -> Response:
        return Response(metrics.exposition(watcher.current), media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)


def _json(content: dict[str, str | int]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json", headers=_NO_STORE)
