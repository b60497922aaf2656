"""Logs: one JSON object a line, in `logs/<process>.log` under the home, with the run or request that a line belongs to.

Modules log through the standard library. Nothing is written to standard output, which carries results, nor to standard
error, which carries the one line for a person. The API's server logs by itself, as text, in `logs/api.log`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from typing import Any

import structlog

from warehouse.core.control_characters import escape_control_characters
from warehouse.core.masking import Mask
from warehouse.core.settings import Settings

__all__ = ["EscapingFormatter", "configure_logging", "log_context"]

_MAX_BYTES = 10 << 20
_BACKUP_COUNT = 3


class EscapingFormatter(logging.Formatter):
    """For logs that are text: control characters in a line are shown as escapes. JSON has them escaped by itself."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return escape_control_characters(super().format(record), is_multiline=True)


def configure_logging(settings: Settings, process: str) -> None:
    """Send this process's log lines to its file; called once, by whoever starts the process.

    Args:
        settings: home and level.
        process: name of the file, e.g. `ladder` or `worker`.
    """
    # Where a line cannot be written, as on a full disk, logging would show a stack trace on the terminal.
    logging.raiseExceptions = False
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(folder / f"{process}.log", maxBytes=_MAX_BYTES, backupCount=_BACKUP_COUNT, delay=True)
    handler.setFormatter(
        _MaskingFormatter(
            masks=[Mask(key) for key in (settings.opendota_key, settings.faceit_key) if key is not None],
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())


class _MaskingFormatter(structlog.stdlib.ProcessorFormatter):
    """Lines without the keys of sources: libraries log what a source answers, where these may be repeated."""

    def __init__(self, *, masks: Sequence[Mask], **options: Any) -> None:
        super().__init__(**options)
        self._masks = masks

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = super().format(record)
        for mask in self._masks:
            line = mask.text(line)
        return line


@contextmanager
def log_context(**context: str) -> Iterator[None]:
    """Put names and values, e.g. `run_id`, into every line that is logged meanwhile by this thread or task."""
    with structlog.contextvars.bound_contextvars(**context):
        yield
