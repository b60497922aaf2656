"""Facts of a game are never those of another game by default: an unknown game gets null or an error."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.dbt.project import Project

_SEED = Path(__file__).parents[2] / "seeds" / "games.csv"


@pytest.fixture(scope="module")
def seeded() -> list[dict[str, str]]:
    """Rows of the seed."""
    with _SEED.open(newline="") as file:
        return list(csv.DictReader(file))


def test_macros_know_the_games_and_ladders_of_the_seed(project: Project, seeded: list[dict[str, str]]) -> None:
    sources = sorted({row["source_name"] for row in seeded})
    calls = [f"{{{{ games_where('source_name', '{source}') }}}}" for source in sources]
    *by_source, ladders = project.compiled("|".join([*calls, "{{ ladders_of() }}"])).strip().split("|")
    assert {source: set(words.split()) for source, words in zip(sources, by_source, strict=True)} == {
        source: {row["game"] for row in seeded if row["source_name"] == source} for source in sources
    }
    assert {row["rank_ladder"] for row in seeded} <= set(ladders.split())


def test_an_unknown_game_has_neither_player_id_nor_priority_nor_level(project: Project) -> None:
    facts = project.compiled(
        "select game, {{ by_player_id_kind('game', \"'steam'\", \"'faceit'\") }}, {{ name_priority('game') }}, "
        "{{ is_game_with('game', 'level_from', 'elo') }} "
        "from (values ('chess'), ('cs2'), ('dota2'), ('csgo')) as played (game)"
    )
    assert project.rows(facts) == [
        ("chess", None, None, False),
        ("cs2", "faceit", 1, True),
        ("dota2", "steam", 2, False),
        ("csgo", "faceit", 3, False),
    ]


def test_an_unknown_ladder_has_neither_names_nor_steps(project: Project) -> None:
    ranks = project.compiled(
        "select ladder, {{ rank_name('ladder', '43', '3', \"'Archon'\", 'true') }}, "
        "{{ rank_steps('ladder', '43', 'medals') }} "
        "from (values ('chess_rating'), ('dota2_rank_tier'), ('dota2_solo_mmr'), ('faceit_elo')) as ranked (ladder) "
        "cross join (select true as has_stars, 16 as first_step) as medals"
    )
    assert project.rows(ranks) == [
        ("chess_rating", None, None),
        ("dota2_rank_tier", "Archon 3", 18),
        ("dota2_solo_mmr", "43 MMR", 43),
        ("faceit_elo", "Level 3", 43),
    ]


@pytest.mark.parametrize(
    ("macro", "known", "unknown"), [("game", "cs2", "chess"), ("ladder", "faceit_elo", "chess_rating")]
)
def test_the_name_of_an_unknown_game_or_ladder_cannot_be_parsed(
    project: Project, macro: str, known: str, unknown: str
) -> None:
    assert project.compiled(f"select {{{{ {macro}('{known}') }}}}") == f"select '{known}'"
    with pytest.raises(AssertionError, match="Error parsing inline query"):
        project.compiled(f"select {{{{ {macro}('{unknown}') }}}}")
