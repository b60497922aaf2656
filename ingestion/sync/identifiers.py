"""What people paste where an id is wanted: ids in several spellings, and addresses of pages about players and matches.

Nothing here makes a request. What belongs to one source, such as which kinds it has, is in that source's folder.
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
#: Sites that call players, matches, teams and leagues of Dota 2 by the numbers that OpenDota uses too.
DOTA_SITES = ("OpenDota", "Dotabuff", "STRATZ")
#: The ways in which a Steam account is written, for messages.
STEAM_FORMS = "a Steam id (64 bits, STEAM_0:y:z or [U:1:n])"

_DOMAINS = {
    "faceit.com": FACEIT,
    "steamcommunity.com": STEAM,
    "opendota.com": "OpenDota",
    "dotabuff.com": "Dotabuff",
    "stratz.com": "STRATZ",
}
_OF_DOTA = {"players": "player", "matches": "match", "teams": "team", "leagues": "league"}
#: The part of a path that says what the next part names, and the kind of that.
_PARTS: Mapping[str, Mapping[str, str]] = {
    FACEIT: {
        **{"players": "player", "players-modal": "player", "room": "match", "matches": "match", "teams": "team"},
        **{"hub": "hub", "hubs": "hub", "championship": "championship", "championships": "championship"},
    },
    STEAM: {"profiles": "player", "id": "custom name", "groups": "group"},
    **dict.fromkeys(DOTA_SITES, _OF_DOTA),
}

#: A Steam account is a number of 32 bits; its id of 64 bits is the base above it.
MAX_ACCOUNT_ID = 2**32 - 1
_STEAM_ID64_BASE = 76561197960265728
_STEAM2 = re.compile(r"STEAM_[0-5]:([01]):(\d{1,10})", re.IGNORECASE)
_STEAM3 = re.compile(r"\[?U:1:(\d{1,10})\]?", re.IGNORECASE)
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/", re.IGNORECASE)
#: A number, and behind it what a site adds for people to read: `15-team-name`.
_NUMBERED = re.compile(r"(\d+)-.*")

#: Marks that belong together: straight, French, English and German quotes, the brackets around an address in a mail.
_QUOTES = {'"': '"', "'": "'", "`": "`", "<": ">", "\u00ab": "\u00bb", "\u201e": "\u201c"}
_QUOTES |= {"\u2018": "\u2019", "\u201c": "\u201d", "\u2039": "\u203a"}
#: Marks of direction, blanks without width, soft hyphens: no name has them. Joiners stay, which scripts and emoji need.
_INVISIBLE = dict.fromkeys([0xAD, 0x61C, 0x180E, 0x200B, *range(0x200E, 0x2010), *range(0x202A, 0x202F)])
_INVISIBLE |= dict.fromkeys([*range(0x2060, 0x2070), 0xFEFF])
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")


@dataclass(frozen=True, slots=True)
class Nickname:
    """A player's name at a source, which has to be looked up there."""

    text: str


@dataclass(frozen=True, slots=True)
class SteamAccount:
    """A Steam account, by which a source may know a player.

    Args:
        number: its 32 bits, the `account_id` of OpenDota.
    """

    number: int

    @property
    def id64(self) -> str:
        """Its id of 64 bits."""
        return str(_STEAM_ID64_BASE + self.number)

    @property
    def id3(self) -> str:
        """Its form `[U:1:n]`."""
        return f"[U:1:{self.number}]"


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A page on the web.

    Args:
        site: whose page it is, e.g. `Dotabuff`; empty for an address that cannot be read or of another site.
        kind: what it is about, e.g. `player`; empty where its path does not say.
        name: how the path calls that: a number, a nickname, an id.
    """

    site: str
    kind: str = ""
    name: str = ""


def clean_text(text: str) -> str:
    """A text without what copying adds to it: blanks and quotes around it, invisible characters.

    Blanks of other widths become plain ones, and letters have one spelling (Unicode's form C).
    """
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    text = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    stripped = _strip(text)
    while len(stripped) > 1 and _QUOTES.get(stripped[0]) == stripped[-1]:
        stripped = _strip(stripped[1:-1])
    return stripped


def _strip(text: str) -> str:
    """Without blanks and joiners at its ends; there the latter join nothing."""
    return text.strip("\u200c\u200d \t\r\n\v\f\x85\u2028\u2029")


def normalize_identifier(text: str) -> str:
    """A cleaned text as an id: digits of every script and width as 0 to 9, one kind of dash, no comma behind it."""
    text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    digits = (unicodedata.decimal(char, None) for char in text)
    text = "".join(char if digit is None else str(digit) for char, digit in zip(text, digits, strict=True))
    return text.strip().rstrip(",;").rstrip()


def printable(text: str) -> str:
    """A text as a message can show it: on one line, and in characters that any terminal takes."""
    shown = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return "".join(shown)


def parse_whole_number(text: str, maximum: int) -> int | None:
    """The positive whole number that a text is, up to a largest one."""
    text = normalize_identifier(text)
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > len(str(maximum)):
        return None
    return int(digits) if int(digits) <= maximum else None


def parse_steam_account(text: str) -> int | None:
    """The account of 32 bits that a Steam id names: one of 64 bits, `STEAM_0:y:z` or `[U:1:n]`.

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
    """The page whose address a cleaned text is, with or without its scheme; None for what is no address."""
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
    """The message for a text that names nothing that a source could be requested for.

    Args:
        source: name of the source.
        kind: what was wanted.
        text: the text, as it was typed.
        forms: the forms that are taken.
        page: the page whose address it is, where that is about something else.
    """
    shown = printable(text) or "an empty text"
    message = f"{shown} is no {kind} of {source}"
    if page is not None and page.kind == "custom name":
        message = f"{shown} holds a name that a Steam user has chosen, which nothing but Steam's API can resolve"
        forms = f"the address with /profiles/ and a number, or {forms}"
    elif page is not None and page.site:
        about = f"a {page.kind} at {page.site}" if page.kind else f"{page.site}, but of nothing that can be tracked"
        message = f"{shown} is the address of {about}, not of a {kind} of {source}"
    return ConfigurationError(message, f"take {forms}")


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:  # brackets that are no IPv6 address
        return None


def _site(host: str) -> str:
    """Whose host it is, be it `www.`, a language's or a telephone's."""
    for domain, site in _DOMAINS.items():
        if host == domain or host.endswith(f".{domain}"):
            return site
    return ""


def _name(site: str, part: str) -> str:
    found = _NUMBERED.fullmatch(normalize_identifier(part)) if site in DOTA_SITES else None
    return found[1] if found else part
