"""HTTP responses for pages: content negotiation and Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from serving.auth.access_control import caller_of
from serving.cache.responses import StoredBody
from serving.http.encodings import GZIP, ZSTD, preferred_encoding

__all__ = ["HTML", "POLICY", "not_modified_response", "page_response"]

HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Pages have no scripts, so none are allowed; they load nothing from other hosts."""
_HEADERS = {"content-security-policy": POLICY, "vary": "accept-encoding"}
_MAX_ACCEPT_ENCODING_LENGTH = 256


def page_response(
    request: Request, stored: StoredBody, *, media_type: str = HTML, status: int = 200, headers: Mapping[str, str]
) -> Response:
    """A response with a body. Its records count against the caller's rate limit."""
    caller_of(request.scope).count_rows(stored.rows)
    encoding = preferred_encoding(
        request.headers.get("accept-encoding", "").encode("latin-1")[:_MAX_ACCEPT_ENCODING_LENGTH]
    )
    if encoding == ZSTD and stored.zstd:
        return _response(stored.zstd, status, {"content-encoding": "zstd", **headers}, media_type)
    if encoding == GZIP and stored.gzip:
        return _response(stored.gzip, status, {"content-encoding": "gzip", **headers}, media_type)
    return _response(stored.body, status, headers, media_type)


def not_modified_response(headers: Mapping[str, str]) -> Response:
    """304: the client has this version already."""
    return Response(status_code=304, headers={**_HEADERS, **headers})


def _response(body: bytes, status: int, headers: Mapping[str, str], media_type: str) -> Response:
    return Response(body, status, {**_HEADERS, **headers}, media_type)
