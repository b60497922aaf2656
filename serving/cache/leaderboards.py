"""Boards as sorted sets, one of each generation: a player's rank and neighbours without a query.

Ranks and order are PostgreSQL's own, so they equal SQL's whatever the scores are. A sorted set's score is a double, and
holds no more than a place in the list, counted from 0: exact up to 2^53. A board's own score has 18 digits, of which a
double holds 15; it lies in the row, beside the rank that ties share. Members of one score would be ordered by their
bytes, while PostgreSQL orders text by its collation; no two members have one place.

Only who is ranked is in the set. Where the set is not there (Redis was emptied, or is down, or the publisher died), and
for a player who is not in it, PostgreSQL is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from serving.cache import keys
from serving.cache.database import Database
from serving.cache.multiplexed_redis import MultiplexedRedis
from serving.cache.redis_tier import RedisTier
from serving.endpoints import BY_NAME
from serving.endpoints.generations import PublishedGeneration

__all__ = ["LEADERBOARD_PLACE", "read_place", "write_leaderboards"]

_LEADERBOARDS, _ENTRIES = BY_NAME["leaderboards"], BY_NAME["leaderboard_entries"]
LEADERBOARD_PLACE = BY_NAME["leaderboard_place"]
"""The endpoint that sorted sets answer."""

_EXPIRES_AFTER_S = 7 * 24 * 3600
"""Boards of a generation that is current for longer are read in SQL."""
_REMOVED_AFTER_S = 600
"""The sets of a generation are removed so long after the next one appeared, when requests under way have ended."""
_ROWS_PER_COMMAND = 1000
_ROW_COLUMNS = tuple(column.name for column in _ENTRIES.columns)

_REPLACE = """
for place = 1, #KEYS, 2 do
    redis.call('RENAME', KEYS[place + 1], KEYS[place])
    redis.call('EXPIRE', KEYS[place], ARGV[1])
end
return 1
"""
"""Lets a board be seen when it is whole."""

_READ_PLACE = """
local place = redis.call('ZRANK', KEYS[1], ARGV[1])
if not place then
    return false
end
local first = math.max(0, place - ARGV[2])
local players = redis.call('ZRANGE', KEYS[1], first, place + ARGV[2])
return {place - first, redis.call('ZCARD', KEYS[1]), redis.call('HMGET', KEYS[2], unpack(players))}
"""
"""How many neighbours are above, how many players are ranked, and the rows from the first neighbour to the last."""


async def read_place(
    redis: RedisTier, published: PublishedGeneration, values: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """Rows of `leaderboard_place`, or None where they have to be queried for.

    Args:
        redis: where the boards are.
        published: the generation to answer from.
        values: `board`, `player_id`, and `neighbours` on either side.
    """
    names = list(keys.leaderboard_keys(published, values["board"]))
    reply = await redis.run(_READ_PLACE, names, values["player_id"], values["neighbours"])
    if reply is None:
        return None
    above, players, packed = reply
    try:
        rows = [dict(zip(_ROW_COLUMNS, msgspec.msgpack.decode(row), strict=True)) for row in packed]
    except (TypeError, ValueError, msgspec.MsgspecError):
        return None  # a part of the board was evicted, or somebody else wrote it
    return [{**row, "distance": number - above, "players": players} for number, row in enumerate(rows)]


async def write_leaderboards(redis: MultiplexedRedis, database: Database, published: PublishedGeneration) -> int:
    """Write every board of a generation; each is seen when it is whole.

    Args:
        line: the cache.
        database: where the marts are.
        published: the generation, which has to be the published one. The boards of earlier ones leave.

    Returns:
        How many boards there are now; none when another generation was published meanwhile.

    Raises:
        DatabaseDown: PostgreSQL cannot be reached.
        Unavailable: a query took too long.
        redis.exceptions.RedisError: Redis cannot be reached, or is full.
    """
    leaderboards = await database.read(_LEADERBOARDS, {})
    current_key = keys.current_leaderboards_key()
    previous: set[bytes] = set(await redis.execute("SMEMBERS", current_key))
    written: list[str] = []
    for leaderboard in (row["board"] for row in leaderboards.rows):
        # Every ranked player: the list of the endpoint, from the start and without a limit.
        first = {"board": leaderboard, "limit": None, "after_rank": None, "after_player_id": None}
        entries = await database.read(_ENTRIES, first)
        if entries.published != published:
            return 0
        names = keys.leaderboard_keys(published, leaderboard)
        await redis.execute("SADD", current_key, *names)
        await write_leaderboard(redis, published, leaderboard, entries.rows)
        written += names
    for name in previous - {name.encode() for name in written}:
        await redis.execute("EXPIRE", name, _REMOVED_AFTER_S)
        await redis.execute("SREM", current_key, name)
    return len(written) // 2


async def write_leaderboard(
    redis: MultiplexedRedis, published: PublishedGeneration, leaderboard: str, entries: Sequence[Mapping[str, Any]]
) -> None:
    """Write a board of a generation in place of an earlier try.

    Args:
        line: the cache.
        published: the generation.
        board: its name.
        entries: rows of its ranked players, in order.

    Raises:
        redis.exceptions.RedisError: Redis cannot be reached, or is full.
    """
    order, rows = keys.leaderboard_keys(published, leaderboard)
    new_order, new_rows = f"{order}#new", f"{rows}#new"
    await redis.execute("DEL", new_order, new_rows)
    for first in range(0, len(entries), _ROWS_PER_COMMAND):
        positions: list[str | int] = []
        packed: list[str | bytes] = []
        for number, entry in enumerate(entries[first : first + _ROWS_PER_COMMAND], first):
            positions += (number, entry["player_id"])
            packed += (entry["player_id"], msgspec.msgpack.encode([entry[column] for column in _ROW_COLUMNS]))
        await redis.execute("ZADD", new_order, *positions)
        await redis.execute("HSET", new_rows, *packed)
        for name in (new_order, new_rows):  # should the publisher die here, they go by themselves
            await redis.execute("EXPIRE", name, _REMOVED_AFTER_S)
    if entries:
        await redis.execute("EVAL", _REPLACE, 4, order, new_order, rows, new_rows, _EXPIRES_AFTER_S)
