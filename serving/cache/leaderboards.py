"""Leaderboards as sorted sets, one set per leaderboard and generation: a player's rank and neighbours without a query.

Ranks and order come from PostgreSQL, so they always equal those of SQL. The score in the sorted set is a double and
holds only the position in the list, counted from 0, which is exact up to 2^53. The leaderboard's own score has 18
digits, more than the 15 of a double; it is stored in the row, with the rank that ties share. Members with equal scores
would be ordered by their bytes, while PostgreSQL orders text by its collation; positions have no ties.

The set holds ranked players only. PostgreSQL is queried for other players, and when the set is missing (Redis was
emptied, is down, or the publisher died).
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
"""The endpoint that is served from sorted sets."""

_EXPIRES_AFTER_S = 7 * 24 * 3600
"""Leaderboards of a generation that stays current for longer are queried in SQL."""
_REMOVED_AFTER_S = 600
"""The sets of a generation expire this long after the next one was written, when pending requests have ended."""
_ROWS_PER_COMMAND = 1000
_ROW_COLUMNS = tuple(column.name for column in _ENTRIES.columns)

_REPLACE = """
for index = 1, #KEYS, 2 do
    redis.call('RENAME', KEYS[index + 1], KEYS[index])
    redis.call('EXPIRE', KEYS[index], ARGV[1])
end
return 1
"""
"""Replaces a leaderboard atomically, once its new version is complete."""

_READ_PLACE = """
local position = redis.call('ZRANK', KEYS[1], ARGV[1])
if not position then
    return false
end
local first = math.max(0, position - ARGV[2])
local players = redis.call('ZRANGE', KEYS[1], first, position + ARGV[2])
return {position - first, redis.call('ZCARD', KEYS[1]), redis.call('HMGET', KEYS[2], unpack(players))}
"""
"""Returns the number of neighbours above, the number of ranked players, and the rows from first to last neighbour."""


async def read_place(
    redis: RedisTier, published: PublishedGeneration, values: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """Rows of the endpoint `leaderboard_place`; None when they have to be queried.

    Args:
        redis: holds the leaderboards.
        published: the generation to read.
        values: `board`, `player_id`, and the number of `neighbours` on either side.
    """
    names = list(keys.leaderboard_keys(published, values["board"]))
    reply = await redis.run(_READ_PLACE, names, values["player_id"], values["neighbours"])
    if reply is None:
        return None
    above, players, packed = reply
    try:
        rows = [dict(zip(_ROW_COLUMNS, msgspec.msgpack.decode(row), strict=True)) for row in packed]
    except (TypeError, ValueError, msgspec.MsgspecError):
        return None  # a part of the leaderboard was evicted, or the bytes have another format
    return [{**row, "distance": number - above, "players": players} for number, row in enumerate(rows)]


async def write_leaderboards(redis: MultiplexedRedis, database: Database, published: PublishedGeneration) -> int:
    """Write all leaderboards of a generation. Each becomes visible when it is complete; those of earlier ones expire.

    Args:
        redis: connection to the cache.
        database: holds the marts.
        published: the generation; must be the published one.

    Returns:
        Number of leaderboards that were written; 0 when another generation was published meanwhile.

    Raises:
        DatabaseDown: PostgreSQL cannot be reached.
        Unavailable: a query took too long.
        redis.exceptions.RedisError: Redis cannot be reached, or is full.
    """
    leaderboards = await database.read(_LEADERBOARDS, {})
    current_key = keys.current_leaderboards_key()
    previous: set[bytes] = set(await redis.execute("SMEMBERS", current_key))
    written: list[str] = []
    for board in (row["board"] for row in leaderboards.rows):
        # All ranked players: the endpoint's list from its start, without a limit.
        first = {"board": board, "limit": None, "after_rank": None, "after_player_id": None}
        entries = await database.read(_ENTRIES, first)
        if entries.published != published:
            return 0
        names = keys.leaderboard_keys(published, board)
        await redis.execute("SADD", current_key, *names)
        await write_leaderboard(redis, published, board, entries.rows)
        written += names
    for name in previous - {name.encode() for name in written}:
        await redis.execute("EXPIRE", name, _REMOVED_AFTER_S)
        await redis.execute("SREM", current_key, name)
    return len(written) // 2


async def write_leaderboard(
    redis: MultiplexedRedis, published: PublishedGeneration, board: str, entries: Sequence[Mapping[str, Any]]
) -> None:
    """Write one leaderboard of a generation, in place of an earlier attempt.

    Args:
        redis: connection to the cache.
        published: the generation.
        board: name of the leaderboard.
        entries: rows of its ranked players, in order.

    Raises:
        redis.exceptions.RedisError: Redis cannot be reached, or is full.
    """
    order, rows = keys.leaderboard_keys(published, board)
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
        for name in (new_order, new_rows):  # removes them if the publisher dies here
            await redis.execute("EXPIRE", name, _REMOVED_AFTER_S)
    if entries:
        await redis.execute("EVAL", _REPLACE, 4, order, new_order, rows, new_rows, _EXPIRES_AFTER_S)
