"""Player matches in bulk, for benchmarks: millions of rows in seconds, in the form of `/players/{id}/matches`.

These rows do not come from a world: there is no matchmaking, only the same fields with the same kinds of values, nulls
included. A row depends on seed and row number alone: the size of the pages does not change the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import numpy.typing as npt
import polars as pl

from sandbox.people import HERO_IDS
from sandbox.world import DEFAULT_NOW

ACCOUNT_ROWS = 5_000  # matches of one account, newest first
_BLOCK_ROWS = 20 * ACCOUNT_ROWS  # drawn together; fixed, so that rows do not depend on the page size
_FIRST_ACCOUNT = 100_000_000
_FIRST_MATCH_ID = 8_000_000_000
_MAX_ACCOUNTS = 1 << 20
_HISTORY_S = 2 * 365 * 86_400
_UNRANKED = 0.03  # share of rows without average rank; others below are alike

_SLOTS = np.array([0, 1, 2, 3, 4, 128, 129, 130, 131, 132])
_QUEUES = np.array([(22, 7), (22, 7), (22, 7), (22, 0), (23, 0), (1, 0), (18, 0), (2, 1)])
_TIERS = np.array([medal * 10 + star for medal in range(1, 8) for star in range(1, 6)])


def account_of(row: int) -> int:
    """The account of a row; with a page size that divides `ACCOUNT_ROWS`, each page has a single account."""
    return _FIRST_ACCOUNT + row // ACCOUNT_ROWS


def benchmark_frames(seed: int, rows: int, frame_rows: int) -> Iterator[pl.DataFrame]:
    """`rows` rows in frames of `frame_rows` (the last may be shorter): the record's fields and `account_id`.

    Memory holds one frame and one block. (match_id, player_slot) is a key.
    """
    waiting: list[pl.DataFrame] = []
    have = 0
    for first in range(0, rows, _BLOCK_ROWS):
        block = _block(seed, first)[: rows - first]
        waiting.append(block)
        have += len(block)
        if have < frame_rows and first + _BLOCK_ROWS < rows:
            continue
        joined = pl.concat(waiting)
        whole = have if first + _BLOCK_ROWS >= rows else have // frame_rows * frame_rows
        for start in range(0, whole, frame_rows):
            yield joined[start : min(start + frame_rows, whole)]
        waiting = [joined[whole:]]
        have -= whole


def benchmark_pages(seed: int, rows: int, page_rows: int) -> Iterator[bytes]:
    """`rows` rows as JSON arrays of `page_rows` records; the first record of page n is row n x `page_rows`."""
    for frame in benchmark_frames(seed, rows, page_rows):
        page = BytesIO()
        frame.drop("account_id").write_json(page)
        yield page.getvalue()


def _block(seed: int, first: int) -> pl.DataFrame:
    rng = np.random.default_rng([seed, 5, first])
    row = first + np.arange(_BLOCK_ROWS)
    account, newest = np.divmod(row, ACCOUNT_ROWS)
    step = _HISTORY_S // ACCOUNT_ROWS
    age = newest * step + rng.integers(0, step, _BLOCK_ROWS)
    queue = _QUEUES[rng.integers(len(_QUEUES), size=_BLOCK_ROWS)]
    has_details = rng.random(_BLOCK_ROWS) >= _UNRANKED
    return pl.DataFrame(
        {
            "account_id": _FIRST_ACCOUNT + account,
            # Unique over accounts, and newer matches have larger ids.
            "match_id": _FIRST_MATCH_ID + (ACCOUNT_ROWS - newest) * _MAX_ACCOUNTS + account,
            "player_slot": _SLOTS[rng.integers(10, size=_BLOCK_ROWS)],
            "radiant_win": _nullable(rng.random(_BLOCK_ROWS) < 0.51, rng.random(_BLOCK_ROWS) >= 0.003),
            "hero_id": HERO_IDS[rng.integers(len(HERO_IDS), size=_BLOCK_ROWS)],
            "start_time": int(DEFAULT_NOW.timestamp()) - age,
            "duration": rng.integers(200, 3_600, _BLOCK_ROWS),
            "game_mode": queue[:, 0],
            "lobby_type": queue[:, 1],
            "version": _nullable(np.full(_BLOCK_ROWS, 22), rng.random(_BLOCK_ROWS) < 0.4),
            "kills": rng.poisson(6.0, _BLOCK_ROWS),
            "deaths": rng.poisson(6.0, _BLOCK_ROWS),
            "assists": rng.poisson(12.0, _BLOCK_ROWS),
            "average_rank": _nullable(_TIERS[rng.integers(len(_TIERS), size=_BLOCK_ROWS)], has_details),
            "leaver_status": (rng.random(_BLOCK_ROWS) < 0.04).astype(np.int64),
            "party_size": _nullable(rng.integers(1, 6, _BLOCK_ROWS), has_details),
            "hero_variant": rng.integers(1, 4, _BLOCK_ROWS),
        }
    )


def _nullable(values: npt.NDArray[np.int64] | npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> pl.Series:
    """A column with nulls for unknown values."""
    frame = pl.DataFrame({"values": values, "known": known})
    return frame.select(pl.when("known").then("values")).to_series()
