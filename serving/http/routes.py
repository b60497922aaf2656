"""Routes from endpoint declarations: FastAPI validates, the cache responds."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from serving.auth.access_control import require
from serving.cache.cache import Cache
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.keys import CacheKey
from serving.cache.memory_tier import MemoryTier
from serving.cache.requests import CanonicalRequest
from serving.endpoints import Endpoint, Pagination, Parameter
from serving.endpoints.cursors import MAX_CURSOR_LENGTH
from serving.errors import ApiError
from serving.http.delivery import ApiResponse, NotModified, etag_matches
from serving.http.response_schemas import openapi_responses
from serving.telemetry.metrics import Metrics

__all__ = ["add_routes"]


def add_routes(
    router: APIRouter,
    endpoints: tuple[Endpoint, ...],
    cache: Cache,
    memory: MemoryTier,
    watcher: GenerationWatcher,
    metrics: Metrics,
) -> None:
    """Add a route for each declared endpoint."""
    for endpoint in endpoints:
        router.add_api_route(
            endpoint.path,
            _handler(endpoint, cache, memory, watcher, metrics),
            name=endpoint.name,
            operation_id=endpoint.name,
            summary=endpoint.summary,
            responses=openapi_responses(endpoint),
            response_class=Response,
            tags=[endpoint.path.split("/")[1]],
        )


def _handler(
    endpoint: Endpoint, cache: Cache, memory: MemoryTier, watcher: GenerationWatcher, metrics: Metrics
) -> Callable[..., Awaitable[Response]]:
    declared = (*endpoint.parameters, *_pagination_parameters(endpoint.pagination))
    allowed = {parameter.name: parameter for parameter in declared if not parameter.in_path}

    async def handle(request: Request, **arguments: Any) -> Response:
        started_at = time.perf_counter()
        require(request.scope, endpoint.scope)
        _check_query(request, allowed)
        limit, cursor = arguments.pop("limit", None), arguments.pop("cursor", None)
        canonical_request = CanonicalRequest.of(endpoint, arguments, limit, cursor)
        key = CacheKey(cache.published_generation(), canonical_request)
        if etag_matches(request.headers.get("if-none-match", "").encode("latin-1"), key.etag):
            return NotModified(endpoint, key.etag, watcher, metrics)
        response, tier = await cache.get_with_tier(key)
        memory.alias((request.scope["path"], request.scope["query_string"]), response)
        timing = b"%s;dur=%.3f" % (tier.encode(), 1000 * (time.perf_counter() - started_at))
        return ApiResponse(response, timing, watcher, metrics)

    # FastAPI takes parameters, bounds and documentation from the signature.
    handle.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request),
            *(_signature_parameter(parameter) for parameter in declared),
        ]
    )
    return handle


def _signature_parameter(parameter: Parameter) -> inspect.Parameter:
    annotation: Any = parameter.type
    if parameter.choices:
        annotation = Literal[parameter.choices]
        if parameter.type is int:
            annotation = Annotated[annotation, BeforeValidator(_parse_integer)]
    elif parameter.type is date:
        annotation = Annotated[annotation, BeforeValidator(_parse_date)]
    is_required = parameter.in_path or parameter.is_required
    bounds: dict[str, Any] = {"pattern": parameter.pattern, "ge": parameter.minimum, "le": parameter.maximum}
    if parameter.count is not None:
        annotation = Annotated[list[Annotated[annotation, Field(**bounds)]], AfterValidator(_without_repeats)]
        least, most = parameter.count
        bounds = {"min_length": least, "max_length": most, "json_schema_extra": {"uniqueItems": True}}
    location = (Path if parameter.in_path else Query)(description=parameter.description, **bounds)
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[annotation, location],
        default=inspect.Parameter.empty if is_required else parameter.default,
    )


def _pagination_parameters(pagination: Pagination | None) -> tuple[Parameter, ...]:
    if pagination is None:
        return ()
    return (
        Parameter("limit", int, "rows per page", default=pagination.default, minimum=1, maximum=pagination.maximum),
        Parameter("cursor", str, "meta.next of the previous page", pattern=f"^[A-Za-z0-9_-]{{1,{MAX_CURSOR_LENGTH}}}$"),
    )


def _check_query(request: Request, allowed: Mapping[str, Parameter]) -> None:
    """Reject unknown and repeated parameters, because ignoring them would hide a mistake of the client."""
    names = [name for name, _ in request.query_params.multi_items()]
    unknown = sorted(set(names) - set(allowed))
    if unknown:
        raise ApiError(
            400, "unknown_parameter", f"unknown parameter: {unknown[0][:64]!r}", {"allowed": sorted(allowed)}
        )
    repeated = sorted({name for name in names if allowed[name].count is None and names.count(name) > 1})
    if repeated:
        raise ApiError(400, "repeated_parameter", f"parameter given more than once: {repeated[0]}")


def _parse_integer(value: object) -> object:
    """Convert the text of a numeric choice."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value


def _parse_date(value: object) -> object:
    """Accept dates in one format only; pydantic would accept seconds since 1970 too."""
    if isinstance(value, str) and not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise PydanticCustomError("invalid_date", "a date has the form 2026-01-31")
    return value


def _without_repeats(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("repeated", "each value may be given only once")
    return values
