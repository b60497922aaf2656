"""HTTP server of the simulated upstreams on loopback, in a thread of this process.

`serve` is for tests; `python -m sandbox` runs the same application as a separate process, controlled through the
endpoints under `/sandbox` (see `sandbox.control`).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from sandbox.control import bad_request, control_routes
from sandbox.faceit import Faceit, FaceitLimits, FaceitWorld
from sandbox.faults import Faults, MalformedRecord
from sandbox.opendota import ObservedRank, OpenDota
from sandbox.rate_limits import RequestLimits
from sandbox.request_log import RequestLog
from sandbox.world import World

OPENDOTA_PATH = "/api"
FACEIT_PATH = "/faceit/data/v4"

_START_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    `url` is OpenDota's base URL, `faceit_url` FACEIT's, `control_url` that of the control endpoints. The properties
    below are OpenDota's; `faceit` has its own: `.log`, `.fault_injector.malformed`, `.observed_elos`, `.set_faults()`,
    and FACEIT's view of the world in `.world`. That world is simulated on FACEIT's first request; before a request
    with a short timeout, call `.world.catch_up()`.
    """

    url: str
    faceit_url: str
    control_url: str
    world: World
    opendota: OpenDota
    faceit: Faceit

    @property
    def requests(self) -> RequestLog:
        """OpenDota's request log: `.count`, `.entries` (path, query, status, fault), `.clear()`."""
        return self.opendota.log

    @property
    def malformed(self) -> list[MalformedRecord]:
        """All malformed records served so far."""
        return self.opendota.fault_injector.malformed

    @property
    def observed_ranks(self) -> list[ObservedRank]:
        """The ranks that profiles showed, in order; responses to disconnected clients count too."""
        return self.opendota.observed_ranks

    def advance(self, *, days: float = 0, seconds: int = 0) -> int:
        """Advance the world's clock; returns the new `now` (Unix s)."""
        now = self.world.advance(days=days, seconds=seconds)
        if self.faceit.world.is_started:
            # Simulated here, so that no request waits for it.
            self.faceit.world.catch_up()
        return now

    def set_faults(self, faults: Faults | None) -> None:
        """Inject these faults into both upstreams, each with its own request numbers; None ends all faults."""
        for upstream in (self.opendota, self.faceit):
            upstream.set_faults(faults or Faults())


def build_app(opendota: OpenDota, faceit: Faceit) -> Starlette:
    """The upstreams under their base paths and the control endpoints under `/sandbox`."""
    return Starlette(
        routes=[
            Mount("/sandbox", routes=control_routes(opendota, faceit)),
            Mount(OPENDOTA_PATH, app=opendota),
            Mount(FACEIT_PATH, app=faceit),
        ],
        exception_handlers={ValueError: bad_request, msgspec.MsgspecError: bad_request},
    )


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 selects a free one."""
    return socket.create_server(("127.0.0.1", port), backlog=256)


def uvicorn_server(app: Starlette) -> uvicorn.Server:
    """A server without logs: injected faults break connections, which uvicorn would log as errors."""
    return uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, log_level="critical", access_log=False))


@contextmanager
def serve(
    world: World,
    *,
    port: int = 0,
    limits: RequestLimits | None = None,
    faceit_limits: FaceitLimits | None = None,
    faults: Faults | None = None,
) -> Iterator[Sandbox]:
    """Serve a world until the block ends; connections that still hang then are dropped."""
    opendota = OpenDota(world, limits=limits or RequestLimits(), faults=faults or Faults())
    faceit = Faceit(FaceitWorld(world), limits=faceit_limits or FaceitLimits(), faults=faults or Faults())
    server = uvicorn_server(build_app(opendota, faceit))
    with listen(port) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
        thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("the sandbox's server did not start")
            time.sleep(0.005)
        try:
            yield Sandbox(f"{base}{OPENDOTA_PATH}", f"{base}{FACEIT_PATH}", f"{base}/sandbox", world, opendota, faceit)
        finally:
            server.should_exit = server.force_exit = True
            thread.join()
