"""Rate limits: headers, errors, keys."""

from __future__ import annotations

import time

import httpx

from sandbox.rate_limits import RequestLimits
from sandbox.server import serve
from sandbox.world import World

_MINUTE, _DAY = "X-Rate-Limit-Remaining-Minute", "X-Rate-Limit-Remaining-Day"
_KEY = "0b5d2d5c-6a6c-4f0e-9d2a-3f1f7a1c9e10"


def _world() -> World:
    return World(seed=1, players=20, days=5)


def test_headers_count_down_and_the_minute_limit_answers_429():
    limits = RequestLimits(per_minute=3, per_day=100, minute_s=0.5)
    with serve(_world(), limits=limits) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        responses = [api.get("/leagues") for _ in range(4)]
        assert [response.headers[_MINUTE] for response in responses] == ["2", "1", "0", "0"]
        assert [response.headers[_DAY] for response in responses] == ["99", "98", "97", "96"]
        assert [response.status_code for response in responses] == [200, 200, 200, 429]
        assert responses[3].json() == {"error": "minute rate limit exceeded"}
        assert "retry-after" not in responses[3].headers
        time.sleep(0.55)
        assert api.get("/leagues").status_code == 200


def test_the_daily_limit_ends_with_the_worlds_day():
    with serve(_world(), limits=RequestLimits(per_day=2)) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        responses = [api.get("/leagues") for _ in range(3)]
        assert [response.status_code for response in responses] == [200, 200, 429]
        assert responses[2].json() == {"error": "daily api limit exceeded"}
        sandbox.advance(days=1)
        assert api.get("/leagues").status_code == 200


def test_a_key_in_header_or_query_raises_the_minute_limit_and_lifts_the_daily_one():
    limits = RequestLimits(per_minute=1, per_day=1, per_minute_with_key=10, keys=frozenset({_KEY}))
    with serve(_world(), limits=limits) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        first = api.get("/leagues", headers={"Authorization": f"Bearer {_KEY}"})
        second = api.get("/leagues", params={"api_key": _KEY})
        assert [first.headers[_MINUTE], second.headers[_MINUTE]] == ["9", "8"]
        assert _DAY not in first.headers
        assert [entry.has_key for entry in sandbox.requests.entries] == [True, True]
        assert [entry.query for entry in sandbox.requests.entries] == ["", f"api_key={_KEY}"]


def test_an_unknown_key_is_a_bad_request():
    with serve(_world(), limits=RequestLimits(keys=frozenset({_KEY}))) as sandbox:
        for response in (
            httpx.get(f"{sandbox.url}/leagues", headers={"Authorization": "Bearer guess"}),
            httpx.get(f"{sandbox.url}/leagues?api_key=guess"),
        ):
            assert response.status_code == 400
            assert response.json() == {"error": "Invalid API key format"}


def test_the_limits_of_the_public_service_are_predefined():
    assert (RequestLimits.without_key().per_minute, RequestLimits.without_key().per_day) == (60, 3_000)
