"""Bytes of pages, compressed for who takes that, under the policy that keeps a page to itself."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from serving.auth.gate import caller_of
from serving.cache.responses import Stored
from serving.http.encodings import GZIP, ZSTD, preferred

__all__ = ["HTML", "POLICY", "sent", "unchanged"]

HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Pages need no script, so none can run; nothing is asked of anybody else."""
_HEADERS = {"content-security-policy": POLICY, "vary": "accept-encoding"}
_MAX_ENCODINGS = 256


def sent(
    request: Request, stored: Stored, *, media_type: str = HTML, status: int = 200, headers: Mapping[str, str]
) -> Response:
    """An answer with a body; its records count against the limit of who asks."""
    caller_of(request.scope).count_rows(stored.rows)
    form = preferred(request.headers.get("accept-encoding", "").encode("latin-1")[:_MAX_ENCODINGS])
    if form == ZSTD and stored.zstd:
        return _answer(stored.zstd, status, {"content-encoding": "zstd", **headers}, media_type)
    if form == GZIP and stored.gzip:
        return _answer(stored.gzip, status, {"content-encoding": "gzip", **headers}, media_type)
    return _answer(stored.body, status, headers, media_type)


def unchanged(headers: Mapping[str, str]) -> Response:
    """304: who asks has it."""
    return Response(status_code=304, headers={**_HEADERS, **headers})


def _answer(body: bytes, status: int, headers: Mapping[str, str], media_type: str) -> Response:
    return Response(body, status, {**_HEADERS, **headers}, media_type)
