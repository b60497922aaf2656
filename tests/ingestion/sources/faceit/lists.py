"""Scripted lists of FACEIT: as many records as a test needs, paged and capped as in FACEIT's contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.ingestion.scripted_server import Reply

__all__ = ["PLAYER", "Script", "history", "match", "not_found", "paged", "query_of", "statistics"]

PLAYER = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"

Script = Callable[[str, int], Reply]


def match_id(number: int) -> str:
    return f"1-00000000-0000-4000-8000-{number:012d}"


def match(number: int, finished_at: int | None, *, status: str = "finished", winner: str = "faction1") -> Any:
    """A record of a history: a match of the player against an empty side."""
    players = [{"player_id": PLAYER, "nickname": "Darwin", "skill_level": 8}]
    times = {} if finished_at is None else {"finished_at": finished_at}
    return {
        "match_id": match_id(number),
        "game_id": "cs2",
        "status": status,
        "teams": {"faction1": {"team_id": "a", "players": players}, "faction2": {"team_id": "b", "players": []}},
        "results": {"winner": winner, "score": {"faction1": 1, "faction2": 0}},
        **times,
    }


def history(records: Sequence[Any], *, is_inclusive: bool = True) -> Script:
    """`/players/{id}/history`: newest first; matches in progress come before finished ones."""
    return _list(records, lambda record: record.get("finished_at"), 1000, is_inclusive=is_inclusive)


def statistics(
    timestamps: Sequence[int], *, is_inclusive: bool = True, has_end: bool = True, maximum: int = 100
) -> Script:
    """`/players/{id}/games/cs2/stats` with a record for each timestamp (ms); as of 2024 without the end."""
    made = [datetime.fromtimestamp(timestamp / 1000, UTC).isoformat() for timestamp in timestamps]
    records = [
        {
            "at": timestamp,
            "stats": {"Match Id": match_id(number), "Match Round": "1", "Kills": "9"}
            | ({"Match Finished At": timestamp} if has_end else {"Created At": made[number]}),
        }
        for number, timestamp in enumerate(timestamps)
    ]
    return _list(records, lambda record: record["at"], 200, is_inclusive=is_inclusive, maximum=maximum)


def paged(items: Sequence[Any], query: dict[str, str], *, maximum: int = 100, max_offset: int | None = None) -> Reply:
    """A page; 400 beyond the caps."""
    limit, offset = int(query.get("limit", "20")), int(query.get("offset", "0"))
    if not 0 < limit <= maximum or (max_offset is not None and offset > max_offset):
        return Reply(400, b'{"errors":[{"message":"out of bounds","code":"err_r0","http_status":400}]}')
    chosen = list(items[offset : offset + limit])
    return Reply(body=json.dumps({"items": chosen, "start": offset, "end": offset + limit}).encode())


def query_of(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def not_found(what: str = "match", status: int = 404) -> Reply:
    body = {"errors": [{"message": f"The {what} was not found", "code": "err_nf0", "http_status": status}]}
    return Reply(status, json.dumps(body).encode())


def _list(
    records: Sequence[Any],
    timestamp: Callable[[Any], int | None],
    max_offset: int,
    *,
    is_inclusive: bool,
    maximum: int = 100,
) -> Script:
    def key(record: Any) -> float:
        at = timestamp(record)
        return float("inf") if at is None else float(at)

    ordered = sorted(records, key=key, reverse=True)

    def respond(path: str, times: int) -> Reply:
        query = query_of(path)
        # FACEIT returns one month unless more is requested.
        assert query["from"] == "1"
        until = float(query["to"]) if "to" in query else float("inf")
        chosen = [record for record in ordered if key(record) < until or (is_inclusive and key(record) == until)]
        return paged(chosen, query, maximum=maximum, max_offset=max_offset)

    return respond
