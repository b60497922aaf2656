"""The ground truth of FACEIT, computed from its world alone, without the views that serve it (see `sandbox.truth`).

All results are as of the world's current time, over the maps whose statistics FACEIT shows by then. Cancelled matches
and byes have none, nor do matches that are not yet listed or whose result is not yet known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from sandbox.faceit.accounts import GAMES, Account
from sandbox.faceit.match_log import CANCELLED
from sandbox.faceit.rules import LEVEL_ELOS
from sandbox.faceit.scene import MAPS
from sandbox.faceit.world import FaceitWorld
from sandbox.people import steam_id64

#: Counts in a player's statistics of a map.
COUNTED = (
    "kills",
    "deaths",
    "assists",
    "headshots",
    "double_kills",
    "triple_kills",
    "quadro_kills",
    "penta_kills",
    "mvps",
    "damage",
)


@dataclass(frozen=True)
class FaceitTruth:
    """The facts of tracked players at a time (`at`, Unix s).

    `player_matches` has a row for each map of a player: `player_id, match_id, map_number, fact_match_id` (the id of a
    map in the marts: the match id for a best of one, else `match:number`), `player_slot, side, map, best_of,
    started_at, finished_at` (s), `rounds, is_win`, the counts, `hltv_1`. Some matches have fewer statistics: there
    `double_kills`, `damage` and `hltv_1` are null. The others follow from it:

    - `players`: `player_id, matches, wins, losses`, each map counting as a match
    - `maps`: `map, matches, wins`, one match a tracked player's row
    - `player_maps`: `player_id, map, matches, wins`
    - `match_maps`: as `maps`, over all ten players of these maps, each map once
    - `histories`: `player_id, match_id, status` of every match in the histories, cancelled ones included
    - `elos`: `player_id, game, region, faceit_elo, skill_level` now; the last two are null if the profile shows none
    - `boards`: `game, region, position, player_id, faceit_elo, skill_level` of all players
    - `identities`: `person, player_id, steam_id_64, account_id, games`; `account_id` is OpenDota's, null if OpenDota
      does not know the Steam account
    """

    at: int
    player_matches: pl.DataFrame
    players: pl.DataFrame
    maps: pl.DataFrame
    player_maps: pl.DataFrame
    match_maps: pl.DataFrame
    histories: pl.DataFrame
    elos: pl.DataFrame
    boards: pl.DataFrame
    identities: pl.DataFrame

    def as_json(self) -> dict[str, Any]:
        """The frames as lists of objects."""
        return {"at": self.at, **{one.name: getattr(self, one.name).to_dicts() for one in fields(self)[1:]}}


def truth(faceit: FaceitWorld, player_ids: Sequence[str]) -> FaceitTruth:
    """The facts of players at the world's current time. Unknown players are an error."""
    accounts = [faceit.accounts.of(player_id) for player_id in player_ids]
    if unknown := [player_id for player_id, account in zip(player_ids, accounts, strict=True) if account is None]:
        raise ValueError(f"no such player in this world: {unknown}")
    known = [account for account in accounts if account is not None]
    at = faceit.now
    everyone = _everyone(faceit, at)
    rows = everyone.filter(pl.col("player_id").is_in(list(player_ids)))
    counts = (pl.len().cast(pl.Int64).alias("matches"), pl.col("is_win").sum().cast(pl.Int64).alias("wins"))
    players = pl.DataFrame({"player_id": list(player_ids)}, schema={"player_id": pl.String})
    records = players.join(rows.group_by("player_id").agg(counts), on="player_id", how="left")
    all_players = everyone.join(rows.select("fact_match_id").unique(), on="fact_match_id", how="semi")
    return FaceitTruth(
        at=at,
        player_matches=rows.sort("player_id", "match_id", "map_number"),
        players=records.with_columns(pl.col("matches", "wins").fill_null(0))
        .with_columns((pl.col("matches") - pl.col("wins")).alias("losses"))
        .sort("player_id"),
        maps=rows.group_by("map").agg(counts).sort("map"),
        player_maps=rows.group_by("player_id", "map").agg(counts).sort("player_id", "map"),
        match_maps=all_players.group_by("map").agg(counts).sort("map"),
        histories=_histories(faceit, known, at).sort("player_id", "match_id"),
        elos=_elos(faceit, known, at).sort("player_id", "game"),
        boards=_boards(faceit, at),
        identities=_identities(known).sort("player_id"),
    )


def hltv_1() -> pl.Expr:
    """HLTV's rating 1.0 of a row, from its published formula."""
    rounds = pl.col("rounds")
    multi = {2: "double_kills", 3: "triple_kills", 4: "quadro_kills", 5: "penta_kills"}
    single = pl.col("kills") - sum((n * pl.col(name) for n, name in multi.items()), pl.lit(0))
    rounds_with_kills = single + sum((n * n * pl.col(name) for n, name in multi.items()), pl.lit(0))
    killing = pl.col("kills") / rounds / 0.679
    surviving = (rounds - pl.col("deaths")) / rounds / 0.317
    return (killing + 0.7 * surviving + rounds_with_kills / rounds / 1.277) / 2.7


def _everyone(faceit: FaceitWorld, at: int) -> pl.DataFrame:
    """A row for each player of each map with visible statistics."""
    series, maps = faceit.history.series, faceit.history.maps
    row = np.repeat(maps.series, 10)
    is_first = np.tile(np.arange(10) < 5, len(maps))
    won = np.repeat(maps.halves[:, 0].sum(axis=1) > maps.halves[:, 1].sum(axis=1), 10) == is_first
    people: list[int] = series.person[maps.series].ravel().tolist()
    frame = pl.DataFrame(
        {
            "player_id": [faceit.accounts.by_person[person].player_id for person in people],
            "match_id": series.match_id[row],
            "map_number": np.repeat(maps.number, 10),
            "side": np.where(is_first, "faction1", "faction2"),
            "map": np.array(MAPS)[np.repeat(maps.map, 10)],
            "best_of": series.best_of[row],
            "started_at": series.started_at[row],
            "finished_at": series.finished_at[row],
            "rounds": np.repeat(maps.halves.sum(axis=(1, 2)), 10),
            "is_win": won,
            **{name: maps.stat(name).ravel() for name in COUNTED},
            "is_detailed": series.is_detailed[row],
            "is_shown": np.maximum(series.visible_at, series.result_at)[row] <= at,
        }
    )
    of_map = ("match_id", "map_number")
    slot = pl.col("player_id").rank("ordinal").over(*of_map, "side").cast(pl.Int64) - 1
    number = pl.when(pl.col("best_of") > 1).then(pl.format(":{}", "map_number")).otherwise(pl.lit(""))
    return (
        frame.filter("is_shown")
        .with_columns(
            (slot + pl.when(pl.col("side") == "faction2").then(5).otherwise(0)).alias("player_slot"),
            (pl.col("match_id") + number).alias("fact_match_id"),
            pl.when("is_detailed").then(pl.col("double_kills", "damage")),
        )
        .with_columns(hltv_1().alias("hltv_1"))
        .drop("is_detailed", "is_shown")
    )


def _histories(faceit: FaceitWorld, accounts: Sequence[Account], at: int) -> pl.DataFrame:
    series = faceit.history.series
    found = []
    for account in accounts:
        for row in np.flatnonzero((series.person == account.person).any(axis=1) & (series.visible_at <= at)):
            known = "finished" if series.result_at[row] <= at else "ongoing"
            status = "cancelled" if series.state[row] == CANCELLED else known
            found.append((account.player_id, str(series.match_id[row]), status))
    schema = {"player_id": pl.String, "match_id": pl.String, "status": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row")


def _elos(faceit: FaceitWorld, accounts: Sequence[Account], at: int) -> pl.DataFrame:
    found = []
    for game in GAMES:
        elos = faceit.elos(game, at)
        for account in accounts:
            if game in account.games:
                elo = int(elos[account.person]) if account.shows_elo(game) else None
                found.append((account.player_id, game, account.region, elo, None if elo is None else _level(elo)))
    return pl.DataFrame(
        found,
        schema={
            "player_id": pl.String,
            "game": pl.String,
            "region": pl.String,
            "faceit_elo": pl.Int64,
            "skill_level": pl.Int64,
        },
        orient="row",
    )


def _boards(faceit: FaceitWorld, at: int) -> pl.DataFrame:
    """All players' places in their region; players with equal elo are in order of row number."""
    every = list(faceit.accounts.by_person.values())
    people = pl.DataFrame({"player_id": [one.player_id for one in every], "person": [one.person for one in every]})
    ranked = _elos(faceit, every, at).drop_nulls("faceit_elo").join(people, on="player_id")
    order = ("game", "region", pl.col("faceit_elo").neg(), "person")
    return (
        ranked.sort(order)
        .with_columns(pl.int_range(1, pl.len() + 1).over("game", "region").alias("position"))
        .select("game", "region", "position", "player_id", "faceit_elo", "skill_level")
    )


def _identities(accounts: Sequence[Account]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (
                account.person,
                account.player_id,
                str(steam_id64(account.account_id)),
                None if account.is_newcomer else account.account_id,
                list(account.games),
            )
            for account in accounts
        ],
        schema={
            "person": pl.Int64,
            "player_id": pl.String,
            "steam_id_64": pl.String,
            "account_id": pl.Int64,
            "games": pl.List(pl.String),
        },
        orient="row",
    )


def _level(elo: int) -> int:
    return max(1, sum(int(bound) <= elo for bound in LEVEL_ELOS))
