"""A page that the database refuses becomes a reject as a whole, so that it keeps no other page from being loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import psycopg
from psycopg.errors import ProgramLimitExceeded, StatementTooComplex

from warehouse.database.connections import first_line
from warehouse.lake.files import Lake
from warehouse.model.source import Source
from warehouse.staging.ledger import LoadReport
from warehouse.staging.prepare import Prepared, prepare

__all__ = ["OF_DATA", "load_apart"]

#: Errors of what a page holds, which would come again each time it is loaded.
OF_DATA = (
    psycopg.DataError,
    psycopg.IntegrityError,
    ProgramLimitExceeded,
    StatementTooComplex,
    pl.exceptions.PolarsError,
    UnicodeError,
    OverflowError,
)

_logger = logging.getLogger(__name__)


def load_apart(
    connection: psycopg.Connection,
    lake: Lake,
    source: Source,
    prepared: Prepared,
    load: Callable[[Prepared], LoadReport | None],
) -> LoadReport:
    """Load the files of a group that failed for its data, each by itself, without the pages that are at fault.

    Args:
        connection: a connection outside a transaction.
        lake: where the files are.
        source: their source.
        prepared: the group.
        load: loads a group inside a transaction; returns None where another process has loaded it.
    """
    total = LoadReport()
    for name, _, count in prepared.files:
        path = lake.root / name
        refused = _refused(connection, lake, source, path, range(count), range(count), load)
        for (_, page), reason in refused.items():
            _logger.warning("page %s of %s is left out: %s", page, name, reason)
        [group] = prepare(lake, source, [path], refused=refused)
        with connection.transaction():
            total += load(group) or LoadReport()
    return total


def _refused(
    connection: psycopg.Connection,
    lake: Lake,
    source: Source,
    path: Path,
    tried: Sequence[int],
    every: Sequence[int],
    load: Callable[[Prepared], LoadReport | None],
) -> dict[tuple[Path, int], str]:
    """Which of some pages of a file the database refuses, and why; found by halves, in transactions that are undone."""
    left_out = {(path, page): "" for page in every if page not in tried}
    [group] = prepare(lake, source, [path], refused=left_out)
    try:
        with connection.transaction(force_rollback=True):
            load(group)
    except OF_DATA as error:
        if len(tried) == 1:
            reason = first_line(error) if isinstance(error, psycopg.Error) else type(error).__name__
            return {(path, tried[0]): f"not stored: {reason}"}
        half = len(tried) // 2
        found: dict[tuple[Path, int], str] = {}
        for part in (tried[:half], tried[half:]):
            found |= _refused(connection, lake, source, path, part, every, load)
        return found
    return {}
