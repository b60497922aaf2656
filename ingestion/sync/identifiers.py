"""Parsing of identifiers that users paste: ids in several spellings, and web addresses of players, matches and so on.

No function here makes a request. Rules of one source, such as its kinds of entities, are in the source's folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from warehouse.core.errors import ConfigurationError

__all__ = [
    "DOTA_SITES",
    "FACEIT",
    "MAX_ACCOUNT_ID",
    "STEAM",
    "STEAM_FORMS",
    "Nickname",
    "SteamAccount",
    "WebAddress",
    "clean_text",
    "invalid_identifier_error",
    "normalize_identifier",
    "parse_steam_account",
    "parse_web_address",
    "parse_whole_number",
    "printable",
]

FACEIT, STEAM = "FACEIT", "Steam"
#: Sites whose ids of Dota 2 players, matches, teams and leagues are those of OpenDota.
DOTA_SITES = ("OpenDota", "Dotabuff", "STRATZ")
#: The forms of a Steam account's id, for messages.
STEAM_FORMS = "a Steam id (64 bits, STEAM_0:y:z or [U:1:n])"

_DOMAINS = {
    "faceit.com": FACEIT,
    "steamcommunity.com": STEAM,
    "opendota.com": "OpenDota",
    "dotabuff.com": "Dotabuff",
    "stratz.com": "STRATZ",
}
_OF_DOTA = {"players": "player", "matches": "match", "teams": "team", "leagues": "league"}
#: By site: path segments after which an entity's name follows, with the kind of the entity.
_PARTS: Mapping[str, Mapping[str, str]] = {
    FACEIT: {
        **{"players": "player", "players-modal": "player", "room": "match", "matches": "match", "teams": "team"},
        **{"hub": "hub", "hubs": "hub", "championship": "championship", "championships": "championship"},
    },
    STEAM: {"profiles": "player", "id": "custom name", "groups": "group"},
    **dict.fromkeys(DOTA_SITES, _OF_DOTA),
}

#: A Steam account id has 32 bits; the Steam id of 64 bits is the sum of a base and the account id.
MAX_ACCOUNT_ID = 2**32 - 1
_STEAM_ID64_BASE = 76561197960265728
_STEAM2 = re.compile(r"STEAM_[0-5]:([01]):(\d{1,10})", re.IGNORECASE)
_STEAM3 = re.compile(r"\[?U:1:(\d{1,10})\]?", re.IGNORECASE)
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/", re.IGNORECASE)
#: A number, followed by a readable name that the site appends: `15-team-name`.
_NUMBERED = re.compile(r"(\d+)-.*")

#: Pairs of quotes: straight, French, English and German ones, and the brackets around an address in a mail.
_QUOTES = {'"': '"', "'": "'", "`": "`", "<": ">", "\u00ab": "\u00bb", "\u201e": "\u201c"}
_QUOTES |= {"\u2018": "\u2019", "\u201c": "\u201d", "\u2039": "\u203a"}
#: Direction marks, zero-width spaces, soft hyphens: no name has them. Joiners stay; scripts and emoji need them.
_INVISIBLE = dict.fromkeys([0xAD, 0x61C, 0x180E, 0x200B, *range(0x200E, 0x2010), *range(0x202A, 0x202F)])
_INVISIBLE |= dict.fromkeys([*range(0x2060, 0x2070), 0xFEFF])
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")


@dataclass(frozen=True, slots=True)
class Nickname:
    """A player's nickname; the source has to be requested for the player's id."""

    text: str


@dataclass(frozen=True, slots=True)
class SteamAccount:
    """A Steam account of a player.

    Args:
        number: account id of 32 bits, the `account_id` of OpenDota.
    """

    number: int

    @property
    def id64(self) -> str:
        """The Steam id of 64 bits."""
        return str(_STEAM_ID64_BASE + self.number)

    @property
    def id3(self) -> str:
        """The Steam id in the form `[U:1:n]`."""
        return f"[U:1:{self.number}]"


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A parsed web address of an entity.

    Args:
        site: name of the site, e.g. `Dotabuff`; empty for another site or an invalid address.
        kind: kind of the entity, e.g. `player`; empty if the path names none.
        name: name of the entity in the path: a number, a nickname or an id.
    """

    site: str
    kind: str = ""
    name: str = ""


def clean_text(text: str) -> str:
    """Remove characters that copying adds to a text: blanks and quotes around it, invisible characters.

    Other Unicode spaces become plain ones, and letters are normalized to Unicode's form C.
    """
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    text = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    stripped = _strip(text)
    while len(stripped) > 1 and _QUOTES.get(stripped[0]) == stripped[-1]:
        stripped = _strip(stripped[1:-1])
    return stripped


def _strip(text: str) -> str:
    """Remove blanks and joiners at both ends; a joiner there joins nothing."""
    return text.strip("\u200c\u200d \t\r\n\v\f\x85\u2028\u2029")


def normalize_identifier(text: str) -> str:
    """Normalize a cleaned text as an id: ASCII digits in place of those of any script, one kind of dash, no comma."""
    text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    digits = (unicodedata.decimal(char, None) for char in text)
    text = "".join(char if digit is None else str(digit) for char, digit in zip(text, digits, strict=True))
    return text.strip().rstrip(",;").rstrip()


def printable(text: str) -> str:
    """Escape a text for a message: one line of printable characters."""
    shown = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return "".join(shown)


def parse_whole_number(text: str, maximum: int) -> int | None:
    """Parse a positive whole number up to a maximum; None for any other text."""
    text = normalize_identifier(text)
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > len(str(maximum)):
        return None
    return int(digits) if int(digits) <= maximum else None


def parse_steam_account(text: str) -> int | None:
    """Parse a Steam id of 64 bits, `STEAM_0:y:z` or `[U:1:n]`; returns the account id of 32 bits.

    Formulas: https://developer.valvesoftware.com/wiki/SteamID (account = 2z + y; 64 bits = base + account).
    """
    text = normalize_identifier(text)
    if found := _STEAM2.fullmatch(text):
        account = 2 * int(found[2]) + int(found[1])
    elif found := _STEAM3.fullmatch(text):
        account = int(found[1])
    elif id64 := parse_whole_number(text, _STEAM_ID64_BASE + MAX_ACCOUNT_ID):
        account = id64 - _STEAM_ID64_BASE
    else:
        return None
    return account if 0 < account <= MAX_ACCOUNT_ID else None


def parse_web_address(text: str) -> WebAddress | None:
    """Parse a cleaned text as a web address, with or without a scheme; None if it is not an address."""
    if not _SCHEME.match(text):
        if not _HOST.match(text):
            return None
        text = f"//{text}"
    address = _split(text.rstrip(",;"))
    site = _site((address and address.hostname) or "")
    if address is None or not site:
        return WebAddress("")
    parts = [clean_text(unquote(part)) for part in address.path.split("/") if part]
    for place, part in enumerate(parts[:-1]):
        if kind := _PARTS[site].get(part.lower()):
            return WebAddress(site, kind, _name(site, parts[place + 1]))
    return WebAddress(site)


def invalid_identifier_error(
    source: str, kind: str, text: str, forms: str, page: WebAddress | None = None
) -> ConfigurationError:
    """The error for a text that identifies no entity of a kind.

    Args:
        source: title of the source, e.g. `OpenDota`.
        kind: kind of entity.
        text: the text as it was typed.
        forms: the accepted forms.
        page: the parsed web address, if the text is one.
    """
    shown = printable(text) or "an empty text"
    message = f"{shown} is not a valid {source} {kind} id"
    if page is not None and page.kind == "custom name":
        message = f"{shown} contains a custom Steam name, which only Steam's API can resolve"
        forms = f"the address with /profiles/ and a number, or {forms}"
    elif page is not None and page.site:
        entity = f"is the address of a {page.kind} at {page.site}" if page.kind else f"is an address at {page.site}"
        message = f"{shown} {entity}, not of a {kind} at {source}"
    return ConfigurationError(message, f"use {forms}")


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:  # brackets that are not an IPv6 address
        return None


def _site(host: str) -> str:
    """The site of a host name; subdomains, such as `www.` or a language's, count too."""
    for domain, site in _DOMAINS.items():
        if host == domain or host.endswith(f".{domain}"):
            return site
    return ""


def _name(site: str, part: str) -> str:
    found = _NUMBERED.fullmatch(normalize_identifier(part)) if site in DOTA_SITES else None
    return found[1] if found else part
