"""The memory tier stays within its bounds, and keeps responses that are requested again."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from serving.cache.keys import CacheKey
from serving.cache.memory_tier import MemoryTier
from serving.cache.requests import CanonicalRequest
from serving.cache.responses import CachedResponse, StoredBody
from serving.endpoints import ENDPOINTS
from serving.endpoints.generations import PublishedGeneration
from serving.errors import UnknownSubject

ENDPOINT = ENDPOINTS[0]
PUBLISHED = PublishedGeneration(1, None, datetime(2026, 1, 1, tzinfo=UTC))


def cached_response(target: str, size: int = 1000) -> CachedResponse:
    key = CacheKey(PUBLISHED, CanonicalRequest(ENDPOINT, target, {}, None))
    return CachedResponse(key, StoredBody(time.time(), b"x" * size, 1))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30), st.integers(0, 5000)), max_size=100))
def test_it_stays_within_its_capacity_and_finds_only_stored_responses(
    steps: list[tuple[int, int, int]],
) -> None:
    memory = MemoryTier(capacity=20_000)
    for number, spelling, size in steps:
        target = str(number)
        response = memory.get(target)
        if response is None or size % 2:
            response = cached_response(target, size)
            memory.put(response)
        memory.alias((target, b"%d" % spelling), response)
        held = {id(found): found for found in memory.raw.values()}.values()
        assert sum(found.size for found in held) <= 20_000
        assert all(memory.get(found.target) is found for found in held)
        assert all(memory.raw[raw] is found for found in held for raw in found.aliases)


def test_responses_with_hits_are_evicted_last() -> None:
    memory = MemoryTier(capacity=10 * cached_response("x").size)
    memory.put(cached_response("hot"))
    for number in range(100):
        found = memory.get("hot")
        assert found is not None
        memory.put(cached_response(str(number)))


def test_aliases_of_a_response_are_bounded() -> None:
    memory = MemoryTier()
    response = cached_response("scope")
    memory.put(response)
    for number in range(100):
        memory.alias(("/", b"%d" % number), response)
    assert len(memory.raw) == len(response.aliases) == 8


def test_a_refreshed_response_inherits_all_aliases() -> None:
    memory = MemoryTier()
    earlier, later = cached_response("scope"), cached_response("scope", 2000)
    memory.put(earlier)
    for spelling in (b"a", b"b"):
        memory.alias(("/", spelling), earlier)
    memory.put(later)
    assert memory.raw == {("/", b"a"): later, ("/", b"b"): later}
    assert memory.get("scope") is later
    memory.put(later)
    assert memory.raw[("/", b"a")] is later


def test_hot_requests_are_the_most_frequent_since_the_last_call() -> None:
    memory = MemoryTier()
    for target, hits in (("cold", 0), ("warm", 3), ("hot", 50), ("lukewarm", 1)):
        memory.put(cached_response(target))
        for _ in range(hits):
            memory.get(target)
    assert [(request.target, hits) for request, hits in memory.take_hot_requests(2)] == [("hot", 50), ("warm", 3)]
    assert memory.take_hot_requests(2) == []
    memory.get("hot")
    memory.put(cached_response("hot"))
    memory.get("hot")
    assert [(request.target, hits) for request, hits in memory.take_hot_requests(2)] == [("hot", 2)]


def test_unknown_subjects_are_bounded_and_belong_to_a_generation() -> None:
    memory = MemoryTier()
    error = UnknownSubject("player")
    for number in range(10_000):
        memory.put_unknown(str(number), PUBLISHED, error)
    assert memory.get_unknown("9999", PUBLISHED) is error
    assert memory.get_unknown("0", PUBLISHED) is None
    later = PublishedGeneration(2, None, PUBLISHED.published_at)
    assert memory.get_unknown("9999", later) is None
