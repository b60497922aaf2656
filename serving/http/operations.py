"""Endpoints for operations: health, readiness, metrics."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from serving.cache.generation_watcher import GenerationWatcher
from serving.http.readiness import Readiness
from serving.telemetry.metrics import Metrics

__all__ = ["add_operations"]

_NO_STORE = {"cache-control": "no-store"}


def add_operations(router: APIRouter, readiness: Readiness, watcher: GenerationWatcher, metrics: Metrics) -> None:
    """Add `/healthz`, `/readyz` and `/metrics`."""

    @router.get("/healthz", summary="Liveness of the process", response_class=Response)
    async def healthz() -> Response:
        return _json({"status": "alive"})

    @router.get("/readyz", summary="Readiness: the published generation, and degraded parts", response_class=Response)
    async def readyz() -> Response:
        return _json(await readiness.report())

    @router.get("/metrics", summary="Metrics in the text format of Prometheus", response_class=Response)
    async def exposition() -> Response:
        return Response(metrics.exposition(watcher.current), media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)


def _json(content: Mapping[str, object]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json", headers=_NO_STORE)
