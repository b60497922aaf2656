"""Run the sandbox as a process: `python -m sandbox --seed 7 --players 60`.

The first line of its output is OpenDota's base URL, the second FACEIT's. It stops on SIGTERM and SIGINT, and with
`--until-stdin-closes` when its parent process has ended.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from datetime import UTC, datetime

import uvicorn

from sandbox.faceit import KEY, Faceit, FaceitLimits, FaceitWorld
from sandbox.faults import Faults
from sandbox.opendota import OpenDota
from sandbox.rate_limits import RequestLimits
from sandbox.server import FACEIT_PATH, OPENDOTA_PATH, build_app, listen, uvicorn_server
from sandbox.world import DEFAULT_NOW, World


def main() -> None:
    """Parse the arguments, build the world, and serve until stopped."""
    arguments = _arguments()
    world = World(arguments.seed, arguments.players, days=arguments.days, now=arguments.now)
    limits = RequestLimits(
        per_minute=arguments.per_minute,
        per_day=arguments.per_day,
        per_minute_with_key=arguments.per_minute,
        keys=frozenset(arguments.key),
    )
    faceit_limits = FaceitLimits(arguments.faceit_per_second, frozenset(arguments.faceit_key or [KEY]))
    opendota = OpenDota(world, limits=limits, faults=Faults())
    faceit = Faceit(FaceitWorld(world), limits=faceit_limits, faults=Faults())
    server = uvicorn_server(build_app(opendota, faceit))
    # A hanging client must not keep the process from ending.
    server.config.timeout_graceful_shutdown = 1
    try:
        listener = listen(arguments.port)
    except OSError as error:
        sys.exit(f"the sandbox cannot listen on port {arguments.port}: {error.strerror}; choose another or 0")
    with listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sys.stdout.write(f"{base}{OPENDOTA_PATH}\n{base}{FACEIT_PATH}\n")
        sys.stdout.flush()
        if arguments.until_stdin_closes:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        server.run(sockets=[listener])


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    # Not sys.stdin: its lock would be held by this thread while the interpreter ends.
    while os.read(0, 4096):
        pass
    server.should_exit = True


def _arguments() -> argparse.Namespace:
    limits = RequestLimits()
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--players", type=_positive, default=200, help="number of players that can be tracked")
    parser.add_argument("--days", type=_positive, default=180, help="days of history before now")
    parser.add_argument("--now", type=_timestamp, default=DEFAULT_NOW, help="the world's date, ISO 8601")
    parser.add_argument("--port", type=int, default=0, help="0 for a free port")
    parser.add_argument("--key", action="append", default=[], help="a key that OpenDota accepts; repeatable")
    parser.add_argument("--per-minute", type=int, default=limits.per_minute, help="OpenDota's limit")
    parser.add_argument("--per-day", type=int, default=limits.per_day, help="OpenDota's limit without a key")
    parser.add_argument("--faceit-key", action="append", help=f"a key that FACEIT accepts; repeatable ({KEY})")
    parser.add_argument("--faceit-per-second", type=int, default=FaceitLimits().per_second, help="FACEIT's limit")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end at the end of standard input")
    return parser.parse_args()


def _timestamp(text: str) -> datetime:
    timestamp = datetime.fromisoformat(text)
    return timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    main()
