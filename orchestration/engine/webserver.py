"""Dagster's web UI behind a check of Host and Origin, because any client of its port can start jobs.

    python -m orchestration.engine.webserver WORKSPACE PORT

Pages of other origins reach the port through a browser on this machine: Dagster executes a mutation that a page sends
as a form, as the URL of an image or through a WebSocket. Two kinds of requests are rejected: those for other host names
(DNS rebinding lets a page read responses under its own name), and those that a browser sends for another origin.
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

from serving.auth.allowed_hosts import AllowedHosts
from warehouse.core.settings import load_settings

__all__ = ["SameOriginOnly", "main"]

_HOST = "127.0.0.1"
#: Defaults of `dagster-webserver`.
_STATEMENT_TIMEOUT_MS = 15_000
_POOL_RECYCLE_S = 3600
_MAX_OVERFLOW = 20
_LIVE_DATA_POLL_MS = 2000
#: Time for requests in flight at shutdown; `ladder up` waits longer.
_SHUTDOWN_S = 5


class SameOriginOnly:
    """Accepts requests and WebSockets of the web UI's own pages, and of programs, which do not send these headers.

    Args:
        app: the application for accepted requests.
        names: allowed host names in addition to those of the loopback interface; `*` for any.
    """

    def __init__(self, app: ASGIApp, names: tuple[str, ...] = ()) -> None:
        self._app = app
        self._hosts = AllowedHosts(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it with 403 and one line."""
        reason = self._rejection_reason(scope) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(f"{reason}\n", 403)(scope, receive, send)

    def _rejection_reason(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host")  # every browser sends one
        if host is not None and not self._hosts.allows(host.encode("latin-1")):
            return "this web UI does not allow that host name; use its address, or add the name to LADDER_DAGSTER_HOSTS"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != (host or "").lower():
            return "this web UI rejects requests of pages of another origin"
        if _is_query(scope) and headers.get("sec-fetch-site") not in ("none", "same-origin"):
            # Dagster also executes a mutation in a URL, and over plain http browsers do not send the page's site.
            return "send queries with POST"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_navigation(scope, headers):
            return "this web UI rejects requests of pages of another site"
        return None


class _Webserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's web server, with the check as its first middleware."""

    def build_middleware(self) -> list[Middleware]:
        """Dagster's middleware, after the check."""
        names = load_settings().dagster_hosts
        own = Middleware(SameOriginOnly, names=tuple(names.split(",")) if names else ())
        return [own, *super().build_middleware()]


def _is_query(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"].endswith("/graphql")


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    """Whether the user follows a link on another site: this only opens a page, and executes nothing."""
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
