"""Ctrl-C and termination inside a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as

from warehouse.errors import LadderError

__all__ = ["foreign_code", "plain_failures"]


@contextmanager
def foreign_code() -> Iterator[None]:
    """Run asyncio or dbt in a step: both unwind on KeyboardInterrupt, and neither knows Dagster's own interrupt."""
    try:
        with raise_interrupts_as(KeyboardInterrupt):
            yield
    except KeyboardInterrupt:
        raise DagsterExecutionInterruptedError from None


@contextmanager
def plain_failures() -> Iterator[None]:
    """Show an error meant for a person as one line in Dagster too, without a retry that could not help."""
    try:
        yield
    except LadderError as error:
        raise Failure(description=str(error), allow_retries=False) from error
