"""Logs: one JSON object per line, in `logs/<process>.log` under the home, with the id of its run or request.

Modules log through the standard library. Nothing is logged to standard output, which is for results, nor to standard
error, which is for messages to the user. The API's server writes its own log, as text, to `logs/api.log`.
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
    """Escapes control characters in logs that are text. In logs that are JSON they are escaped anyway."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as text."""
        return escape_control_characters(super().format(record), is_multiline=True)


def configure_logging(settings: Settings, process: str) -> None:
    """Write this process's log lines to its file; call it once, at the start of the process.

    Args:
        settings: home and log level.
        process: name of the file, e.g. `ladder` or `worker`.
    """
    # Otherwise logging would print a stack trace on the terminal if a line cannot be written, e.g. to a full disk.
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
    """Masks the sources' API keys, which a response may repeat and libraries may log."""

    def __init__(self, *, masks: Sequence[Mask], **options: Any) -> None:
        super().__init__(**options)
        self._masks = masks

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as a line."""
        line = super().format(record)
        for mask in self._masks:
            line = mask.text(line)
        return line


@contextmanager
def log_context(**context: str) -> Iterator[None]:
    """Add fields, e.g. `run_id`, to every line that this thread or task logs within the block."""
    with structlog.contextvars.bound_contextvars(**context):
        yield
