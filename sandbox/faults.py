"""Fault injection of a simulated upstream, determined by seed and request alone.

A fault is transient: it affects the same request (path and query) `tries` times, then the request succeeds. The same
applies to a malformed record: it is malformed `tries` times, then correct.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["too_many", "server_error", "hang", "truncate", "cut", "duplicate_page", "slow"]

_KINDS: tuple[Kind, ...] = ("too_many", "server_error", "hang", "truncate", "cut", "duplicate_page", "slow")


@dataclass(frozen=True)
class Faults:
    """Probability (0..1) of each kind of fault per request, and a schedule by request number.

    Request numbers begin at 1 when the faults are set. `server_error` starts a burst: this request and the following
    ones, `burst` in total, fail with 500. `hang` waits `hang_s` seconds and drops the connection; `truncate` sends
    fewer bytes than announced; `cut` sends half a JSON document as if it were complete; `duplicate_page` returns the
    first page again; `slow` waits `slow_s` seconds. `malformed` is the probability that a record of a player's matches,
    or a player of a match, has text in place of a number, or text that cannot be stored.
    """

    seed: int = 0
    too_many: float = 0.0
    server_error: float = 0.0
    hang: float = 0.0
    truncate: float = 0.0
    cut: float = 0.0
    duplicate_page: float = 0.0
    slow: float = 0.0
    malformed: float = 0.0
    schedule: Mapping[int, Kind] = field(default_factory=dict)
    path_contains: str = ""  # only requests whose path contains this
    tries: int = 1
    burst: int = 3
    hang_s: float = 30.0
    slow_s: float = 0.5


@dataclass(frozen=True)
class MalformedRecord:
    """A malformed record that was served: player and match (by the upstream's ids), field, and text in the field."""

    account_id: int | str
    match_id: int | str
    field: str
    value: str


class FaultInjector:
    """Injects `Faults` for one upstream, and counts the faults of each request and record."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.malformed: list[MalformedRecord] = []
        self._occurrences: dict[str, int] = {}
        self._burst_left = 0
        self._request_count = 0

    def next(self, path: str, query: str) -> Kind | None:
        """The fault of the next request, if any."""
        faults = self.faults
        self._request_count += 1
        if self._burst_left:
            self._burst_left -= 1
            return "server_error"
        kind = faults.schedule.get(self._request_count)
        if kind is None and faults.path_contains in path:
            kind = self._draw(f"{path}?{query}")
        if kind == "server_error":
            self._burst_left = faults.burst - 1
        return kind

    def corrupt(
        self,
        account_id: int | str,
        records: Sequence[dict[str, Any]],
        texts: Sequence[tuple[str, str]],
        *,
        key: Sequence[str] = ("match_id",),
    ) -> None:
        """Put text in place of a number in some records of a player's matches.

        Args:
            account_id: the player.
            records: records, changed in place.
            texts: fields that may be corrupted, with the text to put there.
            key: fields that identify the player's records, the match id first.
        """
        if not self.faults.malformed:
            return
        for record in records:
            name = " ".join(str(record[one]) for one in key)
            self._corrupt(account_id, record[key[0]], record, texts, f"record {account_id} {name}")

    def corrupt_players(
        self, match_id: str, players: Sequence[dict[str, Any]], texts: Sequence[tuple[str, str]], part: str
    ) -> None:
        """Put invalid text into some players of a match.

        Args:
            match_id: the match.
            players: players, changed in place.
            texts: fields that may be corrupted, with the text to put there.
            part: the part of the match that contains the players.
        """
        if not self.faults.malformed:
            return
        for player in players:
            player_id = player["player_id"]
            self._corrupt(player_id, match_id, player, texts, f"{part} {match_id} {player_id}")

    def _corrupt(
        self,
        account_id: int | str,
        match_id: int | str,
        record: dict[str, Any],
        texts: Sequence[tuple[str, str]],
        request_key: str,
    ) -> None:
        candidates = [(field_name, text) for field_name, text in texts if field_name in record]
        if not candidates or self._chance(request_key) >= self.faults.malformed or not self._still_occurs(request_key):
            return
        number = match_id if isinstance(match_id, int) else len(self.malformed)
        field_name, text = candidates[number % len(candidates)]
        record[field_name] = text
        self.malformed.append(MalformedRecord(account_id, match_id, field_name, text))

    def _draw(self, key: str) -> Kind | None:
        chance = self._chance(key)
        for kind in _KINDS:
            chance -= getattr(self.faults, kind)
            if chance < 0:
                return kind if self._still_occurs(key) else None
        return None

    def _still_occurs(self, key: str) -> bool:
        """Count an occurrence of a fault; False after `tries` occurrences."""
        self._occurrences[key] = self._occurrences.get(key, 0) + 1
        return self._occurrences[key] <= self.faults.tries

    def _chance(self, key: str) -> float:
        digest = hashlib.blake2b(f"{self.faults.seed} {key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64
