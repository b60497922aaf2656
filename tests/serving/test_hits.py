"""What was answered once is answered from stored bytes, the same and without a query."""

from __future__ import annotations

import gzip

import httpx
import pytest
import redis

from serving.endpoints import ENDPOINTS
from tests.serving.clients import count, get_together, queries
from tests.serving.conftest import api_of, redis_url
from tests.serving.marts import Marts

BOARD = "/api/v1/leaderboards/dota2_matches"


def test_a_hit_is_the_same_answer_without_a_query(api: httpx.Client) -> None:
    first = api.get(BOARD)
    before = queries(str(api.base_url))
    for _ in range(20):
        again = api.get(BOARD)
        assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert queries(str(api.base_url)) == before == 1
    assert count(str(api.base_url), 'ladder_answers_total{tier="memory"}') == 20


def test_all_spellings_of_a_request_share_one_answer(api: httpx.Client) -> None:
    spellings = [
        "/api/v1/heroes/meta-trends",
        "/api/v1/heroes/meta-trends?window_days=7",
        "/api/v1/heroes/meta-trends?rank_bracket=all&window_days=7",
        "/api/v1/heroes/meta-trends?window_days=7&rank_bracket=all",
        "/api/v1/heroes/meta%2dtrends?window_days=%37",
    ]
    tags = {api.get(spelling).headers["etag"] for spelling in spellings}
    assert len(tags) == 1
    assert queries(str(api.base_url)) == 1


def test_different_requests_do_not_share_an_answer(api: httpx.Client) -> None:
    paths = [f"/api/v1/heroes/meta-trends?window_days={days}" for days in (7, 30)]
    paths += [f"{BOARD}?limit={limit}" for limit in (1, 2)]
    assert len({api.get(path).headers["etag"] for path in paths}) == 4


def test_another_process_answers_from_redis(marts: Marts) -> None:
    with api_of(marts.database) as one, api_of(marts.database) as other:
        first, second = httpx.get(one + BOARD), httpx.get(other + BOARD)
        assert first.content == second.content
        assert (queries(one), queries(other)) == (1, 0)
        assert count(other, 'ladder_answers_total{tier="redis"}') == 1


def test_who_has_the_answer_gets_a_304_without_body_or_query(api: httpx.Client, marts: Marts) -> None:
    tag = api.get(BOARD).headers["etag"]
    for tags in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        answer = api.get(BOARD, headers={"If-None-Match": tags})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert "max-age=300" in answer.headers["cache-control"]
    assert api.get(BOARD, headers={"If-None-Match": '"other"'}).status_code == 200
    with redis.Redis.from_url(redis_url(marts.database)) as cache:
        cache.flushdb()
    with api_of(marts.database) as cold:
        assert httpx.get(cold + BOARD, headers={"If-None-Match": tag}).status_code == 304
        assert queries(cold) == 0


def test_a_wildcard_tag_matches_nothing_that_does_not_exist(reader: httpx.Client) -> None:
    for _ in range(2):
        for path in ("/players/dota2/999", "/players/dota2/999/matches", "/leaderboards/nobody"):
            assert reader.get(f"/api/v1{path}", headers={"If-None-Match": "*"}).status_code == 404


def test_bodies_are_compressed_for_who_asks(api: httpx.Client) -> None:
    plain = api.get(BOARD, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with api.stream("GET", BOARD, headers={"Accept-Encoding": "br, gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 3
    assert "content-encoding" not in api.get(BOARD, headers={"Accept-Encoding": "gzip;q=0"}).headers
    assert answer.headers["vary"] == plain.headers["vary"] == "accept-encoding"


def test_head_is_get_without_the_body(api: httpx.Client) -> None:
    for _ in range(2):
        head, get = api.head(BOARD), api.get(BOARD)
        assert head.content == b""
        ignored = {"date"}
        assert {k: v for k, v in head.headers.items() if k not in ignored} == {
            k: v for k, v in get.headers.items() if k not in ignored
        }
    assert api.head("/api/v1/leaderboards/nobody").status_code == 404


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
def test_answers_may_be_kept_as_long_as_the_source_documents_say(reader: httpx.Client, path: str, minutes: int) -> None:
    ages = f"public, max-age={minutes * 60}, stale-while-revalidate={minutes * 60}"
    assert reader.get(f"/api/v1{path}").headers["cache-control"] == ages


def test_errors_may_not_be_kept(reader: httpx.Client) -> None:
    assert reader.get("/api/v1/leaderboards/nobody").headers["cache-control"] == "no-store"
    assert reader.get("/api/v1/leaderboards?x=1").headers["cache-control"] == "no-store"


def test_what_is_unknown_is_asked_once(api: httpx.Client) -> None:
    statuses = {answer.status_code for answer in get_together([f"{api.base_url}/api/v1/players/dota2/7"] * 30)}
    assert statuses == {404}
    assert api.get("/api/v1/players/dota2/7").status_code == 404
    assert queries(str(api.base_url)) == 1


def test_stored_answers_leave_redis_by_themselves_and_lie_below_their_generation(
    api: httpx.Client, marts: Marts
) -> None:
    api.get(BOARD)
    api.get("/api/v1/leaderboards/nobody")
    with redis.Redis.from_url(redis_url(marts.database), decode_responses=True) as cache:
        (key,) = (name for name in cache.scan_iter("ladder:*") if not name.endswith(":generation"))
        parts = key.split(":")
        assert parts[2].startswith("1-")
        assert parts[3:] == ["leaderboard_entries", "/leaderboards/dota2_matches?limit=50"]
        assert 0 < cache.ttl(key) <= 300 + 4 * 3600


def test_bytes_in_redis_that_somebody_else_wrote_are_passed_over(marts: Marts) -> None:
    with api_of(marts.database) as one:
        expected = httpx.get(one + BOARD).content
    with redis.Redis.from_url(redis_url(marts.database)) as cache:
        for name in list(cache.scan_iter("ladder:*")):
            if not name.endswith(b":generation"):
                cache.set(name, b"\x93garbage")
    with api_of(marts.database) as other:
        assert httpx.get(other + BOARD).content == expected


def test_every_endpoint_names_the_relations_it_reads() -> None:
    for endpoint in ENDPOINTS:
        text = endpoint.sql + endpoint.known
        named = {name for name in endpoint.reads if f"marts.{name}" in text}
        assert named == set(endpoint.reads), endpoint.name
        assert text.count("marts.") == sum(
            text.count(f"marts.{name}\n") + text.count(f"marts.{name} ") for name in named
        )
        assert list(endpoint.reads) == sorted(endpoint.reads)
        assert endpoint.mart in endpoint.reads
