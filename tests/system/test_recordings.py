"""Recorded responses of the real OpenDota, through the whole pipeline: nothing is lost, and totals equal its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from orchestration.dbt.manifests import prepare
from tests.conftest import Database
from tests.system.oracle import Oracle
from tests.system.pipeline import Pipeline
from tests.system.recorded_upstream import RecordedUpstream, serve_recordings

PLAYER = 101695162
PARSED = (1781962623, 2472899185)
UNPARSED = 3254426673


@pytest.fixture(scope="module")
def upstream(recorded: Path) -> Iterator[RecordedUpstream]:
    with serve_recordings(recorded) as serving:
        yield serving


@pytest.fixture(scope="module")
def pipeline(
    create_database: Callable[[], AbstractContextManager[Database]], upstream: RecordedUpstream
) -> Iterator[Pipeline]:
    with create_database() as database:
        pipeline = Pipeline.on(database, upstream.url)
        pipeline.track("player", PLAYER)
        pipeline.track("match", *PARSED, UNPARSED)
        reports = pipeline.ingest()
        assert [report.failures for report in reports if not report.is_ok] == []
        pipeline.build()
        yield pipeline


def test_all_matches_are_stored_and_the_significant_ones_are_flagged(pipeline: Pipeline) -> None:
    assert pipeline.staging("SELECT count(*) FROM staging_opendota.player_matches") == [(6211,)]
    counted = "SELECT count(*) FROM fct_player_matches WHERE player_id = %s AND is_significant"
    assert pipeline.rows(counted, str(PLAYER)) == [(6075,)]
    assert pipeline.staging("SELECT count(*) FROM ops.rejects") == [(0,)]


def test_every_mart_of_the_project_is_a_view_that_analysts_can_read(pipeline: Pipeline) -> None:
    graph = prepare(pipeline.settings, pipeline.database.url("transform")).graph
    for mart in graph.marts:
        pipeline.rows(f"SELECT count(*) FROM marts.{mart}")


def test_games_and_wins_by_hero_equal_opendotas_counts(pipeline: Pipeline, recorded: Path) -> None:
    heroes = json.loads((recorded / f"opendota/players/{PLAYER}/heroes.json").read_text())
    expected = {str(hero["hero_id"]): (hero["games"], hero["win"]) for hero in heroes}
    query = "SELECT character_id, matches, wins FROM player_character_win_rates WHERE player_id = %s"
    found = {hero: (matches, wins) for hero, matches, wins in pipeline.rows(query, str(PLAYER))}
    assert len(expected) == 116
    assert found.pop("0") == (5, 4)
    assert found == expected


def test_character_totals_equal_player_totals(pipeline: Pipeline) -> None:
    query = """
        SELECT matches, wins FROM player_win_rates WHERE player_id = %(player)s AND period = 'all'
        UNION ALL
        SELECT sum(matches), sum(wins) FROM player_character_win_rates WHERE player_id = %(player)s
    """.replace("%(player)s", "%s")
    assert pipeline.rows(query, str(PLAYER), str(PLAYER)) == [(6075, 3747), (6075, 3747)]


def test_every_rating_observation_is_kept(pipeline: Pipeline) -> None:
    assert pipeline.staging("SELECT count(*) FROM staging_opendota.player_ratings") == [(135,)]
    query = "SELECT count(*) FROM fct_rank_observations WHERE player_id = %s AND ladder = 'dota2_solo_mmr'"
    # 135 from the ratings, one more from the profile.
    assert pipeline.rows(query, str(PLAYER)) == [(136,)]


@pytest.mark.parametrize("match_id", PARSED)
def test_a_parsed_match_has_all_ten_players(pipeline: Pipeline, match_id: int) -> None:
    query = "SELECT count(*), bool_and(has_details) FROM fct_player_matches WHERE match_id = %s"
    assert pipeline.rows(query, str(match_id)) == [(10, True)]


def test_a_match_that_opendota_does_not_know_is_recorded_as_absent(pipeline: Pipeline) -> None:
    assert pipeline.staging("SELECT count(*) FROM staging_opendota.match_absences") == [(97,)]


def test_no_chat_is_in_the_lake(pipeline: Pipeline) -> None:
    for path in pipeline.lake.files("opendota", "match"):
        for page in pipeline.lake.read(path):
            assert b'"chat"' not in page.body


def test_an_oracle_over_the_raw_lake_computes_the_same_marts(pipeline: Pipeline) -> None:
    assert_equal_to_oracle(pipeline)


def test_wins_and_losses_equal_opendotas_counts(pipeline: Pipeline, recorded: Path) -> None:
    sides = json.loads((recorded / f"opendota/players/{PLAYER}/counts.json").read_text())["is_radiant"].values()
    expected = (sum(side["games"] for side in sides), sum(side["win"] for side in sides))
    totals = "SELECT matches, wins FROM player_win_rates WHERE player_id = %s AND period = 'all'"
    assert pipeline.rows(totals, str(PLAYER)) == [expected]
    compared = "SELECT measure, theirs, ours FROM ops.source_totals WHERE player_id = %s ORDER BY measure"
    assert pipeline.staging(compared, str(PLAYER)) == [
        ("matches", expected[0], expected[0]),
        ("wins", expected[1], expected[1]),
    ]


def test_another_sync_needs_two_requests_for_the_player_and_changes_nothing(
    pipeline: Pipeline, upstream: RecordedUpstream
) -> None:
    before = pipeline.rows("SELECT * FROM player_character_win_rates ORDER BY 1, 2, 3")
    upstream.requests.clear()
    pipeline.ingest()
    requests = [request for request in upstream.requests if request.startswith("/players/")]
    assert requests == [f"/players/{PLAYER}", f"/players/{PLAYER}/matches?significant=0&limit=100"]
    pipeline.build()
    assert pipeline.rows("SELECT * FROM player_character_win_rates ORDER BY 1, 2, 3") == before


def assert_equal_to_oracle(pipeline: Pipeline) -> None:
    """Win rates, board and rank progression of the marts equal those recomputed from the payloads."""
    oracle = Oracle(pipeline.lake.root)
    rates = pipeline.rows("SELECT player_id, period, matches, wins FROM player_win_rates WHERE matches > 0")
    assert {(player, period): (matches, wins) for player, period, matches, wins in rates} == oracle.win_rates()
    heroes = pipeline.rows("SELECT player_id, character_id, matches, wins FROM player_character_win_rates")
    assert {(player, hero): (games, wins) for player, hero, games, wins in heroes} == oracle.character_win_rates()
    tracked = {row[0] for row in pipeline.staging("SELECT id FROM ops.tracked WHERE kind = 'player'")}
    board = pipeline.rows(
        "SELECT player_id, rank FROM leaderboard_entries WHERE board = 'dota2_win_rate' AND is_qualified"
    )
    assert dict(board) == oracle.win_rate_board(tracked)
    ranks = pipeline.rows(
        "SELECT player_id, observed_date, rank_value, change, peak_rank_value FROM rank_progression "
        "WHERE ladder = 'dota2_rank_tier'"
    )
    assert {(player, day): (rank, change, peak) for player, day, rank, change, peak in ranks} == (
        oracle.rank_progression()
    )
