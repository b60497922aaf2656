"""A place on a leaderboard equals that of SQL, from the sorted set and from PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from psycopg.types.numeric import FloatLoader

from serving.cache import keys
from serving.cache.leaderboards import LEADERBOARD_PLACE, read_place, write_leaderboard
from serving.cache.multiplexed_redis import MultiplexedRedis
from serving.cache.publish import publish_cache
from serving.cache.redis_tier import RedisTier
from serving.endpoints import ENDPOINTS
from serving.endpoints.generations import PublishedGeneration
from serving.telemetry.metrics import Metrics
from tests.conftest import Database
from tests.serving.conftest import ApiPair, redis_url
from tests.serving.http_clients import count, generation_of, queries, seconds_until
from tests.serving.marts import Marts

BOARD = "dota2_matches"
PLACES = f"/api/v1/leaderboards/{BOARD}/players"
FROM_LEADERBOARDS = 'ladder_answers_total{tier="board"}'
(ENTRIES,) = (endpoint for endpoint in ENDPOINTS if endpoint.name == "leaderboard_entries")

# Ties, scores that are equal as doubles, ids whose byte order differs from the collation, players without a rank.
SCORES = st.sampled_from(("0", "1", "2.5", "999999999999.999998", "999999999999.999999", "-3.000001")) | st.decimals(
    "-1000", "1000", places=6
).map(str)
PLAYERS = st.text("aBcÄz0_-", min_size=1, max_size=6)
LEADERBOARDS = st.dictionaries(PLAYERS, st.tuples(SCORES, st.sampled_from((True, True, True, False))), max_size=25)


def published(number: int) -> PublishedGeneration:
    return PublishedGeneration.unpack(
        b'{"generation":%d,"as_of_date":null,"published_at":"2026-01-01T00:00:00Z"}' % number
    )


@dataclass
class LeaderboardBench:
    """A leaderboard in PostgreSQL and in Redis, rewritten for each case in one session.

    Attributes:
        connection: queries the marts like an endpoint.
        runner: its event loop outlives a case.
        redis_connection: writes leaderboards.
        tier: reads leaderboards.
        number: number of the generation.
    """

    connection: psycopg.Connection[dict[str, Any]]
    runner: asyncio.Runner
    redis_connection: MultiplexedRedis
    tier: RedisTier
    number: int = 1

    def publish(self) -> None:
        """Rank the players as the mart does, and write the leaderboard under a new generation."""
        self.connection.execute(
            "UPDATE leaderboard_entries AS e SET rank = r.rank FROM (SELECT player_id, CASE WHEN is_qualified THEN "
            "rank() OVER (PARTITION BY is_qualified ORDER BY score DESC) END AS rank FROM leaderboard_entries) AS r "
            "WHERE e.player_id = r.player_id"
        )
        self.number += 1
        values = {"board": BOARD, "limit": None, "after_rank": None, "after_player_id": None}
        entries = self.connection.execute(ENTRIES.sql, values).fetchall()
        self.runner.run(write_leaderboard(self.redis_connection, published(self.number), BOARD, entries))

    def from_leaderboard(self, player: str, neighbours: int) -> list[dict[str, Any]] | None:
        values = {"board": BOARD, "player_id": player, "neighbours": neighbours}
        return self.runner.run(read_place(self.tier, published(self.number), values))

    def from_sql(self, player: str, neighbours: int) -> list[dict[str, Any]]:
        values = {"board": BOARD, "player_id": player, "neighbours": neighbours}
        return self.connection.execute(LEADERBOARD_PLACE.sql, values).fetchall()

    def expected(self, player: str, neighbours: int) -> list[tuple[int, int, int | None, str]]:
        """Distance, number of ranked players, rank and id, computed with window functions."""
        rows = self.connection.execute(
            "WITH placed AS (SELECT rank, player_id, row_number() OVER (ORDER BY rank, player_id) AS place, "
            "count(*) OVER () AS players FROM leaderboard_entries WHERE rank IS NOT NULL) "
            "SELECT p.place - a.place AS distance, p.players, p.rank, p.player_id FROM placed AS p, placed AS a "
            "WHERE a.player_id = %s AND abs(p.place - a.place) <= %s ORDER BY p.place",
            [player, neighbours],
        ).fetchall()
        return [(row["distance"], row["players"], row["rank"], row["player_id"]) for row in rows]


@pytest.fixture(scope="module")
def bench(create_database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeaderboardBench]:
    with create_database() as database:
        marts = Marts(database)
        marts.create()
        marts.promote()
        with (
            psycopg.connect(database.url("transform"), autocommit=True, row_factory=dict_row) as connection,
            asyncio.Runner() as runner,
        ):
            connection.adapters.register_loader("numeric", FloatLoader)
            connection.execute("SET ROLE ladder_marts_owner")
            connection.execute("SET search_path = marts_blue")
            connection.execute("SET synchronous_commit = off")
            redis_connection = MultiplexedRedis(redis_url(database), 10.0)
            tier = RedisTier(redis_url(database), Metrics(tmp_path_factory.mktemp("counts")))
            yield LeaderboardBench(connection, runner, redis_connection, tier)
            runner.run(redis_connection.close())
            runner.run(tier.close())


def check(
    bench: LeaderboardBench, board: dict[str, tuple[str, bool]], removed_later: set[str], neighbours: int
) -> None:
    bench.connection.execute("DELETE FROM leaderboard_entries")
    with bench.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO leaderboard_entries (board, game, player_id, display_name, score, matches, wins, draws, "
            "losses, win_rate, is_qualified) VALUES (%s, 'dota2', %s, %s, %s, 10, 4, 1, 5, 0.4, %s)",
            [
                (BOARD, player, None if "0" in player else player.upper(), Decimal(score), is_qualified)
                for player, (score, is_qualified) in board.items()
            ],
        )
    for removed in (set(), removed_later):
        bench.connection.execute("DELETE FROM leaderboard_entries WHERE player_id = ANY(%s)", [list(removed)])
        bench.publish()
        for player, (_, is_qualified) in board.items():
            found = bench.from_leaderboard(player, neighbours)
            queried = bench.from_sql(player, neighbours)
            if player in removed:
                assert (found, queried) == (None, [])
            elif is_qualified:
                assert found == queried
                places = [(row["distance"], row["players"], row["rank"], row["player_id"]) for row in queried]
                assert places == bench.expected(player, neighbours)
            else:
                assert found is None
                assert [(row["distance"], row["rank"], row["player_id"]) for row in queried] == [(0, None, player)]


@given(LEADERBOARDS, st.sets(PLAYERS, max_size=8), st.integers(0, 30))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rank_and_neighbours_equal_sql(
    bench: LeaderboardBench, board: dict[str, tuple[str, bool]], removed_later: set[str], neighbours: int
) -> None:
    check(bench, board, removed_later | set(list(board)[::3]), neighbours)


@pytest.mark.long
@pytest.mark.timeout(3600)
@given(LEADERBOARDS, st.sets(PLAYERS, max_size=8), st.integers(0, 30))
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rank_and_neighbours_equal_sql_in_ten_thousand_leaderboards(
    bench: LeaderboardBench, board: dict[str, tuple[str, bool]], removed_later: set[str], neighbours: int
) -> None:
    check(bench, board, removed_later | set(list(board)[::3]), neighbours)


def publish_with_leaderboards(pair: ApiPair) -> int:
    """Publish with warm-up and leaderboards; returns the generation."""
    generation = pair.marts.promote()
    publish_cache(pair.redis_url, generation, serving_url=pair.marts.database.url("serving"))
    seconds_until(lambda: {generation_of(base) for base in (pair.one, pair.other)} == {generation.generation})
    return generation.generation


def test_a_place_from_the_sorted_set_needs_no_query_and_equals_sql(pair: ApiPair) -> None:
    paths = [f"{PLACES}/{player}?neighbours={neighbours}" for player in (0, 7, 58, 59) for neighbours in (0, 2, 50)]
    queried = [httpx.get(pair.one + path).json()["data"] for path in paths]
    assert queries(pair.one) > 0
    publish_with_leaderboards(pair)
    before = queries(pair.one), count(pair.one, FROM_LEADERBOARDS)
    found = [httpx.get(pair.one + path).json()["data"] for path in paths]
    assert found == queried
    assert (queries(pair.one), count(pair.one, FROM_LEADERBOARDS)) == (before[0], before[1] + len(paths))


def test_neighbours_are_in_order_and_ties_share_a_rank(pair: ApiPair) -> None:
    publish_with_leaderboards(pair)
    rows = httpx.get(f"{pair.one}{PLACES}/5?neighbours=3").json()["data"]
    assert [(row["distance"], row["rank"], row["player_id"]) for row in rows] == [
        (-3, 1, "2"),
        (-2, 1, "3"),
        (-1, 5, "4"),
        (0, 5, "5"),
        (1, 5, "6"),
        (2, 5, "7"),
        (3, 9, "10"),
    ]
    assert {row["players"] for row in rows} == {60}
    first = httpx.get(f"{pair.one}{PLACES}/0").json()["data"]
    assert [row["distance"] for row in first] == [0, 1, 2, 3, 4, 5]


def test_an_unranked_player_has_no_rank_and_an_unknown_player_is_a_404(pair: ApiPair) -> None:
    for _ in (False, True):
        (row,) = httpx.get(f"{pair.one}{PLACES}/65").json()["data"]
        assert (row["rank"], row["player_id"], row["distance"], row["matches"]) == (None, "65", 0, 100)
        for path in (f"{PLACES}/999", "/api/v1/leaderboards/nobody/players/1"):
            response = httpx.get(pair.one + path)
            assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_entry")
        publish_with_leaderboards(pair)


def test_places_are_queried_if_the_sorted_set_or_its_rows_are_missing(pair: ApiPair) -> None:
    publish_with_leaderboards(pair)
    expected = {around: httpx.get(f"{pair.one}{PLACES}/30?neighbours={around}").json() for around in (5, 6)}
    with redis.Redis.from_url(pair.redis_url) as cache:
        packed = cache.get(keys.pointer_key())
        assert isinstance(packed, bytes)
        order, rows = keys.leaderboard_keys(PublishedGeneration.unpack(packed), BOARD)
        for name, around in ((rows, 5), (order, 6)):
            cache.delete(name)
            before = queries(pair.other)
            assert httpx.get(f"{pair.other}{PLACES}/30?neighbours={around}").json() == expected[around]
            assert queries(pair.other) == before + 1


def test_leaderboards_of_a_generation_expire_after_the_next_one(pair: ApiPair) -> None:
    tokens = []
    for _ in range(2):
        publish_with_leaderboards(pair)
        with redis.Redis.from_url(pair.redis_url) as cache:
            packed = cache.get(keys.pointer_key())
        assert isinstance(packed, bytes)
        tokens.append(PublishedGeneration.unpack(packed))
    with redis.Redis.from_url(pair.redis_url) as cache:
        for name in keys.leaderboard_keys(tokens[0], BOARD):
            assert 0 < cache.ttl(name) <= 600
        for name in keys.leaderboard_keys(tokens[1], BOARD):
            assert cache.ttl(name) > 24 * 3600
        assert not list(cache.scan_iter("*#new"))


def test_a_generation_announced_again_keeps_its_leaderboards(database: Database) -> None:
    marts = Marts(database)
    marts.create()
    generation = marts.promote()
    for _ in range(2):
        publish_cache(redis_url(database), generation, serving_url=database.url("serving"))
    with redis.Redis.from_url(redis_url(database)) as cache:
        for name in keys.leaderboard_keys(PublishedGeneration.of(generation), BOARD):
            assert cache.ttl(name) > 24 * 3600
