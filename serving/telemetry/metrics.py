"""Metrics of all processes of a server, without locks or system calls in the path of a hit.

Each process counts in its own memory-mapped file; the process that serves `/metrics` adds up the files. Files of ended
processes stay, so counters never decrease.
"""

from __future__ import annotations

import mmap
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.endpoints import ENDPOINTS
from serving.endpoints.generations import PublishedGeneration

__all__ = ["OTHER", "TIERS", "Counter", "Metrics"]

TIERS = ("memory", "board", "redis", "query", "stale")
OTHER = "other"
_ENDPOINT_NAMES = (*(endpoint.name for endpoint in ENDPOINTS), OTHER)
_STATUSES = (200, 304, 400, 401, 403, 404, 405, 413, 414, 421, 422, 429, 431, 500, 503)
_QUERY_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_CELL_BYTES = 8
_SUFFIX = ".counts"


class Counter:
    """One counter in the file of this process."""

    __slots__ = ("_cells", "_index")

    def __init__(self, cells: memoryview, index: int) -> None:
        self._cells = cells
        self._index = index

    def add(self, amount: int = 1) -> None:
        """Increase the counter."""
        self._cells[self._index] += amount


class Metrics:
    """Metrics of the API.

    Args:
        directory: belongs to the server; each of its processes has a file in it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        names = _cell_names()
        with tempfile.NamedTemporaryFile(dir=directory, suffix=_SUFFIX, delete=False) as file:
            file.truncate(len(names) * _CELL_BYTES)
            cells = memoryview(mmap.mmap(file.fileno(), len(names) * _CELL_BYTES)).cast("Q")
        counters = {name: Counter(cells, index) for index, name in enumerate(names)}
        self._requests: dict[tuple[str, int | str], Counter] = {
            (endpoint, status): counters[f"requests/{endpoint}/{status}"]
            for endpoint in _ENDPOINT_NAMES
            for status in (*_STATUSES, OTHER)
        }
        self.tiers = {tier: counters[f"answers/{tier}"] for tier in TIERS}
        self.flight_waits = counters["flight_waits"]
        self.refreshes = counters["refreshes"]
        self.redis_errors = counters["redis_errors"]
        self._query_micros = counters["query_micros"]
        self._queries = [counters[f"queries/{index}"] for index in range(len(_QUERY_BOUNDS_S) + 1)]

    def count_response(self, tier: str, *, is_stale: bool) -> None:
        """Count a data response by tier; a response that is marked stale counts as `stale` only."""
        self.tiers["stale" if is_stale else tier].add()

    def has_endpoint(self, name: str) -> bool:
        """Whether an endpoint with this name is declared."""
        return name in _ENDPOINT_NAMES and name != OTHER

    def requests(self, endpoint: str, status: int) -> Counter:
        """The counter of an endpoint's responses with a status."""
        counter = self._requests.get((endpoint, status))
        if counter is not None:
            return counter
        label = endpoint if endpoint in _ENDPOINT_NAMES else OTHER
        return self._requests.get((label, status)) or self._requests[label, OTHER]

    def observe_query(self, seconds: float) -> None:
        """Count a query by its duration."""
        self._queries[bisect_left(_QUERY_BOUNDS_S, seconds)].add()
        self._query_micros.add(int(seconds * 1_000_000))

    def exposition(self, published: PublishedGeneration | None) -> bytes:
        """Metrics of all processes in the text format of Prometheus.

        Args:
            published: the generation that this process serves; None before the first.
        """
        registry = CollectorRegistry()
        registry.register(_Snapshot(self._sums(), published))
        return generate_latest(registry)

    def _sums(self) -> dict[str, int]:
        names = _cell_names()
        sums = [0] * len(names)
        for path in self._directory.glob(f"*{_SUFFIX}"):
            content = path.read_bytes()
            if len(content) == len(names) * _CELL_BYTES:
                sums = [total + count for total, count in zip(sums, memoryview(content).cast("Q"), strict=True)]
        return dict(zip(names, sums, strict=True))


class _Snapshot(Collector):
    def __init__(self, sums: dict[str, int], published: PublishedGeneration | None) -> None:
        self._sums = sums
        self._published = published

    def collect(self) -> Iterable[Metric]:
        yield self._labelled("ladder_requests", "Responses by endpoint and status", "requests", ("endpoint", "status"))
        yield self._labelled("ladder_answers", "Data responses by cache tier", "answers", ("tier",))
        for name, description in (
            ("flight_waits", "Requests that waited for the query of another request"),
            ("refreshes", "Responses that were refreshed before they expired"),
            ("redis_errors", "Failed Redis commands"),
        ):
            yield CounterMetricFamily(f"ladder_{name}", description, value=self._sums[name])
        yield self._query_seconds()
        published = self._published
        number = 0 if published is None else published.generation
        yield GaugeMetricFamily("ladder_generation", "Published generation; 0 before the first", value=number)
        if published is not None:
            age_s = max(0.0, time.time() - published.published_at.timestamp())
            yield GaugeMetricFamily("ladder_generation_age_seconds", "Seconds since it was published", value=age_s)

    def _labelled(self, name: str, description: str, prefix: str, labels: Sequence[str]) -> Metric:
        family = CounterMetricFamily(name, description, labels=labels)
        for cell, count in self._sums.items():
            parts = cell.split("/")
            if parts[0] == prefix and (count or prefix == "answers"):
                family.add_metric(parts[1:], count)
        return family

    def _query_seconds(self) -> Metric:
        buckets, running = [], 0
        for index, bound in enumerate((*map(str, _QUERY_BOUNDS_S), "+Inf")):
            running += self._sums[f"queries/{index}"]
            buckets.append((bound, running))
        family = HistogramMetricFamily("ladder_query_seconds", "Duration of the queries of a response, in seconds")
        family.add_metric([], buckets, self._sums["query_micros"] / 1_000_000)
        return family


def _cell_names() -> list[str]:
    """Names of the cells of a file in order; the same in all processes of a server."""
    return [
        *(f"requests/{endpoint}/{status}" for endpoint in _ENDPOINT_NAMES for status in (*_STATUSES, OTHER)),
        *(f"answers/{tier}" for tier in TIERS),
        "flight_waits",
        "refreshes",
        "redis_errors",
        "query_micros",
        *(f"queries/{index}" for index in range(len(_QUERY_BOUNDS_S) + 1)),
    ]
