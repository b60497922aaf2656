"""Responses of an upstream are bounded: in size, compressed or not, in memory of all requests together, and in time."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import time
import zlib

import pytest

from ingestion.errors import OversizedResponse, TransientError
from ingestion.http.client import Response
from tests.ingestion.scripted_server import Reply, Server, scripted
from tests.ingestion.test_http import fetch


def _bomb() -> bytes:
    compressor = zlib.compressobj(9, wbits=31)
    return b"".join([*(compressor.compress(b"0" * (1 << 20)) for _ in range(1024)), compressor.flush()])


GZIP = {"content-encoding": "gzip"}
PIECE = b"[" + b"0," * (1 << 19)
#: 1 MB of gzip that holds 1 GB.
BOMB = _bomb()
#: Program of a separate process: as many concurrent requests as in a run, first ordinary, then hostile ones.
_FETCHING = """
import asyncio, re, sys
from pathlib import Path
from ingestion.errors import UpstreamError
from ingestion.http.client import Client, RetryPolicy
from ingestion.http.rate_limits import CallBudget, SystemClock
from ingestion.http.refusals import Upstream
from ingestion.sources.opendota.rate_limits import PerMinuteLimiter

def peak_mb():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

async def main(url):
    clock = SystemClock()
    upstream = Upstream("OpenDota", url, None, "LADDER_OPENDOTA")
    limiter = PerMinuteLimiter("OpenDota", clock=clock)
    retry_policy = RetryPolicy(response_timeout_s=60, attempts=2)
    async with Client(upstream, limiter, clock, retry_policy) as client:
        async def one(path):
            try:
                return len((await client.get(path, budget=CallBudget(100))).body)
            except UpstreamError as error:
                return type(error).__name__
        await one("/ordinary")
        for path in ("/ordinary", "/hostile"):
            print(*await asyncio.gather(*(one(path) for _ in range(client.concurrency))), peak_mb())

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(Reply(body=PIECE, times=0), id="endless"),
        pytest.param(Reply(body=BOMB, headers=GZIP), id="gzip bomb"),
        pytest.param(Reply(body=PIECE, times=500), id="500 MB"),
    ],
)
def test_a_body_without_bounds_costs_at_most_100_mb_more_than_an_ordinary_run(
    hostile: Reply, capsys: pytest.CaptureFixture[str]
) -> None:
    ordinary = Reply(body=b"[" + b"1234567," * (1 << 18) + b"1]")

    async def scenario() -> bytes:
        async with scripted(lambda path, n: hostile if "hostile" in path else ordinary) as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _FETCHING, server.url, stdout=subprocess.PIPE
            )
            return (await process.communicate())[0]

    lines = [line.split() for line in asyncio.run(scenario()).decode().splitlines()]
    (*accepted, before), (*refused, after) = lines
    assert set(accepted) == {str(len(ordinary.body))}
    assert set(refused) <= {"OversizedResponse", "TransientError"}, refused
    with capsys.disabled():
        sys.stdout.write(f" {float(before):.0f} MB, {float(after) - float(before):.0f} MB more ")
    assert float(after) - float(before) <= 100, lines


def test_a_body_that_is_too_large_is_requested_once_and_named_with_the_setting() -> None:
    [failure], server = fetch(lambda path, n: Reply(body=BOMB, headers=GZIP), max_bytes=1 << 20)
    assert isinstance(failure, OversizedResponse)
    assert str(failure) == (
        "OpenDota responded to /x with more than 1 MB; raise LADDER_ANSWER_MB if such a large response is expected"
    )
    assert len(server.requests) == 1


def test_compressed_data_that_expand_to_nothing_are_bounded_too() -> None:
    nothing = gzip.compress(b"[1]")[:10] + b"\x00\x00\x00\xff\xff" * 300_000
    [failure], _ = fetch(lambda path, n: Reply(body=nothing, headers=GZIP), max_bytes=1 << 20)
    assert isinstance(failure, OversizedResponse)


def test_a_body_with_too_many_values_is_not_decoded() -> None:
    [failure], server = fetch(lambda path, n: Reply(body=b"[" + b"0," * 5_000_000 + b"0]"))
    assert str(failure) == "OpenDota responded to /x with more than 4000000 values"
    assert len(server.requests) == 1


def test_only_the_beginning_of_an_error_is_read() -> None:
    [failure], server = fetch(lambda path, n: Reply(status=404, body=b"x" * 100_000, times=0))
    assert failure.status == 404  # type: ignore[union-attr]
    assert len(server.requests) == 1


def test_a_slow_body_ends_with_the_response_timeout() -> None:
    began = time.monotonic()
    [failure], _ = fetch(lambda path, n: Reply(body=b" ", times=0, pause_s=0.02))
    assert str(failure) == "OpenDota did not respond to /x in time; run again later"
    assert isinstance(failure, TransientError)
    assert time.monotonic() - began < 30


def test_only_a_compression_with_bounded_output_is_requested() -> None:
    [failure], server = fetch(lambda path, n: Reply(body=b"[1]", headers={"content-encoding": "zstd"}))
    assert server.headers[0]["accept-encoding"] == "gzip"
    assert "compressed as zstd, which was not requested" in str(failure)


def test_large_bodies_that_arrive_together_are_all_read() -> None:
    large = Reply(body=b"[" + b"1," * (3 << 19) + b"1]")

    async def scenario() -> tuple[list[Response], Server]:
        from ingestion.http.rate_limits import CallBudget
        from tests.ingestion.test_http import client_of

        async with scripted(lambda path, n: large) as server, client_of(server.url) as client:
            requested = (client.get(f"/{n}", budget=CallBudget(10)) for n in range(6))
            return list(await asyncio.gather(*requested)), server

    responses, _ = asyncio.run(scenario())
    assert [len(response.body) for response in responses] == [len(large.body)] * 6
