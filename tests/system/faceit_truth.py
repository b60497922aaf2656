"""Comparison of the marts with the truth of FACEIT's simulated world."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sandbox.faceit.truth import COUNTED, FaceitTruth

__all__ = ["Query", "assert_matches_are_true", "assert_ranks_are_true"]

#: Runs a query with values for its placeholders, and returns the rows.
Query = Callable[..., list[tuple[Any, ...]]]


def assert_matches_are_true(query: Query, truth: FaceitTruth) -> None:
    """Matches and identities of tracked players in the marts equal the truth of the world.

    The details of their matches have to be loaded.
    """
    players = truth.players["player_id"].to_list()
    found = query(
        "SELECT player_id, match_id, lower(status) FROM staging_faceit.history_players "
        "JOIN staging_faceit.history_matches USING (match_id) WHERE player_id = ANY(%s)",
        players,
    )
    assert sorted(found) == sorted(truth.histories.rows())
    _assert_matches(query, truth, players)
    found = query(
        "SELECT player_id, matches, wins, losses FROM marts.player_win_rates "
        "WHERE game = 'cs2' AND period = 'all' AND player_id = ANY(%s)",
        players,
    )
    assert sorted(found) == sorted(truth.players.filter(pl.col("matches") > 0).rows())
    found = query(
        "SELECT player_id, map_id, matches, wins FROM marts.player_map_win_rates "
        "WHERE game = 'cs2' AND player_id = ANY(%s)",
        players,
    )
    assert sorted(found) == sorted(truth.player_maps.rows())
    found = query(
        "SELECT map_id, count(*), count(*) FILTER (WHERE is_win) FROM marts.fct_player_matches "
        "WHERE game = 'cs2' AND kills IS NOT NULL AND match_id = ANY(%s) GROUP BY 1",
        truth.player_matches["fact_match_id"].unique().to_list(),
    )
    assert sorted(found) == sorted(truth.match_maps.rows()), "not all ten players of a match count"
    _assert_sides_of_maps(query, truth)
    _assert_people(query, truth, players)


def assert_ranks_are_true(query: Query, truth: FaceitTruth) -> None:
    """Positions of the rankings and the newest ranks of players equal FACEIT's current ones."""
    found = query("SELECT game_id, region, position, player_id, faceit_elo FROM staging_faceit.rankings")
    assert sorted(found) == sorted(truth.boards.drop("skill_level").rows())
    # Under Dota 2 the player is the Steam account that the profile names.
    accounts = dict(truth.identities.select("player_id", "account_id").rows())
    expected = {
        (game, player if game == "cs2" else str(accounts[player])): elo
        for player, game, _, elo, _ in truth.elos.drop_nulls("faceit_elo").rows()
        if game == "cs2" or accounts[player] is not None
    }
    found = query(
        "SELECT DISTINCT ON (game, player_id) game, player_id, rank_value FROM marts.rank_progression "
        "WHERE ladder = 'faceit_elo' AND (game, player_id) IN (SELECT * FROM unnest(%s::text[], %s::text[])) "
        "ORDER BY game, player_id, observed_date DESC",
        [game for game, _ in expected],
        [player for _, player in expected],
    )
    assert {row[:2]: row[2] for row in found} == expected
    levels = {
        row["player_id"]: f"Level {row['skill_level']}"
        for row in truth.elos.filter(pl.col("game") == "cs2").drop_nulls("faceit_elo").to_dicts()
    }
    found = query(
        "SELECT player_id, rank_name FROM marts.dim_players WHERE game = 'cs2' AND player_id = ANY(%s)", list(levels)
    )
    assert dict(found) == levels


def _assert_matches(query: Query, truth: FaceitTruth, players: list[str]) -> None:
    names = ("map_id", "player_slot", "side", "rounds", "is_win", *COUNTED)
    columns = ", ".join(f"facts.{name}" for name in names)
    found = query(
        f"SELECT player_id, match_id, extract(epoch FROM facts.played_at)::bigint, "
        f"performance.hltv_rating_1, {columns} "
        "FROM marts.fct_faceit_player_maps AS facts LEFT JOIN marts.player_performance AS performance "
        "USING (game, match_id, player_id) "
        "WHERE game = 'cs2' AND facts.is_significant AND player_id = ANY(%s)",
        players,
    )
    expected_by_match = {
        (row["player_id"], row["fact_match_id"]): (
            row["started_at"],
            row["hltv_1"],
            *(row["map" if name == "map_id" else name] for name in names),
        )
        for row in truth.player_matches.to_dicts()
    }
    assert {row[:2] for row in found} == expected_by_match.keys()
    for player, match, started, rating, *rest in found:
        expected_started, expected_rating, *expected = expected_by_match[player, match]
        assert (started, rest) == (expected_started, expected), (player, match)
        assert rating is None if expected_rating is None else float(rating) == pytest.approx(expected_rating, abs=5e-5)


def _assert_sides_of_maps(query: Query, truth: FaceitTruth) -> None:
    """A match counts once for each side, whichever of its players are tracked."""
    won = (
        pl.when("is_win")
        .then("side")
        .otherwise(pl.when(pl.col("side") == "faction1").then(pl.lit("faction2")).otherwise(pl.lit("faction1")))
    )
    matches = truth.player_matches.select("fact_match_id", "map", won.alias("winner")).unique()
    assert matches["fact_match_id"].is_unique().all()
    expected = {
        (row["map"], side): (row["matches"], row[side])
        for row in matches.group_by("map")
        .agg(
            pl.len().alias("matches"),
            *((pl.col("winner") == side).sum().alias(side) for side in ("faction1", "faction2")),
        )
        .to_dicts()
        for side in ("faction1", "faction2")
    }
    found = query("SELECT map_id, side, matches, wins, win_rate FROM marts.map_win_rates WHERE game = 'cs2'")
    assert {row[:2]: row[2:4] for row in found} == expected
    assert all(row[4] == round(Decimal(row[3]) / row[2], 6) for row in found)


def _assert_people(query: Query, truth: FaceitTruth, players: list[str]) -> None:
    """Players of all games are matched to one person by Steam account, and never by name."""
    found = query(
        "SELECT person_id, game, player_id FROM marts.bridge_player_identities WHERE person_id IN "
        "(SELECT person_id FROM marts.bridge_player_identities WHERE player_id = ANY(%s))",
        players,
    )
    expected = set()
    for row in truth.identities.to_dicts():
        steam_account = str(int(row["steam_id_64"]) - 76_561_197_960_265_728)
        # A tracked player is a player of FACEIT, even without a match.
        expected.add((f"steam:{steam_account}", "cs2", row["player_id"]))
        if "dota2" in row["games"]:
            expected.add((f"steam:{steam_account}", "dota2", steam_account))
    # The same people may be players of OpenDota by account, and players of csgo in some profiles.
    others = {(person, "dota2", person.removeprefix("steam:")) for person, _, _ in expected}
    others |= {(person, "csgo", player) for person, game, player in expected if game == "cs2"}
    assert expected <= set(found) <= expected | others
