"""One database and one parsed project for all dbt tests; each test uses its own matches and accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from ingestion.sources.faceit.source import SOURCE as FACEIT
from tests.conftest import Database, watch_servers
from tests.dbt import faceit_payloads
from tests.dbt.kept_project import kept_project
from tests.dbt.project import Project, match_details, match_row
from tests.dbt.replayed_builds import ReplayedBuilds
from warehouse.core.settings import Settings
from warehouse.embedded import Servers


@pytest.fixture(scope="session")
def project(
    create_database: Callable[[], AbstractContextManager[Database]],
    cluster: tuple[Servers, Settings],
    pytestconfig: pytest.Config,
) -> Iterator[Project]:
    """The project, built in both colours over a small data set; built once for all sessions with the same sources."""
    if cluster[1].database_url is not None:
        yield from _built(create_database)
        return
    with kept_project(_built, cluster[0].redis_url, partial(watch_servers, pytestconfig)) as project:
        yield project


def _built(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Project]:
    """Load a few rows of every kind and build both colours."""
    with create_database() as database:
        project = Project(database)
        project.parse("blue", "green")
        project.load(
            project.history(7, *(match_row(number, radiant_win=number % 3 > 0) for number in range(100, 140))),
            project.history(8, *(match_row(number, 128, hero_id=2) for number in range(130, 150))),
            project.details(
                match_details(130, {0: 7, 1: None, 128: 8, 129: 9}, picks_bans=[{"is_pick": False, "hero_id": 5}])
            ),
            project.page(
                "player", {"profile": {"account_id": 7, "personaname": "seven"}, "rank_tier": 53}, account_id=7
            ),
            project.page(
                "player", {"profile": {"account_id": 8, "personaname": "eight"}, "rank_tier": 80}, account_id=8
            ),
            project.page("player_ratings", [{"time": "2025-12-01T00:00:00.000Z", "rank_tier": 52}], account_id=7),
            project.page("player_heroes", [{"hero_id": 1, "games": 40, "win": 26}], account_id=7),
            project.page(
                "pro_matches",
                [
                    {"match_id": 900, "start_time": 1767225600, "radiant_win": True, "leagueid": 3, "league_name": "L"}
                    | {"radiant_team_id": 10, "radiant_name": "Ten", "dire_team_id": 20, "dire_name": "Twenty"}
                ],
            ),
            project.page("constants", _PATCHES, resource="patch"),
        )
        project.load(
            project.page(
                "player_history",
                {"items": [faceit_payloads.history(number, _OTHER_SIDES) for number in range(100, 112)]},
                player_id="q1",
                game="cs2",
            ),
            project.page(
                "player_match_stats",
                {"items": [faceit_payloads.listed(number, "q1") for number in range(100, 112)]},
                player_id="q1",
                game="cs2",
            ),
            source=FACEIT,
        )
        project.execute(
            "INSERT INTO ops.tracked (source, kind, id) VALUES "
            "('opendota', 'player', '7'), ('opendota', 'player', '8'), ('faceit', 'player', 'q1')"
        )
        for colour in ("blue", "green"):
            project.build(colour=colour)
        project.save()
        yield project
        project.drop_saved()


@pytest.fixture(scope="session")
def builds(project: Project) -> ReplayedBuilds:
    """Replays of the project's builds without dbt."""
    return ReplayedBuilds(project)


_OTHER_SIDES = {"faction1": ("q1", "q2"), "faction2": ("q3", "q4")}
_PATCHES = [{"id": 59, "name": "7.40", "date": "2025-12-16T00:00:00Z"}]
