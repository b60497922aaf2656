"""Bytes of pages, with or without gzip, under the policy that keeps a page to itself."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["HTML", "POLICY", "sent", "unchanged"]

HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Pages need no script, so none can run; nothing is asked of anybody else."""
_HEADERS = {"content-security-policy": POLICY, "vary": "accept-encoding"}


def sent(
    request: Request,
    body: bytes,
    compressed: bytes,
    *,
    media_type: str = HTML,
    status: int = 200,
    headers: Mapping[str, str],
) -> Response:
    """An answer with a body, compressed for who takes gzip."""
    content, coding = body, {}
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        content, coding = compressed, {"content-encoding": "gzip"}
    return Response(content, status, {**_HEADERS, **coding, **headers}, media_type)


def unchanged(headers: Mapping[str, str]) -> Response:
    """304: who asks has it."""
    return Response(status_code=304, headers={**_HEADERS, **headers})


def _takes_gzip(encodings: str) -> bool:
    """Whether gzip is named, and not with a weight of 0."""
    for item in encodings.split(","):
        name, _, weight = item.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False
