"""Pasted identifiers are parsed in every form; any other text is refused with the accepted forms."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.sources.faceit import selection as faceit_selection
from ingestion.sources.faceit.identifiers import parse_identifier as faceit
from ingestion.sources.opendota import selection as opendota_selection
from ingestion.sources.opendota.selection import parse_identifier as opendota
from ingestion.sync.identifiers import Nickname, SteamAccount, clean_text, parse_web_address, printable
from warehouse.core.errors import ConfigurationError

UUID = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"
MATCH = "1-bb13fd78-e183-4d37-8a4b-ceed67da5265"
BASE = 76561197960265728
ACCOUNTS = st.integers(min_value=1, max_value=2**32 - 1)

#: Invisible changes that copying makes to a text.
DECORATIONS: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: f"  {text}\n",
    lambda text: f"\u200e{text}\u200f",
    lambda text: f"\ufeff{text}\u200b",
    lambda text: f"\u00a0{text}\u3000",
    lambda text: f'"{text}"',
    lambda text: f"' {text} '",
    lambda text: f"`{text}`",
    lambda text: f"<{text}>",
    lambda text: f"\u201c{text}\u201d",
    lambda text: f"\u00ab\u00a0{text}\u00a0\u00bb",
    lambda text: f'\u200d"\u200c{text}"',
    lambda text: f"{text},",
]
#: Spellings of the same id.
SPELLINGS: list[Callable[[str], str]] = [
    lambda text: text,
    str.lower,
    str.upper,
    lambda text: "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in text),
    lambda text: text.translate({ord(str(digit)): 0x660 + digit for digit in range(10)}),
    "\u2066".join,
]
DECORATED = st.tuples(st.sampled_from(DECORATIONS), st.sampled_from(SPELLINGS))
#: Web addresses of a page, given its path.
ADDRESSES = st.tuples(
    st.sampled_from(["https://", "http://", "HTTPS://", "//", ""]),
    st.sampled_from(["www.", "", "WWW."]),
    st.sampled_from(["", "/", "/matches", "/stats/cs2", "/?hero_id=1&x=a/b", "?ref=search", "#top", "/overview#"]),
)
#: Nicknames in any script that a site may allow.
NICKNAMES = st.text(
    st.characters(categories=("L", "N", "M", "Po", "So", "Pd"), exclude_characters="/\\,;"), min_size=1, max_size=20
).filter(
    lambda name: (
        clean_text(name) == name
        and isinstance(_parse_or_error(faceit, "player", name), Nickname)
        and name not in (".", "..")
        and not name.lower().startswith("www.")
    )
)


def _parse_or_error(parse: Callable[[str, str], object], kind: str, text: str) -> object:
    try:
        return parse(kind, text)
    except ConfigurationError as error:
        return error


def steam_forms(account: int) -> list[str]:
    low, high = account % 2, account // 2
    return [
        str(BASE + account),
        f"STEAM_0:{low}:{high}",
        f"STEAM_1:{low}:{high}",
        f"[U:1:{account}]",
        f"U:1:{account}",
        f"https://steamcommunity.com/profiles/{BASE + account}",
        f"https://steamcommunity.com/profiles/[U:1:{account}]/",
        f"steamcommunity.com/profiles/{BASE + account}/home/",
    ]


@given(ACCOUNTS, st.data())
@settings(deadline=None)
def test_a_steam_id_is_the_same_account_in_every_form(account: int, data: st.DataObject) -> None:
    decorate, spell = data.draw(DECORATED)
    form = data.draw(st.sampled_from(steam_forms(account)))
    text = decorate(form if "://" in form else spell(form))
    assert opendota("player", text) == str(account)
    assert faceit("player", text) == SteamAccount(account)


@given(ACCOUNTS, st.sampled_from(["opendota.com", "dotabuff.com", "stratz.com"]), ADDRESSES, st.data())
@settings(deadline=None)
def test_the_address_of_a_player_is_that_account(
    account: int, site: str, address: tuple[str, str, str], data: st.DataObject
) -> None:
    scheme, host, behind = address
    decorate = data.draw(st.sampled_from(DECORATIONS))
    text = decorate(f"{scheme}{host}{site}/players/{account}{behind}")
    assert opendota("player", text) == str(account)
    assert faceit("player", text) == SteamAccount(account)


@given(st.integers(min_value=1, max_value=2**63 - 1), st.sampled_from(["match", "team", "league"]), st.data())
@settings(deadline=None)
def test_a_match_a_team_or_a_league_is_its_number_or_its_address(number: int, kind: str, data: st.DataObject) -> None:
    decorate, spell = data.draw(DECORATED)
    assert opendota(kind, decorate(spell(str(number)))) == str(number)
    scheme, host, behind = data.draw(ADDRESSES)
    site = data.draw(st.sampled_from(["opendota.com", "dotabuff.com", "stratz.com"]))
    part = {"match": "matches", "team": "teams", "league": "leagues"}[kind]
    before = data.draw(st.sampled_from(["", "esports/", "en/", "api/"]))
    name = data.draw(st.sampled_from(["", "-some-name", "-7-up"]))
    assert opendota(kind, decorate(f"{scheme}{host}{site}/{before}{part}/{number}{name}{behind}")) == str(number)


@given(NICKNAMES, ADDRESSES, st.data())
@settings(deadline=None)
def test_a_nickname_is_read_from_its_address_in_any_script(
    nickname: str, address: tuple[str, str, str], data: st.DataObject
) -> None:
    scheme, host, behind = address
    decorate = data.draw(st.sampled_from(DECORATIONS[:-1]))
    assert faceit("player", decorate(nickname)) == Nickname(nickname)
    language = data.draw(st.sampled_from(["", "en/", "ru/", "pt-br/"]))
    part = data.draw(st.sampled_from(["players", "players-modal"]))
    text = f"{scheme}{host}faceit.com/{language}{part}/{quote(nickname, safe='')}{behind}"
    assert faceit("player", data.draw(st.sampled_from(DECORATIONS))(text)) == Nickname(nickname)


@pytest.mark.parametrize(
    "name",
    ["Тихий Дом", "shorty", "a b", "山田太郎", "x-_-x", "s1mple.", "\u0645\u06cc\u200c\u062e", "👨‍👩‍👧", "3", "١٢٣"],
)
def test_a_nickname_stays_as_it_is_written(name: str) -> None:
    assert faceit("player", name) == Nickname(name)


@pytest.mark.parametrize(
    ("kind", "text", "id_"),
    [
        ("player", UUID.upper(), UUID),
        ("player", f"https://www.faceit.com/en/players/{UUID}", UUID),
        ("player", f"https://open.faceit.com/data/v4/players/{UUID}", UUID),
        ("match", MATCH, MATCH),
        ("match", MATCH.replace("-", "\u2011"), MATCH),
        ("match", f"https://www.faceit.com/en/cs2/room/{MATCH}", MATCH),
        ("match", f"www.faceit.com/de/csgo/room/{MATCH.upper()}/scoreboard?x=1", MATCH),
        ("hub", f"https://www.faceit.com/en/hub/{UUID}/My%20Hub", UUID),
        ("hub", f"faceit.com/hub/{UUID}", UUID),
        ("championship", f"https://www.faceit.com/en/championship/{UUID}/ESEA%20S50/overview", UUID),
    ],
)
def test_a_faceit_id_is_read_from_its_address(kind: str, text: str, id_: str) -> None:
    assert faceit(kind, text) == id_


@pytest.mark.parametrize(
    ("parse", "kind", "text", "expected"),
    [
        (opendota, "player", "https://steamcommunity.com/id/gabelogannewell", "Steam's API"),
        (faceit, "player", "https://steamcommunity.com/id/gabelogannewell/", "Steam's API"),
        (opendota, "player", "https://www.faceit.com/en/players/shorty", "a player at FACEIT"),
        (opendota, "player", "https://www.opendota.com/matches/8100000000", "a match at OpenDota"),
        (opendota, "match", "https://www.dotabuff.com/players/101695162", "a player at Dotabuff"),
        (faceit, "player", f"https://www.faceit.com/en/cs2/room/{MATCH}", "a match at FACEIT"),
        (faceit, "hub", f"https://www.faceit.com/en/championship/{UUID}/x", "a championship at FACEIT"),
        (faceit, "match", "https://www.opendota.com/matches/8100000000", "a match at OpenDota"),
        (faceit, "player", "https://www.faceit.com/en/home", "is an address at FACEIT, not of a player"),
        (faceit, "player", "https://steamcommunity.com/groups/valve", "a group at Steam"),
        (faceit, "player", "https://faceit.com.example.org/en/players/shorty", "a nickname"),
        (faceit, "player", "https://evilfaceit.com/en/players/shorty", "a nickname"),
        (faceit, "player", "http://[half", "a nickname"),
        (faceit, "player", "STEAM_0:2:5", "STEAM_0:y:z"),
        (faceit, "player", "STEAM_0:1:2147483648", "STEAM_0:y:z"),
        (faceit, "player", "[U:1:4294967296]", "[U:1:n]"),
        (faceit, "player", "[G:1:4]", "[U:1:n]"),
        (faceit, "player", "two\nlines", "two\\nlines"),
        (faceit, "player", "caf\udce9", "caf\\udce9"),
        (faceit, "player", "x" * 65, "a nickname"),
        (faceit, "player", "", "an empty text"),
        (faceit, "player", "\u200b \u200e", "a nickname"),
        (faceit, "match", "8100000000", "1-<UUID>"),
        (opendota, "player", "shorty", "an account id"),
        (opendota, "player", "0", "an account id"),
        (opendota, "player", str(BASE), "an account id"),
        (opendota, "player", str(BASE + 2**32), "an account id"),
        (opendota, "player", "103582791429521412", "an account id"),
        (opendota, "team", "15-team", "a number"),
        (opendota, "match", "0" * 5000, "a number"),
        (opendota, "match", str(2**63), "a number"),
    ],
)
def test_an_invalid_identifier_is_refused_with_the_accepted_forms(
    parse: Callable[[str, str], object], kind: str, text: str, expected: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse(kind, text)
    assert expected in str(refused.value)
    assert "use " in refused.value.hint
    assert str(refused.value).isprintable()
    assert "address" in refused.value.hint
    assert ("64 bits" in refused.value.hint) == (kind == "player")


ODD = st.one_of(
    st.text(),
    st.text(st.characters(codec=None)),
    st.from_regex(r"(https?://)?(www\.)?[a-z]{0,8}\.?(faceit|opendota|steamcommunity)\.com/.{0,40}"),
    st.from_regex(r"\[?(STEAM_\d|U):\d+:?\d*\]?"),
    st.from_regex(r"(//)?\[.*"),
)


@given(ODD, st.sampled_from(faceit_selection.KINDS), st.sampled_from(opendota_selection.KINDS))
@settings(deadline=None)
def test_any_text_is_an_id_a_name_or_an_error_of_one_line(text: str, faceit_kind: str, opendota_kind: str) -> None:
    for parse, kind, is_id in (
        (faceit, faceit_kind, faceit_selection.is_id),
        (opendota, opendota_kind, opendota_selection.is_id),
    ):
        named = _parse_or_error(parse, kind, text)
        if isinstance(named, ConfigurationError):
            assert str(named).isprintable()
        elif isinstance(named, Nickname):
            assert kind == "player"
            assert named.text == clean_text(named.text) != ""
            named.text.encode()
        elif isinstance(named, str):
            assert is_id(kind, named)
        else:
            assert isinstance(named, SteamAccount)
            assert 0 < named.number < 2**32


@given(st.text())
@settings(deadline=None)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.text(st.characters(codec=None)))
@settings(deadline=None)
def test_an_escaped_text_can_be_written_to_any_terminal(text: str) -> None:
    assert printable(text).isprintable()
    printable(text).encode()


def test_a_name_that_only_looks_like_a_site_is_a_name() -> None:
    assert parse_web_address("faceit.com") is None
    assert faceit("player", "stratz.com") == Nickname("stratz.com")
