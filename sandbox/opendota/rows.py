"""One player's list of matches in OpenDota: selection by query, and the fields of a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sandbox.dota_facts import CLUSTER_REGIONS, LONGEST_INSIGNIFICANT_S
from sandbox.match_log import UNKNOWN, slot_of
from sandbox.rules import DAY_S, is_balanced, patch_at
from sandbox.world import World

PARSER_VERSION = 22

# Always in a record, regardless of the projection.
_BASE_FIELDS = ("match_id", "player_slot", "radiant_win", "duration", "game_mode", "lobby_type")
DEFAULT_FIELDS = (
    "match_id",
    "player_slot",
    "radiant_win",
    "hero_id",
    "start_time",
    "duration",
    "game_mode",
    "lobby_type",
    "version",
    "kills",
    "deaths",
    "assists",
    "average_rank",
    "leaver_status",
    "party_size",
    "hero_variant",
)
_MORE_FIELDS = ("cluster", "region", "patch", "leagueid")

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Values = list[int | bool | None]
Record = dict[str, int | bool | str | None]

_SLOTS = np.array([slot_of(column) for column in range(10)])


@dataclass(frozen=True)
class Rows:
    """Matches of one person at a time: positions in the match log and columns, newest first."""

    world: World
    at: int  # s
    match: Ints
    column: Ints

    @classmethod
    def of(cls, world: World, person: int, at: int) -> Rows:
        """All listed matches of a person; none of a private one."""
        match, column = world.matches_of(person, at)
        if world.people.private[person]:
            match, column = match[:0], column[:0]
        return cls(world, at, match, column)

    def __len__(self) -> int:
        """Number of selected matches."""
        return len(self.match)

    def where(self, chosen: Bools) -> Rows:
        """The rows for which `chosen` holds."""
        return replace(self, match=self.match[chosen], column=self.column[chosen])

    def at_positions(self, positions: Ints | slice) -> Rows:
        """The rows at these positions, in this order."""
        return replace(self, match=self.match[positions], column=self.column[positions])

    @property
    def is_significant(self) -> Bools:
        """OpenDota's rule: balanced mode and lobby, a known result, more than 360 s."""
        match_log = self.world.match_log
        known = match_log.result_at[self.match] <= self.at
        balanced = is_balanced(match_log.game_mode[self.match], match_log.lobby_type[self.match])
        return balanced & known & (match_log.duration[self.match] > LONGEST_INSIGNIFICANT_S)

    @property
    def is_win(self) -> Bools:
        """Whether the player's side won (False while the result is unknown)."""
        match_log = self.world.match_log
        known = match_log.result_at[self.match] <= self.at
        won: Bools = (self.column < 5) == match_log.radiant_win[self.match]
        return known & won

    def field(self, name: str) -> Values:
        """The values of one field of the records; None for null upstream."""
        values, known = self.column_of(name)
        plain: Values = values.tolist()
        if known is None or known.all():
            return plain
        return [value if is_known else None for value, is_known in zip(plain, known.tolist(), strict=True)]

    def records(self, names: tuple[str, ...]) -> list[Record]:
        """The rows as records of OpenDota."""
        columns = [self.field(name) for name in names]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def column_of(self, name: str) -> tuple[Ints | Bools, Bools | None]:
        """The values of one field, and a mask of the known ones (None: all)."""
        match_log, match, column = self.world.match_log, self.match, self.column
        if name in ("match_id", "start_time", "duration", "game_mode", "lobby_type", "cluster"):
            return getattr(match_log, name)[match], None
        if name in ("kills", "deaths", "assists"):
            return getattr(match_log, name)[match, column], None
        if name == "radiant_win":
            return match_log.radiant_win[match], match_log.result_at[match] <= self.at
        if name == "version":
            return np.full(len(match), PARSER_VERSION), match_log.parsed_at[match] <= self.at
        if name == "average_rank":
            values = match_log.average_rank[match]
            return values, (values != UNKNOWN) & (match_log.details_at[match] <= self.at)
        if name == "leaver_status":
            values = match_log.leaver[match, column]
            return values, values != UNKNOWN
        if name in ("party_size", "hero_variant"):
            values = (match_log.party if name == "party_size" else match_log.facet)[match, column]
            return values, (values != UNKNOWN) & (match_log.details_at[match] <= self.at)
        if name == "region":
            values = np.array([CLUSTER_REGIONS.get(cluster, UNKNOWN) for cluster in match_log.cluster[match].tolist()])
            return values, values != UNKNOWN
        if name == "player_slot":
            return _SLOTS[column], None
        if name == "hero_id":
            return match_log.hero[match, column], None
        if name == "patch":
            return patch_at(match_log.start_time[match]), None
        return match_log.league[match], None


def matching(rows: Rows, query: Mapping[str, str]) -> Rows:
    """The rows that a query selects; as upstream, only significant ones without `significant=0`."""
    match_log = rows.world.match_log
    chosen = np.ones(len(rows), dtype=np.bool_)
    if query.get("significant", "1") != "0":
        chosen &= rows.is_significant
    for name in ("hero_id", "game_mode", "lobby_type", "patch", "region"):
        if name in query:
            values, known = rows.column_of(name)
            chosen &= (values == int(query[name])) & (True if known is None else known)
    if "date" in query:
        chosen &= match_log.start_time[rows.match] >= rows.at - float(query["date"]) * DAY_S
    if "win" in query:
        chosen &= rows.is_win == (query["win"] == "1")
    if "is_radiant" in query:
        chosen &= (rows.column < 5) == (query["is_radiant"] == "1")
    return rows.where(chosen)


def page(rows: Rows, query: Mapping[str, str], projected: list[str]) -> list[Record]:
    """The records of one page: `sort` (largest first), `offset`, `limit` and the projected fields."""
    if (sort := query.get("sort")) in (*DEFAULT_FIELDS, *_MORE_FIELDS):
        values = np.array([-1 if value is None else value for value in rows.field(sort)])
        rows = rows.at_positions(np.argsort(-values, kind="stable"))
    offset = int(query.get("offset", 0))
    end = offset + int(query["limit"]) if "limit" in query else None
    known = [name for name in projected if name in (*DEFAULT_FIELDS, *_MORE_FIELDS)]
    names = tuple(dict.fromkeys((*_BASE_FIELDS, *known))) if projected else DEFAULT_FIELDS
    return rows.at_positions(slice(offset, end)).records(names)
