"""A request has one cache key, whose parts are computed once and shared with its response."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from serving.cache.keys import CacheKey
from serving.cache.requests import CanonicalRequest
from serving.cache.responses import CachedResponse, StoredBody
from serving.endpoints import BY_NAME
from serving.endpoints.generations import PublishedGeneration

PUBLISHED = PublishedGeneration(7, None, datetime(2026, 1, 1, tzinfo=UTC))
REQUEST = CanonicalRequest.of(BY_NAME["player"], {"game": "dota2", "player_id": "101"}, None, None)


def test_a_key_names_generation_mart_and_target() -> None:
    name = CacheKey(PUBLISHED, REQUEST).name
    assert name.split(":")[2:] == [PUBLISHED.token, "dim_players", "/players/dota2/101"]


def test_name_lock_and_tag_are_computed_once() -> None:
    key = CacheKey(PUBLISHED, REQUEST)
    assert key.name is key.name
    assert key.lock_name is key.lock_name
    assert key.etag is key.etag
    assert CachedResponse(key, StoredBody(time.time(), b"{}", 1)).etag is key.etag


def test_a_key_is_kept_for_its_own_generation_and_differs_in_another() -> None:
    key = CacheKey(PUBLISHED, REQUEST)
    later = key.in_generation(PublishedGeneration(8, None, PUBLISHED.published_at))
    assert key.in_generation(PUBLISHED) is key
    assert later.request is REQUEST
    assert later.name != key.name
    assert later.etag != key.etag
