"""Dagster's web UI behind a check of Host and Origin, because anyone who reaches its port can start jobs.

    python -m orchestration.engine.webserver WORKSPACE PORT

A browser on this machine reaches the port too, and so does any page that is open in it. Dagster executes a mutation
that such a page sends as a form, as the address of a picture or through a WebSocket. Refused are other host names (a
page reads what is served under its own name: DNS rebinding) and requests that a browser sends for another origin.
"""

from __future__ import annotations

import sys

import uvicorn
from dagster import DagsterInstance
from dagster import __version__ as dagster_version
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.auth.hosts import Hosts
from warehouse.core.settings import load_settings

__all__ = ["SameOriginOnly", "main"]

_HOST = "127.0.0.1"
#: As `dagster-webserver` sets them by default.
_STATEMENT_TIMEOUT_MS = 15_000
_POOL_RECYCLE_S = 3600
_MAX_OVERFLOW = 20
_LIVE_DATA_POLL_MS = 2000
#: Requests that are under way at the end; `ladder up` waits for longer.
_SHUTDOWN_S = 5


class SameOriginOnly:
    """Answers requests and WebSockets of the web UI's own pages, and of programs, which send none of these headers.

    Args:
        app: what answers them.
        names: host names beside those of the loopback interface; `*` for any.
    """

    def __init__(self, app: ASGIApp, names: tuple[str, ...] = ()) -> None:
        self._app = app
        self._hosts = Hosts(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 403 and one line."""
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(f"{refusal}\n", 403)(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host")  # every browser sends one
        if host is not None and not self._hosts.allows(host.encode("latin-1")):
            return "this web UI does not answer to that host name; use its address, or list it in LADDER_DAGSTER_HOSTS"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != (host or "").lower():
            return "this web UI answers no page of another origin"
        if _is_query(scope) and headers.get("sec-fetch-site") not in ("none", "same-origin"):
            # Dagster executes a mutation in an address too, and over plain http no browser says whose page it is on.
            return "send queries with POST"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _opens_page(scope, headers):
            return "this web UI answers no page of another site"
        return None


class _Webserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's own, with the check before everything else."""

    def build_middleware(self) -> list[Middleware]:
        """As Dagster builds its application."""
        names = load_settings().dagster_hosts
        own = Middleware(SameOriginOnly, names=tuple(names.split(",")) if names else ())
        return [own, *super().build_middleware()]


def _is_query(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"].endswith("/graphql")


def _opens_page(scope: Scope, headers: Headers) -> bool:
    """Whether a person follows a link from elsewhere: that opens a page in a tab of its own, and executes nothing."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and not scope["path"].endswith("/graphql")
    )


def main() -> None:
    """Serve until a signal."""
    workspace, port = sys.argv[1], int(sys.argv[2])
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _MAX_OVERFLOW)
        target = WorkspaceFileTarget(paths=[workspace])
        with WorkspaceProcessContext(instance, target, version=dagster_version) as context:
            app = _Webserver(context, live_data_poll_rate=_LIVE_DATA_POLL_MS).create_asgi_app()
            uvicorn.run(app, host=_HOST, port=port, log_level="warning", timeout_graceful_shutdown=_SHUTDOWN_S)


if __name__ == "__main__":
    main()
