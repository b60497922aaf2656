"""What passes over matches share: what cannot be used, or is not known, does not eat the budget of every pass.

A cursor tells of a match whose answer was not what it should be. An empty one: the answer became no row, and is left
alone for some days. `is_flawed`: parts of it were refused, which may have been wrong for a moment, so it is read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ingestion.choices import Item, Situation
from ingestion.errors import NotFoundError
from ingestion.passes import Run
from warehouse.source import CursorMove, Parsed
from warehouse.state import Cursor, cursors

__all__ = ["flawed", "noted", "read_match", "refused"]

_FLAWED = "is_flawed"


def noted(situation: Situation, source: str, endpoint: str) -> dict[str, Cursor]:
    """What was noted of the answers of an endpoint, by match."""
    prefix = f"{endpoint}/"
    found = cursors(situation.connection, source, prefix)
    return {name.removeprefix(prefix): cursor for name, cursor in found.items()}


def refused(notes: Mapping[str, Cursor], since: datetime) -> list[str]:
    """Matches whose answer became no row, lately."""
    return [id_ for id_, note in notes.items() if _FLAWED not in note.value and note.observed_at > since]


def flawed(notes: Mapping[str, Cursor]) -> list[str]:
    """Matches to be read once more, for parts of their answer were refused."""
    return [id_ for id_, note in notes.items() if note.value.get(_FLAWED)]


async def read_match(run: Run, item: Item, endpoint: str, path: str, match_id: str | int) -> None:
    """Read a part of a match; that the source does not know it is worth keeping too.

    Args:
        run: the pass.
        item: the match, with what was noted of it as its cursor; `is_explicit` among its facts: tracked by itself.
        endpoint: endpoint, whose first table holds what the answer is about, and which notes absences.
        path: what to ask for.
        match_id: the match, as its tables have it.

    Raises:
        NotFoundError: a match that is tracked by itself is not known.
        UnusableAnswer: the answer is refused as a whole.
    """
    missing: NotFoundError | None = None
    try:
        answer = await run.get(path)
    except NotFoundError as error:
        missing = error
        answer = run.absent(error)
    page, parsed = run.parse(endpoint, {"match_id": match_id}, answer)
    main = run.context.source.endpoints[endpoint].tables[0].name
    is_read = any(parsed.frames[name].height for name in (main, "match_absences") if name in parsed.frames)
    unread = CursorMove(f"{endpoint}/{item.id}", {})
    await run.land(page, parsed, _note(unread.name, item, parsed) if is_read else unread, if_unusable=unread)
    if missing is not None and item.facts["is_explicit"]:
        raise missing


def _note(name: str, item: Item, parsed: Parsed) -> CursorMove | None:
    """What to note of an answer that was read; nothing where all is well and always was."""
    is_again = item.cursor is not None and bool(item.cursor.value.get(_FLAWED))
    if parsed.rejects and not is_again:
        return CursorMove(name, {_FLAWED: True})
    return None if item.cursor is None else CursorMove(name, {_FLAWED: False})
