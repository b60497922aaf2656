"""A player is looked up by a nickname in any case, or by a Steam account in any game; no other player is returned."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from ingestion.errors import BlockedError, UnknownPlayer, UnusableResponse, WrongKeyError
from ingestion.sources.faceit.connector import CONNECTOR
from ingestion.sync.connector import FoundPlayer
from ingestion.sync.identifiers import Nickname, SteamAccount
from sandbox.server import Sandbox
from tests.ingestion.scripted_server import Reply, scripted
from tests.ingestion.sources.faceit.conftest import QUICK, UNLIMITED, Warehouse
from warehouse.core.errors import LadderError

NOT_FOUND = Reply(404, b'{"errors":[{"message":"The resource was not found.","code":"err_nf0","http_status":404}]}')


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def player(number: int, nickname: str) -> dict[str, str]:
    return {"player_id": uuid(number), "nickname": nickname}


def find_players(
    warehouse: Warehouse, wanted: list[Nickname | SteamAccount], responses: dict[str, object]
) -> tuple[list[FoundPlayer | LadderError], list[str]]:
    """Results and requested paths; responses by nickname, by game and account, or by `search` and nickname."""

    def respond(path: str, times: int) -> Reply:
        url = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        key = query.get("nickname", f"{query.get('game')} {query.get('game_player_id')}")
        if url.path.startswith("/api/rankings/"):
            key = "open"
        found = responses.get(f"search {key}" if url.path.endswith("/search/players") else key, NOT_FOUND)
        if isinstance(found, list):
            start, limit = int(query["offset"]), int(query["limit"])
            found = {"items": found[start : start + limit], "start": start, "end": start + limit}
        reply = found if isinstance(found, Reply) else Reply(body=msgspec.json.encode(found))
        return Reply(reply.status, reply.body, UNLIMITED)

    async def scenario() -> tuple[list[FoundPlayer | LadderError], list[str]]:
        results: list[FoundPlayer | LadderError] = []
        async with scripted(respond) as server:
            there = warehouse.at(server.url)
            opening = CONNECTOR.open_context(there.settings, there.url, there.lake, retry_policy=QUICK)
            async with opening as context:
                for each in wanted:
                    assert CONNECTOR.find_player is not None
                    try:
                        results.append(await CONNECTOR.find_player(context, each))
                    except LadderError as error:
                        results.append(error)
            return results, [path.removeprefix("/api") for path in server.requests]

    return asyncio.run(scenario())


def test_a_nickname_finds_its_exact_player_or_the_only_one_in_another_case(warehouse: Warehouse) -> None:
    many = [player(number, f"longer-name-{number}") for number in range(150)]
    responses: dict[str, object] = {
        # An exact match, although another player has the name in another case.
        "shorty": player(1, "shorty"),
        "search shorty": [player(2, "Shorty"), player(1, "shorty")],
        # In another case: a match anywhere in the search results.
        "search тихий дом": [*many, player(3, "Тихий Дом")],
        # Only the search returns the exact spelling.
        "search Flint": [player(5, "FLINT"), player(4, "Flint")],
        # A match in another case is checked for further players.
        "MARROW": player(6, "Marrow"),
        "search MARROW": [player(6, "Marrow"), player(7, "MarrowX")],
        "GRAVEL": player(8, "Gravel"),
        "search GRAVEL": [player(8, "Gravel"), player(9, "gravel")],
        # A former name of a player.
        "old": player(10, "new"),
        # One player twice counts once.
        "search twice": [player(11, "Twice"), player(11, "Twice")],
        "search sAME": [player(12, "Same"), player(13, "SAME"), player(14, "Samesame")],
        "search nobody": [player(15, "nobody1"), player(16, "Nobody_")],
        # One name has composed letters, the other decomposed ones.
        "search Zoë": [player(17, "Zoe\u0308")],
    }
    names = [
        "shorty",
        "тихий дом",
        "Flint",
        "MARROW",
        "old",
        "twice",
        "Zoë",
        "GRAVEL",
        "sAME",
        "nobody",
        "a?b",
        "101695162",
    ]
    responses["a?b"] = responses["search a?b"] = Reply(400, b'{"errors":[{"message":"bad nickname"}]}')
    results, requested = find_players(warehouse, [Nickname(name) for name in names], responses)
    assert results[:7] == [
        FoundPlayer(uuid(number), nickname)
        for number, nickname in [
            *[(1, "shorty"), (3, "Тихий Дом"), (4, "Flint"), (6, "Marrow"), (10, "new"), (11, "Twice")],
            (17, "Zoe\u0308"),
        ]
    ]
    assert [type(error) for error in results[7:]] == [UnknownPlayer] * 5
    for ambiguous, candidates in ((results[7], {8: "Gravel", 9: "gravel"}), (results[8], {12: "Same", 13: "SAME"})):
        for number, nickname in candidates.items():
            assert f"{nickname} ({uuid(number)})" in str(ambiguous)
    assert "Samesame" not in str(results[8])
    assert "nickname nobody" in str(results[9])
    assert "nickname a?b" in str(results[10])
    assert "[U:1:101695162]" in str(results[11])
    assert [path for path in requested if "shorty" in path] == ["/players?nickname=shorty"]


def test_a_steam_account_is_looked_up_in_each_game_in_the_form_of_the_game(warehouse: Warehouse) -> None:
    responses: dict[str, object] = {
        f"cs2 {SteamAccount(1).id64}": player(1, "plays cs2"),
        f"csgo {SteamAccount(2).id64}": player(2, "played csgo"),
        "dota2 [U:1:3]": player(3, "plays dota2"),
    }
    results, requested = find_players(warehouse, [SteamAccount(number) for number in (1, 2, 3, 4)], responses)
    found = [FoundPlayer(uuid(number), nickname) for number, nickname in ((1, "plays cs2"), (2, "played csgo"))]
    assert results[:3] == [*found, FoundPlayer(uuid(3), "plays dota2")]
    assert isinstance(results[3], UnknownPlayer)
    assert "[U:1:4] (76561197960265732)" in str(results[3])
    assert len(requested) == 1 + 2 + 3 + 3


def test_an_invalid_response_is_no_player(warehouse: Warehouse) -> None:
    responses: dict[str, object] = {
        "list": Reply(body=b"[]"),
        "id": {"player_id": "none", "nickname": "id"},
        "nothing": {},
        "refused": Reply(401, b'{"message":"Unauthorized"}'),
        "open": Reply(401, b'{"message":"Unauthorized"}'),
        "search broken": {"items": [None, 3, {"nickname": None}, {"nickname": "BROKEN", "player_id": 7}]},
        "search odd": {"items": None},
        # A refusal in front of the API does not concern the name.
        "blocked": Reply(404, b"<html><title>Attention required</title></html>"),
    }
    names = [Nickname(name) for name in ("refused", "list", "id", "nothing", "broken", "odd", "blocked")]
    results, _ = find_players(warehouse, names, responses)
    kinds = [WrongKeyError, *[UnusableResponse] * 4, UnknownPlayer, BlockedError]
    assert [type(error) for error in results] == kinds


@pytest.mark.parametrize("odd", [rb"\ud83d", b"\xff", b"\x00", rb"\u0000", b"\x1f"])
def test_odd_characters_in_a_response_hide_no_player(warehouse: Warehouse, odd: bytes) -> None:
    found = b'{"player_id": "%s", "nickname": "%s", "country": "%s"}'
    wanted = found % (uuid(1).encode(), b"Darwin", odd)
    others = found % (uuid(2).encode(), odd + b"darwin", odd)
    responses: dict[str, object] = {
        "Darwin": Reply(body=wanted),
        "search DARWIN": Reply(body=b'{"items": [%s, %s], "start": 0, "end": 100}' % (others, wanted)),
        f"cs2 {SteamAccount(1).id64}": Reply(body=wanted),
    }
    results, _ = find_players(warehouse, [Nickname("Darwin"), Nickname("DARWIN"), SteamAccount(1)], responses)
    assert results == [FoundPlayer(uuid(1), "Darwin")] * 3


def test_null_is_no_player_and_an_id_of_any_type_is_no_crash(warehouse: Warehouse) -> None:
    responses: dict[str, object] = {
        "nobody": None,
        "search twin": [{"player_id": [1], "nickname": "Twin"}, {"player_id": {}, "nickname": "TWIN"}],
    }
    results, _ = find_players(warehouse, [Nickname("nobody"), Nickname("twin")], responses)
    assert [type(error) for error in results] == [UnknownPlayer, UnknownPlayer]


def test_the_simulated_source_finds_all_players_by_account_and_by_name_in_another_case(
    simulated: Warehouse, upstream: Sandbox
) -> None:
    accounts = list(upstream.faceit.world.accounts.by_person.values())[:12]
    assert {len(one.games) for one in accounts} == {1, 2}

    async def scenario() -> list[tuple[FoundPlayer, FoundPlayer]]:
        assert CONNECTOR.find_player is not None
        async with CONNECTOR.open_context(
            simulated.settings, simulated.url, simulated.lake, retry_policy=QUICK
        ) as context:
            return [
                (
                    await CONNECTOR.find_player(context, SteamAccount(one.account_id)),
                    await CONNECTOR.find_player(context, Nickname(one.nickname.swapcase())),
                )
                for one in accounts
            ]

    for one, found in zip(accounts, asyncio.run(scenario()), strict=True):
        assert {each.id for each in found} == {one.player_id}
        assert {each.nickname for each in found} == {one.nickname}
