"""Every response of the simulated FACEIT becomes rows, without rejects and unknown fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ingestion.sources.faceit.source import SOURCE
from sandbox.faceit.match_log import Series
from sandbox.faults import Faults
from sandbox.server import serve
from sandbox.world import World
from tests.sandbox.conftest import AUTHORIZED
from warehouse.model.source import Page, Parsed

_OBSERVED_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)

ApiRequest = tuple[str, str, dict[str, Any]]


def _requests(api: httpx.Client, players: list[str], series: Series) -> Iterator[ApiRequest]:
    """Endpoint, path and parameters of all requests that the ingestion makes."""
    for player in players:
        of_player = {"player_id": player}
        yield "player", f"/players/{player}", of_player
        yield "player_bans", f"/players/{player}/bans", of_player
        for offset in (0, 100):
            yield "player_history", f"/players/{player}/history?game=cs2&limit=100&offset={offset}", of_player
            path = f"/players/{player}/games/cs2/stats?limit=100&offset={offset}"
            yield "player_match_stats", path, {**of_player, "game": "cs2"}
        if api.get(f"/players/{player}/stats/cs2").status_code == 200:
            yield "player_stats", f"/players/{player}/stats/cs2", {**of_player, "game": "cs2"}
    for match_id in series.match_id[::3].tolist():
        yield "match", f"/matches/{match_id}", {"match_id": match_id}
        yield "match_stats", f"/matches/{match_id}/stats", {"match_id": match_id}
    for game in ("cs2", "dota2"):
        for region in ("EU", "NA"):
            path = f"/rankings/games/{game}/regions/{region}?limit=100"
            yield "ranking", path, {"game_id": game, "region": region}


def _parse(api: httpx.Client, endpoint: str, path: str, params: dict[str, Any]) -> Parsed:
    response = api.get(path)
    return SOURCE.endpoints[endpoint].parse(
        Page(endpoint, path, params, response.status_code, _OBSERVED_AT, response.content)
    )


def test_every_response_is_parsed_without_reject_and_without_drift():
    rows: dict[str, int] = {}
    world = World(seed=7, players=40, days=25)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as api:
        faceit = sandbox.faceit.world
        scene = faceit.scene
        requests = list(_requests(api, faceit.suggested_players(24), faceit.history.series))
        for one in scene.hubs:
            of_hub = {"hub_id": one.competition_id}
            requests.append(("hub", f"/hubs/{one.competition_id}", of_hub))
            requests.append(("hub_matches", f"/hubs/{one.competition_id}/matches?limit=100", of_hub))
            requests.append(("hub_members", f"/hubs/{one.competition_id}/members?limit=50", of_hub))
        for one in scene.championships:
            of_championship = {"championship_id": one.competition_id}
            path = f"/championships/{one.competition_id}"
            requests.append(("championship", path, of_championship))
            requests.append(("championship_matches", f"{path}/matches?limit=100", of_championship))
        assert {endpoint for endpoint, _, _ in requests} == set(SOURCE.endpoints)
        for endpoint, path, params in requests:
            parsed = _parse(api, endpoint, path, params)
            assert (parsed.rejects, dict(parsed.drift)) == ([], {}), path
            for table, frame in parsed.frames.items():
                rows[table] = rows.get(table, 0) + frame.height
    assert {table: count for table, count in rows.items() if count == 0} == {}
    assert set(rows) == {table.name for table in SOURCE.tables}


@pytest.mark.parametrize("path", ["history?game=cs2&limit=100", "games/cs2/stats?limit=100"])
def test_a_malformed_field_loses_only_itself_and_its_record_only_if_it_is_part_of_the_key(path: str):
    endpoint = "player_history" if "history" in path else "player_match_stats"
    world = World(seed=7, players=30, days=30)
    with (
        serve(world, faults=Faults(malformed=0.2)) as sandbox,
        httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as api,
    ):
        player = sandbox.faceit.world.suggested_players(1)[0]
        wrong, right = (
            _parse(api, endpoint, f"/players/{player}/{path}", {"player_id": player, "game": "cs2"}) for _ in range(2)
        )
        table = SOURCE.endpoints[endpoint].tables[0].name
        malformed_fields = Counter(one.field for one in sandbox.faceit.fault_injector.malformed)
        in_key = {"Match Round"} & malformed_fields.keys()
        assert len(wrong.rejects) == sum(malformed_fields[name] for name in in_key)
        assert sorted(len(places) for places in wrong.field_rejects.values()) == sorted(
            count for name, count in malformed_fields.items() if name not in in_key
        )
        assert len(malformed_fields) > 1
        assert (right.rejects, right.field_rejects) == ([], {})
        assert wrong.frames[table].height + len(wrong.rejects) == right.frames[table].height
