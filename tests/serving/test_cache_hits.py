"""Repeated requests are served from stored bytes without a query."""

from __future__ import annotations

import gzip
import re

import httpx
import pytest
import redis
import zstandard

from serving.endpoints import ENDPOINTS
from tests.serving.conftest import ApiPair
from tests.serving.http_clients import count, get_together, queries

BOARD = "/api/v1/leaderboards/dota2_matches"


def test_a_hit_is_the_same_response_without_a_query(api: httpx.Client, pair: ApiPair) -> None:
    hits = 'ladder_answers_total{tier="memory"}'
    queries_before, hits_before = queries(pair.one), count(pair.one, hits)
    first = api.get(BOARD)
    assert queries(pair.one) == queries_before + 1
    for _ in range(20):
        again = api.get(BOARD)
        assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert queries(pair.one) == queries_before + 1
    assert count(pair.one, hits) == hits_before + 20


def test_all_spellings_of_a_request_share_one_response(api: httpx.Client, pair: ApiPair) -> None:
    before = queries(pair.one)
    spellings = [
        "/api/v1/heroes/meta-trends",
        "/api/v1/heroes/meta-trends?window_days=7",
        "/api/v1/heroes/meta-trends?rank_bracket=all&window_days=7",
        "/api/v1/heroes/meta-trends?window_days=7&rank_bracket=all",
        "/api/v1/heroes/meta%2dtrends?window_days=%37",
    ]
    tags = {api.get(spelling).headers["etag"] for spelling in spellings}
    assert len(tags) == 1
    assert queries(pair.one) == before + 1


def test_different_requests_do_not_share_a_response(reader: httpx.Client) -> None:
    paths = [f"/api/v1/heroes/meta-trends?window_days={days}" for days in (7, 30)]
    paths += [f"{BOARD}?limit={limit}" for limit in (1, 2)]
    assert len({reader.get(path).headers["etag"] for path in paths}) == 4


def test_another_process_serves_from_redis(pair: ApiPair) -> None:
    found = 'ladder_answers_total{tier="redis"}'
    before = queries(pair.one), queries(pair.other), count(pair.other, found)
    first, second = httpx.get(pair.one + BOARD), httpx.get(pair.other + BOARD)
    assert first.content == second.content
    assert (queries(pair.one), queries(pair.other)) == (before[0] + 1, before[1])
    assert count(pair.other, found) == before[2] + 1


def test_a_matching_tag_is_a_304_without_body_or_query(api: httpx.Client, pair: ApiPair) -> None:
    tag = api.get(BOARD).headers["etag"]
    for tags in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        response = api.get(BOARD, headers={"If-None-Match": tags})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
        assert "max-age=300" in response.headers["cache-control"]
    assert api.get(BOARD, headers={"If-None-Match": '"other"'}).status_code == 200
    with redis.Redis.from_url(pair.redis_url) as cache:
        cache.flushdb()
    # The other process has no response of this generation.
    before = queries(pair.other)
    assert httpx.get(pair.other + BOARD, headers={"If-None-Match": tag}).status_code == 304
    assert queries(pair.other) == before


def test_a_wildcard_tag_does_not_match_missing_subjects(reader: httpx.Client) -> None:
    for _ in range(2):
        for path in ("/players/dota2/999", "/players/dota2/999/matches", "/leaderboards/nobody"):
            assert reader.get(f"/api/v1{path}", headers={"If-None-Match": "*"}).status_code == 404


def test_bodies_are_compressed_on_request(reader: httpx.Client) -> None:
    plain = reader.get(BOARD, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with reader.stream("GET", BOARD, headers={"Accept-Encoding": "br, gzip"}) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 3
    assert "content-encoding" not in reader.get(BOARD, headers={"Accept-Encoding": "gzip;q=0"}).headers
    with reader.stream("GET", BOARD, headers={"Accept-Encoding": "gzip, deflate, br, zstd"}) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "zstd"
    assert zstandard.ZstdDecompressor().decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 3
    assert response.headers["vary"] == plain.headers["vary"] == "accept-encoding"


def test_head_is_get_without_the_body(reader: httpx.Client) -> None:
    for _ in range(2):
        head, get = reader.head(BOARD), reader.get(BOARD)
        assert head.content == b""
        ignored = {"date", "server-timing"}
        assert {k: v for k, v in head.headers.items() if k not in ignored} == {
            k: v for k, v in get.headers.items() if k not in ignored
        }
    assert reader.head("/api/v1/leaderboards/nobody").status_code == 404


@pytest.mark.parametrize(
    ("path", "minutes"),
    [
        ("/players/dota2/101", 15),
        ("/players/dota2/101/win-loss", 30),
        ("/players/dota2/101/heroes", 60),
        ("/players/dota2/101/matches", 5),
        ("/players/dota2/101/rank-progression", 60),
        ("/heroes/meta-trends", 30),
        ("/heroes/win-rates", 30),
        ("/leaderboards", 15),
        ("/leaderboards/dota2_matches", 5),
    ],
)
def test_lifetimes_are_those_of_the_source_documents(reader: httpx.Client, path: str, minutes: int) -> None:
    ages = f"public, max-age={minutes * 60}, stale-while-revalidate={minutes * 60}, stale-if-error={4 * 3600}"
    assert reader.get(f"/api/v1{path}").headers["cache-control"] == ages


def test_server_timing_has_the_tier_and_the_duration(pair: ApiPair) -> None:
    def timing(base: str, **headers: str) -> str:
        return httpx.get(base + BOARD, headers=headers).headers["server-timing"]

    assert re.fullmatch(r"query;dur=\d+\.\d{3}", timing(pair.one))
    assert timing(pair.one) == "memory"
    assert re.fullmatch(r"redis;dur=\d+\.\d{3}", timing(pair.other))
    tag = httpx.get(pair.one + BOARD).headers["etag"]
    assert timing(pair.one, **{"If-None-Match": tag}) == "memory"


def test_server_timing_of_a_304_without_lookup_is_tag(pair: ApiPair) -> None:
    tag = httpx.get(pair.one + BOARD).headers["etag"]
    assert httpx.get(pair.other + BOARD, headers={"If-None-Match": tag}).headers["server-timing"] == "tag"


def test_no_client_can_bypass_the_cache(api: httpx.Client, pair: ApiPair) -> None:
    api.get(BOARD)
    before = queries(pair.one)
    for headers in ({"Cache-Control": "no-cache, no-store, max-age=0"}, {"Pragma": "no-cache"}, {"Range": "bytes=0-1"}):
        assert api.get(BOARD, headers=headers).status_code == 200
    assert queries(pair.one) == before


def test_errors_are_not_cached_by_clients(reader: httpx.Client) -> None:
    assert reader.get("/api/v1/leaderboards/nobody").headers["cache-control"] == "no-store"
    assert reader.get("/api/v1/leaderboards?x=1").headers["cache-control"] == "no-store"


def test_an_unknown_subject_is_queried_once(api: httpx.Client, pair: ApiPair) -> None:
    before = queries(pair.one)
    statuses = {response.status_code for response in get_together([f"{pair.one}/api/v1/players/dota2/7"] * 30)}
    assert statuses == {404}
    assert api.get("/api/v1/players/dota2/7").status_code == 404
    assert queries(pair.one) == before + 1


def test_stored_responses_expire_and_have_keys_of_their_generation(api: httpx.Client, pair: ApiPair) -> None:
    generation = api.get(BOARD).json()["meta"]["generation"]
    api.get("/api/v1/leaderboards/nobody")
    with redis.Redis.from_url(pair.redis_url, decode_responses=True) as cache:
        (key,) = cache.scan_iter(f"ladder:*:{generation}-*")
        assert key.split(":")[3:] == ["leaderboard_entries", "/leaderboards/dota2_matches?limit=50"]
        assert 0 < cache.ttl(key) <= 300 + 4 * 3600


def test_foreign_bytes_in_redis_are_ignored(pair: ApiPair) -> None:
    expected = httpx.get(pair.one + BOARD).content
    with redis.Redis.from_url(pair.redis_url) as cache:
        for name in list(cache.scan_iter("ladder:*")):
            if not name.endswith(b":generation"):
                cache.set(name, b"\x93garbage")
    before = queries(pair.other)
    assert httpx.get(pair.other + BOARD).content == expected
    assert queries(pair.other) == before + 1


def test_every_endpoint_declares_the_relations_it_reads() -> None:
    for endpoint in ENDPOINTS:
        text = endpoint.sql + endpoint.exists_sql
        named = {name for name in endpoint.reads if f"marts.{name}" in text}
        assert named == set(endpoint.reads), endpoint.name
        assert text.count("marts.") == sum(
            text.count(f"marts.{name}\n") + text.count(f"marts.{name} ") for name in named
        )
        assert list(endpoint.reads) == sorted(endpoint.reads)
        assert endpoint.mart in endpoint.reads
