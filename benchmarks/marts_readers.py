"""The reader of `benchmarks.marts`: a process that queries the marts at a fixed rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from statistics import quantiles
from typing import LiteralString

import psycopg

__all__ = ["READS_PER_SECOND", "Reads", "reading"]

#: Rate of the queries.
READS_PER_SECOND = 50
#: The queries, in turn.
_QUERIES: tuple[LiteralString, ...] = (
    "SELECT * FROM marts.player_character_win_rates WHERE game = 'dota2' AND player_id = %(player)s "
    "ORDER BY matches DESC, character_id LIMIT 20",
    "SELECT * FROM marts.leaderboard_entries WHERE board = %(board)s AND rank <= 100 "
    "ORDER BY rank, player_id LIMIT 100",
    "SELECT * FROM marts.character_win_rates WHERE game = 'dota2' AND character_id = %(character)s "
    "AND played_date > date '2026-01-01' - 30 ORDER BY played_date, patch_id, rank_bracket",
)
_BOARDS = ("dota2_win_rate", "dota2_matches", "dota2_rank")
#: Time until all queried data has been read once and is cached.
_UNCOUNTED_S = 45.0


@dataclass(frozen=True)
class Reads:
    """Results of the reader over some time.

    Args:
        seconds: duration of each query.
        errors: messages of failed queries.
    """

    seconds: list[float]
    errors: list[str]

    def percentile(self, percent: int) -> float:
        """A percentile of the durations, in seconds."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


@contextmanager
def reading(url: str) -> Iterator[Callable[[], Reads]]:
    """Read until the block ends; yields a function that returns the results since its last call."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_read, args=(url, there), daemon=True)
    process.start()

    def take() -> Reads:
        here.send(None)
        found: Reads = here.recv()
        return found

    try:
        time.sleep(_UNCOUNTED_S)
        take()
        yield take
    finally:
        process.terminate()
        process.join()


def _read(url: str, pipe: Pipe) -> None:
    """Run the queries at the fixed rate, and send the results on request.

    The duration of a query that is delayed by the previous one is measured from the time at which it was due.
    """
    seconds: list[float] = []
    errors: list[str] = []
    connection = psycopg.connect(url, autocommit=True)
    first = time.perf_counter()
    number = 0
    while True:
        due = first + number / READS_PER_SECOND
        now = time.perf_counter()
        if now < due:
            time.sleep(due - now)
            due = time.perf_counter()
        try:
            if connection.closed:
                connection = psycopg.connect(url, autocommit=True)
            values = {
                "player": str(100_000_000 + number * 7919 % 2_000),
                "character": str(1 + number % 125),
                "board": _BOARDS[number // 3 % len(_BOARDS)],
            }
            connection.execute(_QUERIES[number % len(_QUERIES)], values).fetchall()
        except psycopg.Error as error:
            errors.append(" ".join(str(error).split())[:200])
        seconds.append(time.perf_counter() - due)
        number += 1
        if pipe.poll():
            pipe.recv()
            pipe.send(Reads(seconds, errors))
            seconds, errors = [], []
