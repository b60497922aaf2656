"""The ground truth: expected results, computed from the world alone, without the views that serve it.

Tests and the demo compare marts with these frames. All results are as of the world's current time, over the rows that
an ingestion of the tracked players' match lists can read: private players have none, and unlisted matches are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sandbox.dota_facts import BALANCED_GAME_MODES, BALANCED_LOBBY_TYPES, LONGEST_INSIGNIFICANT_S
from sandbox.world import World


@dataclass(frozen=True)
class Truth:
    """The facts of tracked players at a time (`at`, Unix s).

    `player_matches` has a row for each (account, match): `account_id, match_id, player_slot, start_time,
    hero_id, is_significant, is_win` (null while the result is unknown). The others follow from it:

    - `players`: `account_id, listed, matches, wins, losses`; all but `listed` over significant matches
    - `player_heroes`: `account_id, hero_id, games, wins, last_played` (Unix s), significant; hero 0 included
    - `hero_days`: `hero_id, day` (UTC, of the start), `picks, wins`, significant, one pick a tracked
      player's row
    - `match_hero_days`: the same over all ten players of these significant matches, each match once
    - `ranks`: `account_id, rank_tier, leaderboard_rank` now
    - `rank_changes`: `account_id, at` (Unix s), `rank_tier`
    """

    at: int
    player_matches: pl.DataFrame
    players: pl.DataFrame
    player_heroes: pl.DataFrame
    hero_days: pl.DataFrame
    match_hero_days: pl.DataFrame
    ranks: pl.DataFrame
    rank_changes: pl.DataFrame

    def match_ids(self, account_id: int, *, significant: bool = False) -> list[int]:
        """A player's listed matches, oldest first."""
        rows = self.player_matches.filter(pl.col("account_id") == account_id)
        return (rows.filter("is_significant") if significant else rows)["match_id"].sort().to_list()

    def as_json(self) -> dict[str, Any]:
        """The frames as lists of objects; `match_ids` by account, all and significant."""
        names = ("players", "player_heroes", "hero_days", "match_hero_days", "ranks", "rank_changes")
        ids = {
            str(account): {
                "all": self.match_ids(account),
                "significant": self.match_ids(account, significant=True),
            }
            for account in self.players["account_id"].to_list()
        }
        return {"at": self.at, **{name: getattr(self, name).to_dicts() for name in names}, "match_ids": ids}


def truth(world: World, account_ids: Sequence[int]) -> Truth:
    """The facts of players at the world's current time. Unknown accounts are an error."""
    people = [world.people.person_of(account) for account in account_ids]
    persons = [person for person in people if person is not None]
    if len(persons) != len(account_ids):
        unknown = [account for account, person in zip(account_ids, people, strict=True) if person is None]
        raise ValueError(f"no such account in this world: {unknown}")
    everyone = _everyone(world)
    rows = _of_tracked(world, persons, everyone)
    significant = rows.filter("is_significant")
    accounts = pl.DataFrame({"account_id": list(account_ids)}, schema={"account_id": pl.Int64})
    wins = pl.col("is_win").sum().cast(pl.Int64).alias("wins")
    listed = rows.group_by("account_id").agg(pl.len().cast(pl.Int64).alias("listed"))
    records = significant.group_by("account_id").agg(pl.len().cast(pl.Int64).alias("matches"), wins)
    players = (
        accounts.join(listed, on="account_id", how="left")
        .join(records, on="account_id", how="left")
        .with_columns(pl.col("listed", "matches", "wins").fill_null(0))
        .with_columns((pl.col("matches") - pl.col("wins")).alias("losses"))
    )
    heroes = significant.group_by("account_id", "hero_id").agg(
        pl.len().cast(pl.Int64).alias("games"), wins, pl.col("start_time").max().alias("last_played")
    )
    day = pl.from_epoch("start_time").dt.date().alias("day")
    picks = (pl.len().cast(pl.Int64).alias("picks"), wins)
    all_players = everyone.join(significant.select("match_id").unique(), on="match_id", how="semi")
    return Truth(
        at=world.now,
        player_matches=rows,
        players=players.sort("account_id"),
        player_heroes=heroes.sort("account_id", "hero_id"),
        hero_days=significant.group_by("hero_id", day).agg(picks).sort("hero_id", "day"),
        match_hero_days=all_players.group_by("hero_id", day).agg(picks).sort("hero_id", "day"),
        ranks=_ranks(world, persons).sort("account_id"),
        rank_changes=_rank_changes(world, persons).sort("account_id", "at"),
    )


def _everyone(world: World) -> pl.DataFrame:
    """A row for each player of each match that is listed now."""
    match_log = world.match_log
    rows = pl.DataFrame(
        {
            "person": match_log.person.ravel(),
            "match_id": np.repeat(match_log.match_id, 10),
            "player_slot": np.tile(np.array([0, 1, 2, 3, 4, 128, 129, 130, 131, 132]), len(match_log)),
            "start_time": np.repeat(match_log.start_time, 10),
            "duration": np.repeat(match_log.duration, 10),
            "game_mode": np.repeat(match_log.game_mode, 10),
            "lobby_type": np.repeat(match_log.lobby_type, 10),
            "hero_id": match_log.hero.ravel(),
            "radiant_win": np.repeat(match_log.radiant_win, 10),
            "has_result": np.repeat(match_log.result_at <= world.now, 10),
            "is_listed": np.repeat(match_log.visible_at <= world.now, 10),
        }
    )
    is_significant = (
        pl.col("game_mode").is_in(sorted(BALANCED_GAME_MODES))
        & pl.col("lobby_type").is_in(sorted(BALANCED_LOBBY_TYPES))
        & pl.col("has_result")
        & (pl.col("duration") > LONGEST_INSIGNIFICANT_S)
    )
    won = (pl.col("player_slot") < 128) == pl.col("radiant_win")
    return rows.filter("is_listed").with_columns(
        is_significant.alias("is_significant"), pl.when("has_result").then(won).alias("is_win")
    )


def _of_tracked(world: World, persons: list[int], everyone: pl.DataFrame) -> pl.DataFrame:
    shown = [person for person in persons if not world.people.private[person]]
    tracked = pl.DataFrame(
        {"person": shown, "account_id": [int(world.people.account_id[person]) for person in shown]},
        schema={"person": pl.Int64, "account_id": pl.Int64},
    )
    names = ("account_id", "match_id", "player_slot", "start_time", "hero_id", "is_significant", "is_win")
    return everyone.join(tracked, on="person").select(names).sort("account_id", "match_id")


def _ranks(world: World, persons: list[int]) -> pl.DataFrame:
    ranks = [world.rank(person, world.now) for person in persons]
    return pl.DataFrame(
        {
            "account_id": [int(world.people.account_id[person]) for person in persons],
            "rank_tier": [rank.rank_tier for rank in ranks],
            "leaderboard_rank": [rank.leaderboard_rank for rank in ranks],
        },
        schema={"account_id": pl.Int64, "rank_tier": pl.Int64, "leaderboard_rank": pl.Int64},
    )


def _rank_changes(world: World, persons: list[int]) -> pl.DataFrame:
    rows = [
        (int(world.people.account_id[person]), timestamp, tier)
        for person in persons
        for timestamp, tier in world.rank_history(person, world.now)
    ]
    schema = {"account_id": pl.Int64, "at": pl.Int64, "rank_tier": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
