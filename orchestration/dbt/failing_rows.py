"""The first rows that fail a test, queried from the colour that was built, for the web UI and for terminals."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psycopg

from warehouse.core.control_characters import escape_control_characters
from warehouse.database.role_names import SET_ROLE_MARTS_OWNER

__all__ = ["FailingRows", "read_failing_rows"]

_log = logging.getLogger(__name__)

_ROWS = 5
_LONGEST_VALUE = 80
_TIMEOUT_MS = 5000
#: The server truncates values, which may be too large for a terminal or for Dagster's log.
_FIRST_ROWS = """
WITH failing AS MATERIALIZED (SELECT * FROM (
{test}
) AS test LIMIT {rows}),
lines AS (SELECT row_number() OVER () AS number, row_to_json(failing) AS line FROM failing)
SELECT lines.number, field.key, left(field.value, {longest} + 1)
FROM lines CROSS JOIN LATERAL json_each_text(lines.line) WITH ORDINALITY AS field (key, value, position)
ORDER BY lines.number, field.position
"""
#: Escapes of characters that are markup in Markdown or HTML.
_MARKDOWN = {ord(character): f"&#{ord(character)};" for character in "\\`*_{}[]<>()#+-.!|~&"}


@dataclass(frozen=True, slots=True)
class FailingRows:
    """The first rows that a test returned.

    Args:
        columns: names of the columns.
        rows: values as text, truncated and with control characters escaped; null is an empty string.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_markdown(self) -> str:
        """A Markdown table."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        cells = [[cell if cell == "---" else cell.translate(_MARKDOWN) for cell in line] for line in lines]
        return "\n".join(f"| {' | '.join(line)} |" for line in cells)

    def as_lines(self) -> tuple[str, ...]:
        """One line per row: names and values."""
        return tuple(
            ", ".join(f"{name}={value}" for name, value in zip(self.columns, row, strict=True)) for row in self.rows
        )


def read_failing_rows(connection: psycopg.Connection, test: str) -> FailingRows | None:
    """The first five rows of a test; None if it returns none now, or takes longer than five seconds.

    Args:
        connection: a login of `ladder_transform`, in autocommit.
        test: the compiled query of the test.
    """
    query = _FIRST_ROWS.format(test=test, rows=_ROWS, longest=_LONGEST_VALUE)
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            connection.execute(SET_ROLE_MARTS_OWNER)
            connection.execute(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}".encode())
            found = connection.execute(query.encode()).fetchall()
    except psycopg.Error as error:
        # The failure of the test is already reported.
        _log.warning("the failing rows of a test cannot be read: %s", error)
        return None
    rows: dict[int, dict[str, str]] = {}
    for number, name, value in found:
        rows.setdefault(number, {})[escape_control_characters(name)] = _truncate(value or "")
    if not rows:
        return None
    columns = tuple(next(iter(rows.values())))
    return FailingRows(columns, tuple(tuple(row.values()) for row in rows.values()))


def _truncate(value: str) -> str:
    return escape_control_characters(value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 1]}\u2026")
