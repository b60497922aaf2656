"""Turn pages that the database rejects into rejects, so that all other pages can be loaded."""

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
from warehouse.staging.prepare import PreparedGroup, prepare

__all__ = ["DATA_ERRORS", "load_without_rejected_pages"]

#: Errors caused by the content of a page, which would occur at every load.
DATA_ERRORS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    ProgramLimitExceeded,
    StatementTooComplex,
    pl.exceptions.PolarsError,
    UnicodeError,
    OverflowError,
)

_logger = logging.getLogger(__name__)


def load_without_rejected_pages(
    connection: psycopg.Connection,
    lake: Lake,
    source: Source,
    prepared: PreparedGroup,
    load: Callable[[PreparedGroup], LoadReport | None],
) -> LoadReport:
    """Load the files of a group that failed because of its data, one by one, without the pages that cause the error.

    Args:
        connection: a connection outside a transaction.
        lake: the lake.
        source: the source of the files.
        prepared: the group.
        load: loads a group inside a transaction; returns None if another process has loaded it.
    """
    total = LoadReport()
    for name, _, count in prepared.files:
        path = lake.root / name
        rejected_pages = _find_rejected_pages(connection, lake, source, path, range(count), range(count), load)
        for (_, page), reason in rejected_pages.items():
            _logger.warning("page %s of %s is rejected: %s", page, name, reason)
        [group] = prepare(lake, source, [path], rejected_pages=rejected_pages)
        with connection.transaction():
            total += load(group) or LoadReport()
    return total


def _find_rejected_pages(
    connection: psycopg.Connection,
    lake: Lake,
    source: Source,
    path: Path,
    candidates: Sequence[int],
    all_pages: Sequence[int],
    load: Callable[[PreparedGroup], LoadReport | None],
) -> dict[tuple[Path, int], str]:
    """Find the pages of a file that the database rejects, by bisection in transactions that are rolled back.

    Args:
        connection: a connection outside a transaction.
        lake: the lake.
        source: the source of the file.
        path: the file.
        candidates: positions of the pages to try.
        all_pages: positions of all pages of the file.
        load: loads a group inside a transaction.
    """
    excluded = {(path, page): "" for page in all_pages if page not in candidates}
    [group] = prepare(lake, source, [path], rejected_pages=excluded)
    try:
        with connection.transaction(force_rollback=True):
            load(group)
    except DATA_ERRORS as error:
        if len(candidates) == 1:
            reason = first_line(error) if isinstance(error, psycopg.Error) else type(error).__name__
            return {(path, candidates[0]): f"not stored: {reason}"}
        half = len(candidates) // 2
        found: dict[tuple[Path, int], str] = {}
        for part in (candidates[:half], candidates[half:]):
            found |= _find_rejected_pages(connection, lake, source, path, part, all_pages, load)
        return found
    return {}
