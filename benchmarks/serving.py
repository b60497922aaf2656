"""A cache hit of the API, with key, rate limits and metrics, compared with simpler and with conventional applications.

All run on the same server with the same settings, one process each, and respond with the same bytes: the first page of
a board, compressed, about a kilobyte. The no-op sends two bytes, and SQL the uncompressed page. Each round measures all
of them, starting with a different one; the ratios are medians of the rounds' ratios.

    ROUNDS=9 SECONDS=2 python -m benchmarks.serving
"""

from __future__ import annotations

import http.client
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import psutil
import redis

from benchmarks import report
from benchmarks.serving_load import Load, closed_load, open_load, request
from benchmarks.serving_peers import PEERS, PeerConfig, peer
from orchestration.warehouse_access import Warehouse, open_warehouse
from serving.cache.publish import publish_cache
from serving.run import background
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.ops.api_keys import create_key
from warehouse.publication.plan import Build, build_session, record_build
from warehouse.publication.promote import promote

BOARD, PLAYERS = "dota2_matches", 20_000
PATH = f"/api/v1/leaderboards/{BOARD}"
CONNECTIONS = 32
KEY = "bench:answer"
PACED_ROUNDS, PACED_S = 3, 5.0
RESPONSES = 10_000
#: A limit that is accounted for but never reached.
UNREACHABLE_LIMIT = 2_000_000_000
#: Ratios: the two targets, and the bar.
HIT, UNCOMPRESSED, NOT_MODIFIED = "hit", "hit, not compressed", "304"
RATIOS = {
    "hit_vs_noop": (HIT, "no-op", ">= 0.6"),
    "hit_vs_noop_body": (HIT, "no-op body", ""),
    "hit_vs_redis_get": (HIT, "redis get", ">= 2"),
    "hit_vs_multiplexed_get": (HIT, "multiplexed", ""),
    "hit_vs_fastapi_redis": (HIT, "fastapi", ">= 4"),
    "hit_vs_sql": (HIT, "sql", ">= 4"),
    "not_modified_vs_hit": (NOT_MODIFIED, HIT, ">= 1.1"),
    "not_modified_vs_hit_not_compressed": (NOT_MODIFIED, UNCOMPRESSED, ""),
    "multiplexed_vs_redis_get": ("multiplexed", "redis get", ""),
}
QUERY = """
SELECT json_build_object('data', json_agg(row_to_json(entries)))::text
FROM (
    SELECT rank, player_id, display_name, score, matches, wins, draws, losses, win_rate
    FROM marts.leaderboard_entries
    WHERE board = %(board)s AND rank IS NOT NULL
    ORDER BY rank, player_id
    LIMIT 50
) AS entries
"""
_ROWS = """
CREATE TABLE leaderboard_entries (
    board text, game text, player_id text, display_name text, rank integer, score numeric(18, 6), matches integer,
    wins integer, draws integer, losses integer, win_rate numeric(8, 6), is_qualified boolean,
    PRIMARY KEY (board, player_id)
);
INSERT INTO leaderboard_entries
    SELECT board, 'dota2', (100000000 + n * 7919)::text, 'Player ' || n * 31, 1 + n / 4 * 4, 100000 - n / 4 * 4, 100,
        50 + n % 20, 0, 50 - n % 20, 0.5 + n % 20 / 100.0, true
    FROM generate_series(0, {players} - 1) AS n, unnest(ARRAY['{board}', 'dota2_rank', 'dota2_win_rate']) AS board;
CREATE INDEX ON leaderboard_entries (board, rank, player_id);
ANALYZE leaderboard_entries;
"""


@dataclass
class Target:
    """A server that is measured.

    Args:
        port: its port.
        payload: the request.
        status: the expected status.
        loads: results of each round.
        busy: share of all cores that was busy in each round, by any process.
    """

    port: int
    payload: bytes
    status: int = 200
    loads: list[Load] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and write the report."""
    rounds, seconds = int(os.environ.get("ROUNDS", "9")), float(os.environ.get("SECONDS", "2"))
    home = Path(tempfile.mkdtemp(prefix="ladder-bench-"))
    home.chmod(0o755)
    for name in [name for name in os.environ if name.startswith("LADDER_")]:
        del os.environ[name]
    os.environ["LADDER_HOME"] = str(home)
    try:
        with open_warehouse(load_settings()) as warehouse, ExitStack() as stack:
            targets, facts = _start_targets(warehouse, stack)
            for number in range(rounds):
                names = list(targets)
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    _measure(targets[name], seconds)
                print(f"round {number + 1} of {rounds}", flush=True)
            paced = _at_half_load(targets)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    _report(targets, paced, {"rounds": rounds, "seconds of each": seconds, **facts})


def _start_targets(warehouse: Warehouse, stack: ExitStack) -> tuple[dict[str, Target], dict[str, object]]:
    redis_url, serving_url = warehouse.servers.redis_url, warehouse.url("serving")
    _publish(warehouse)
    with connect(warehouse.servers.database_url) as admin:
        key = create_key(
            admin, "bench", requests_per_minute=UNREACHABLE_LIMIT, rows_per_minute=UNREACHABLE_LIMIT, by="bench"
        )
    base = stack.enter_context(background(warehouse.settings, serving_url, redis_url))
    port = urlsplit(base).port
    assert port is not None
    headers, body = _get(port, {"Accept-Encoding": "gzip, deflate, br, zstd"})
    _, content = _get(port, {})
    with redis.Redis.from_url(redis_url) as cache:
        cache.set(KEY, body)
    targets = {
        HIT: Target(port, request(PATH, x_api_key=key)),
        NOT_MODIFIED: Target(port, request(PATH, x_api_key=key, if_none_match=headers["etag"]), status=304),
        UNCOMPRESSED: Target(port, request(PATH, x_api_key=key, accept_encoding="identity")),
    }
    kept = [(name, value) for name, value in headers.items() if name not in ("date", "server")]
    for name in PEERS:
        wiring = PeerConfig(redis_url, serving_url, KEY, kept, QUERY, BOARD)
        targets[name] = Target(stack.enter_context(peer(name, wiring)), targets[HIT].payload)
        _wait_until_ready(targets[name].port)
    return targets, {"bytes of a body": len(content), "compressed": len(body), "headers": headers}


def _publish(warehouse: Warehouse) -> None:
    with build_session(warehouse.url("transform")) as connection:
        connection.execute("SET ROLE ladder_marts_owner")
        connection.execute("SET search_path = marts_blue")
        connection.execute(_ROWS.format(players=PLAYERS, board=BOARD).encode())
        connection.execute("RESET search_path")
        connection.execute("RESET ROLE")
        build = Build(
            colour="blue",
            as_of_date=None,
            head_batch_id=0,
            inputs_digest="",
            models_digest="",
            is_needed=True,
            is_full=False,
        )
        record_build(connection, build, as_of_date=None)
        generation = promote(connection, "blue", ["leaderboard_entries"])
    publish_cache(warehouse.servers.redis_url, generation, serving_url=warehouse.url("serving"))


def _get(port: int, headers: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        for _ in range(2):  # the second request is a hit
            connection.request("GET", PATH, headers=dict(headers))
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body
        return {name.lower(): value for name, value in response.getheaders()}, body
    finally:
        connection.close()


def _wait_until_ready(port: int) -> None:
    for _ in range(300):
        try:
            _get(port, {})
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    raise RuntimeError(f"no response on port {port}")


def _measure(target: Target, seconds: float) -> None:
    psutil.cpu_percent()
    target.loads.append(
        closed_load(target.port, target.payload, connections=CONNECTIONS, seconds=seconds, status=target.status)
    )
    target.busy.append(psutil.cpu_percent() / 100)


def _at_half_load(targets: Mapping[str, Target]) -> dict[str, list[float]]:
    """99th percentile (ms) of each round, at half of each target's throughput."""
    found: dict[str, list[float]] = {}
    for _ in range(PACED_ROUNDS):
        for name in (HIT, "no-op", "redis get"):
            target = targets[name]
            pace = median(load.per_second for load in target.loads) / 2
            paced = open_load(target.port, target.payload, connections=CONNECTIONS, seconds=PACED_S, per_second=pace)
            found.setdefault(name, []).append(1000 * quantiles(paced.latencies, n=100, method="inclusive")[98])
    return found


def _report(targets: Mapping[str, Target], paced: Mapping[str, list[float]], facts: Mapping[str, object]) -> None:
    each = {
        ratio: [
            ours.per_second / theirs.per_second for ours, theirs in zip(targets[a].loads, targets[b].loads, strict=True)
        ]
        for ratio, (a, b, _) in RATIOS.items()
    }
    own = {name: median(load.own_cpu_s / load.seconds for load in target.loads) for name, target in targets.items()}
    report.write(
        "serving",
        seconds={
            f"{name}: {RESPONSES:,} answers": [RESPONSES / load.per_second for load in target.loads]
            for name, target in targets.items()
        },
        ratios={ratio: median(values) for ratio, values in each.items()}
        | {f"p99_at_half_load_ms_{name.replace(' ', '_').replace('-', '')}": median(v) for name, v in paced.items()},
        bars={ratio: bar for ratio, (_, _, bar) in RATIOS.items()},
        facts={
            **facts,
            "spread of the ratios": {ratio: [round(min(v), 2), round(max(v), 2)] for ratio, v in each.items()},
            "answers a second": {
                name: round(median(load.per_second for load in target.loads)) for name, target in targets.items()
            },
            "p99 at half load, ms, each round": {name: [round(v, 2) for v in values] for name, values in paced.items()},
            "load generator's own share of a core": {name: round(value, 2) for name, value in own.items()},
            "share of all cores that was busy": {
                name: round(median(target.busy), 2) for name, target in targets.items()
            },
            "connections": CONNECTIONS,
            "versions": {name: metadata.version(name) for name in ("granian", "fastapi", "redis", "psycopg", "uvloop")},
            "load average": [round(value, 2) for value in os.getloadavg()],
        },
    )


if __name__ == "__main__":
    main()
