"""Answers in this process: found by the raw path and query of a request, or by its canonical form."""

from __future__ import annotations

import heapq
import time

from serving.cache.requests import Question
from serving.cache.responses import Answer
from serving.endpoints.generations import Published
from serving.errors import UnknownSubject

__all__ = ["Memory", "RawRequest"]

RawRequest = tuple[str, bytes]
"""Path and query string as they came."""

_BYTES = 64 * 1024 * 1024
_LONGEST_ALIAS = 256
"""Longer spellings are found by their canonical form; here they would take more room than their answers."""
_ALIASES = 8
_UNKNOWN = 4096
_UNKNOWN_FOR_S = 30.0


class Memory:
    """A bounded cache with second chance eviction: the sweep passes over what was hit since it last came by.

    Args:
        capacity: bytes that all answers together may take.
    """

    def __init__(self, capacity: int = _BYTES) -> None:
        self.raw: dict[RawRequest, Answer] = {}
        """Answers by raw request; read directly by the hit path."""
        self._answers: dict[str, Answer] = {}
        self._bytes = 0
        self._capacity = capacity
        self._unknown: dict[str, tuple[Published, float, UnknownSubject]] = {}

    def get(self, scope: str) -> Answer | None:
        """The newest answer known for a canonical request, however old."""
        found = self._answers.get(scope)
        if found is not None:
            found.uses += 1
        return found

    @property
    def holds_any(self) -> bool:
        """Whether there is any answer, however old."""
        return bool(self._answers)

    def put(self, answer: Answer) -> None:
        """Keep an answer in place of an earlier one, whose spellings lead to it from now on."""
        earlier = self._answers.pop(answer.scope, None)
        if earlier is not None and earlier is not answer:
            self._bytes -= earlier.size
            answer.uses += earlier.uses - earlier.uses_reported
            answer.aliases, earlier.aliases = earlier.aliases, []
            for raw in answer.aliases:
                self.raw[raw] = answer
        if earlier is not answer:
            self._bytes += answer.size
        self._answers[answer.scope] = answer
        while self._bytes > self._capacity:
            self._evict_one()

    def alias(self, raw: RawRequest, answer: Answer) -> None:
        """Let a raw request find an answer. Only a few spellings of each, so that nobody can fill memory with them."""
        known = self.raw.get(raw)
        if known is answer or len(raw[0]) + len(raw[1]) > _LONGEST_ALIAS:
            return
        if known is not None:
            known.aliases.remove(raw)
            del self.raw[raw]
        if not self._is_kept(answer):
            return
        if len(answer.aliases) == _ALIASES:
            del self.raw[answer.aliases.pop(0)]
        answer.aliases.append(raw)
        self.raw[raw] = answer

    def remember_unknown(self, scope: str, published: Published, refusal: UnknownSubject) -> None:
        """Keep for a while that there is nothing, for a bounded number of requests."""
        self._unknown.pop(scope, None)
        self._unknown[scope] = (published, time.monotonic() + _UNKNOWN_FOR_S, refusal)
        if len(self._unknown) > _UNKNOWN:
            del self._unknown[next(iter(self._unknown))]

    def unknown(self, scope: str, published: Published) -> UnknownSubject | None:
        """The refusal remembered for a canonical request."""
        found = self._unknown.get(scope)
        if found is None:
            return None
        if found[0] is not published or found[1] < time.monotonic():
            del self._unknown[scope]
            return None
        return found[2]

    def take_hot(self, limit: int) -> list[tuple[Question, int]]:
        """What was asked most since this was called last, at most so many, with the hits of each."""
        asked = [answer for answer in self._answers.values() if answer.uses > answer.uses_reported]
        found = [(answer.question, answer.uses - answer.uses_reported) for answer in asked]
        for answer in asked:
            answer.uses_reported = answer.uses
        return heapq.nlargest(limit, found, key=lambda item: item[1])

    def _is_kept(self, answer: Answer) -> bool:
        return self._answers.get(answer.scope) is answer

    def _evict_one(self) -> None:
        scope, answer = next(iter(self._answers.items()))
        if answer.uses > answer.uses_swept:
            answer.uses_swept = answer.uses
            del self._answers[scope]
            self._answers[scope] = answer
        else:
            self._remove(scope)

    def _remove(self, scope: str) -> None:
        answer = self._answers.pop(scope, None)
        if answer is not None:
            self._bytes -= answer.size
            for raw in answer.aliases:
                del self.raw[raw]
            answer.aliases.clear()
