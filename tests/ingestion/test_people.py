"""Personal fields of responses that no table needs never reach the lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE as OPENDOTA
from tests.warehouse.probe_source import START
from warehouse.lake.files import Lake
from warehouse.model.source import Page, Source

_PERSON = "secret of a person"
_PROFILE = {
    "profile": {
        "account_id": 7,
        "personaname": "A",
        "last_login": _PERSON,
        "profileurl": "https://profiles.example.invalid/7",
        "avatar": _PERSON,
        "avatarmedium": _PERSON,
        "avatarfull": "a.jpg",
        "cheese": 1,
    },
    "aliases": [{"personaname": _PERSON, "name_since": "2020"}],
    "rank_tier": 80,
}
_PLAYER = {
    "player_id": "p",
    "nickname": "A",
    "avatar": "a.jpg",
    "friends_ids": [_PERSON],
    "infractions": {"afk": _PERSON},
    "settings": {"language": _PERSON},
    "cover_image": _PERSON,
    "memberships": [_PERSON],
    "platforms": {"steam": _PERSON},
    "games": {},
}
_ROSTER = [{"player_id": "p", "nickname": "A", "avatar": _PERSON, "faceit_url": _PERSON}]
_MATCH = {"match_id": "1-m", "chat_room_id": _PERSON, "teams": {"faction1": {"roster": _ROSTER, "avatar": _PERSON}}}
_HISTORY = {"items": [{"match_id": "1-m", "teams": {"faction1": {"players": _ROSTER, "avatar": _PERSON}}}]}


@pytest.mark.parametrize(
    ("source", "endpoint", "answer"),
    [
        (OPENDOTA, "player", _PROFILE),
        (OPENDOTA, "match", {"match_id": 1, "players": [{"account_id": 7, "last_login": _PERSON}]}),
        (FACEIT, "player", _PLAYER),
        (FACEIT, "player_history", _HISTORY),
        (FACEIT, "match", _MATCH),
        (FACEIT, "hub_matches", {"items": [_MATCH]}),
        (FACEIT, "championship_matches", {"items": [_MATCH]}),
        (FACEIT, "hub_members", {"items": _ROSTER}),
        (FACEIT, "ranking", {"items": _ROSTER}),
    ],
    ids=lambda value: value.name if isinstance(value, Source) else value if isinstance(value, str) else "",
)
def test_personal_fields_that_no_table_needs_are_removed_before_landing(
    tmp_path: Path, source: Source, endpoint: str, answer: Any
) -> None:
    body = json.dumps(answer).encode()
    params = {"account_id": 7, "match_id": answer.get("match_id"), "player_id": "p"}
    page = Page(endpoint, "/x", params, 200, START, body)
    lake = Lake(tmp_path)
    [landed] = lake.read(lake.land(source, endpoint, [page]))
    assert _PERSON.encode() not in landed.body
    # The tables lose nothing.
    before, after = (source.endpoints[endpoint].parse(each) for each in (page, landed))
    assert {name: frame.rows() for name, frame in after.frames.items()} == {
        name: frame.rows() for name, frame in before.frames.items()
    }
