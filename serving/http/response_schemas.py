"""OpenAPI schemas of responses, from the endpoint declarations."""

from __future__ import annotations

from typing import Any

from serving.endpoints import Column, Endpoint

__all__ = ["openapi_responses"]

_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "detail"],
            "additionalProperties": False,
            "properties": {
                "code": {"type": "string", "description": "stable identifier for programs"},
                "message": {"type": "string", "description": "message for people"},
                "detail": {"description": "further information, or null"},
            },
        }
    },
}


def openapi_responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """Possible responses of an endpoint, by status."""
    responses: dict[int | str, dict[str, Any]] = {
        200: {"description": endpoint.summary, "content": {"application/json": {"schema": _envelope(endpoint)}}},
        304: {"description": "the client has this response already (If-None-Match)"},
        400: _error("an unknown, repeated or invalid query parameter"),
        401: _error("no valid API key"),
        403: _error("the API key lacks the required scope"),
        413: _error("the request has a body"),
        414: _error("the path and query are too long"),
        421: _error("the host name is not allowed"),
        422: _error("a parameter of the wrong type or out of bounds"),
        429: _error("too many requests or rows; Retry-After says when to try again"),
        431: _error("too many headers"),
        503: _error("nothing is published yet, or the response is not cached and the database cannot be reached"),
    }
    if endpoint.subject:
        responses[404] = _error(f"there is no such {endpoint.subject}")
    return responses


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ERROR}}}


def _envelope(endpoint: Endpoint) -> dict[str, Any]:
    record = {
        "type": "object",
        "required": [column.name for column in endpoint.columns],
        "additionalProperties": False,
        "properties": {column.name: _field(column) for column in endpoint.columns},
    }
    return {
        "type": "object",
        "required": ["data", "meta"],
        "additionalProperties": False,
        "properties": {
            "data": {"type": "array", "items": record} if endpoint.is_list else record,
            "meta": {
                "type": "object",
                "required": ["as_of", "as_of_date", "generation", "mart", "next"],
                "additionalProperties": False,
                "properties": {
                    "as_of": {"type": "string", "format": "date-time", "description": "when the data was published"},
                    "as_of_date": {
                        "type": ["string", "null"],
                        "format": "date",
                        "description": "anchor date of the rolling windows",
                    },
                    "generation": {"type": "integer", "description": "number of the published generation"},
                    "mart": {"type": "string", "description": "source mart of the data"},
                    "next": {
                        "type": ["string", "null"],
                        "description": "cursor of the next page; null on the last",
                    },
                },
            },
        },
    }


def _field(column: Column) -> dict[str, Any]:
    schema = {**_TYPES[column.type], "description": column.description}
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
    return schema
