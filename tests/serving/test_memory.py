"""Memory stays within its bounds whatever is asked, and keeps what is asked again."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from serving.cache.memory import Memory
from serving.cache.requests import Question
from serving.cache.responses import Answer, Stored
from serving.endpoints import ENDPOINTS
from serving.endpoints.generations import Published
from serving.errors import UnknownSubject

ENDPOINT = ENDPOINTS[0]
PUBLISHED = Published(1, None, datetime(2026, 1, 1, tzinfo=UTC))


def answer(scope: str, size: int = 1000) -> Answer:
    return Answer(Question(ENDPOINT, scope, {}, None), PUBLISHED, Stored(time.time(), b"x" * size, 1))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30), st.integers(0, 5000)), max_size=100))
def test_it_never_holds_more_than_its_capacity_and_finds_only_what_it_holds(
    steps: list[tuple[int, int, int]],
) -> None:
    memory = Memory(capacity=20_000)
    for number, spelling, size in steps:
        scope = str(number)
        kept = memory.get(scope)
        if kept is None or size % 2:
            kept = answer(scope, size)
            memory.put(kept)
        memory.alias((scope, b"%d" % spelling), kept)
        held = {id(found): found for found in memory.raw.values()}.values()
        assert sum(found.size for found in held) <= 20_000
        assert all(memory.get(found.scope) is found for found in held)
        assert all(memory.raw[raw] is found for found in held for raw in found.aliases)


def test_what_is_hit_outlives_what_is_not() -> None:
    memory = Memory(capacity=10 * answer("x").size)
    memory.put(answer("hot"))
    for number in range(100):
        found = memory.get("hot")
        assert found is not None
        memory.put(answer(str(number)))


def test_spellings_of_one_answer_are_bounded() -> None:
    memory = Memory()
    kept = answer("scope")
    memory.put(kept)
    for number in range(100):
        memory.alias(("/", b"%d" % number), kept)
    assert len(memory.raw) == len(kept.aliases) == 8


def test_an_answer_made_again_is_found_by_every_spelling_of_the_earlier_one() -> None:
    memory = Memory()
    earlier, later = answer("scope"), answer("scope", 2000)
    memory.put(earlier)
    for spelling in (b"a", b"b"):
        memory.alias(("/", spelling), earlier)
    memory.put(later)
    assert memory.raw == {("/", b"a"): later, ("/", b"b"): later}
    assert memory.get("scope") is later
    memory.put(later)
    assert memory.raw[("/", b"a")] is later


def test_what_is_hot_is_what_was_asked_most_since_the_last_time() -> None:
    memory = Memory()
    for scope, uses in (("cold", 0), ("warm", 3), ("hot", 50), ("lukewarm", 1)):
        memory.put(answer(scope))
        for _ in range(uses):
            memory.get(scope)
    assert [(question.scope, uses) for question, uses in memory.take_hot(2)] == [("hot", 50), ("warm", 3)]
    assert memory.take_hot(2) == []
    memory.get("hot")
    memory.put(answer("hot"))
    memory.get("hot")
    assert [(question.scope, uses) for question, uses in memory.take_hot(2)] == [("hot", 2)]


def test_what_is_unknown_is_bounded_and_belongs_to_a_generation() -> None:
    memory = Memory()
    refusal = UnknownSubject("player")
    for number in range(10_000):
        memory.remember_unknown(str(number), PUBLISHED, refusal)
    assert memory.unknown("9999", PUBLISHED) is refusal
    assert memory.unknown("0", PUBLISHED) is None
    later = Published(2, None, PUBLISHED.published_at)
    assert memory.unknown("9999", later) is None
