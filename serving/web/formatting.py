"""Formats values for people: rates, counts, dates, names of games, leaderboards, ladders and brackets."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

from markupsafe import Markup

from serving.endpoints.contracts import GAME_NAMES
from serving.web.ranks import medal_name

__all__ = ["FILTERS"]

_MISSING = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_LADDERS = {
    "dota2_rank_tier": "medal",
    "dota2_solo_mmr": "solo MMR",
    "dota2_party_mmr": "party MMR",
    "faceit_elo": "FACEIT elo",
}
_LEADERBOARDS = {
    "win_rate": "Win rate",
    "win_rate_30d": "Win rate, 30 days",
    "rank": "Rank",
    "elo": "FACEIT elo",
    "hltv_rating": "HLTV rating 1.0",
    "matches": "Matches played",
}
_SCORES = {
    "win_rate": "win rate, at least",
    "win_rate_30d": "win rate, at least",
    "rank": "medal",
    "elo": "elo",
    "hltv_rating": "mean rating",
    "matches": "matches",
}
_METRICS = {
    "kda": "KDA",
    "kd_ratio": "K/D",
    "adr": "Damage per round",
    "gold_per_min": "Gold per minute",
    "xp_per_min": "Experience per minute",
    "last_hits_per_min": "Last hits per minute",
    "hero_damage_per_min": "Hero damage per minute",
    "headshot_share": "Headshot share",
    "hltv_rating_1": "HLTV rating 1.0",
}
_PERIODS = {"all": "All time", "30d": "30 days", "7d": "7 days"}


def percent(value: float | None, digits: int = 1) -> str:
    """A share from 0 to 1 in percent."""
    return _MISSING if value is None else f"{value * 100:.{digits}f}%"


def bounds(low: float | None, high: float | None) -> str:
    """An interval of shares in percent."""
    return _MISSING if low is None or high is None else f"{low * 100:.1f} to {high * 100:.1f}%"


def change(value: float | None) -> str:
    """A difference of shares in percentage points, with a sign."""
    return _MISSING if value is None else signed(round(value * 100, 1), 1)


def change_bounds(low: float | None, high: float | None) -> str:
    """An interval of differences in percentage points."""
    return _MISSING if low is None or high is None else f"{change(low)} to {change(high)}"


def signed(value: float | None, digits: int = 0) -> str:
    """A number with its sign; zero has no sign."""
    if value is None:
        return _MISSING
    text = f"{abs(value):,.{digits}f}"
    if not text.strip("0.,"):
        return text
    return f"{'+' if value > 0 else _MINUS}{text}"


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return _MISSING if value is None else f"{value:,.0f}"


def decimal(value: float | None, digits: int = 2) -> str:
    """A number with a fixed number of decimals."""
    return _MISSING if value is None else f"{value:,.{digits}f}"


def day(value: str | date | None) -> str | Markup:
    """A date, such as 2 Jan 2026."""
    if value is None:
        return _MISSING
    at = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return _time(at.isoformat(), f"{at.day} {at:%b %Y}")


def timestamp(value: str | datetime | None) -> str | Markup:
    """A time in UTC, to the minute."""
    if value is None:
        return _MISSING
    at = _parse_timestamp(value)
    return _time(at.isoformat(timespec="seconds"), f"{at.day} {at:%b %Y}, {at:%H:%M} UTC")


def age(value: str | datetime | None, now: datetime | None = None) -> str:
    """Time since a timestamp, in its largest unit."""
    if value is None:
        return _MISSING
    seconds = max(0, int(((now or datetime.now(UTC)) - _parse_timestamp(value)).total_seconds()))
    return duration(seconds)


def duration(seconds: int) -> str:
    """A duration in its largest unit."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds // size} {name}{'' if seconds // size == 1 else 's'}"
    return "less than a minute"


def minutes_seconds(seconds: int | None) -> str:
    """A duration as minutes and seconds."""
    return _MISSING if seconds is None else f"{seconds // 60}:{seconds % 60:02d}"


def game(name: str) -> str:
    """A game's name."""
    return GAME_NAMES.get(name, name)


def ladder(name: str) -> str:
    """A ladder's name."""
    return _LADDERS.get(name, _humanize(name))


def leaderboard(name: str) -> str:
    """A leaderboard's name without its game."""
    return _LEADERBOARDS.get(_without_game(name), _humanize(_without_game(name)))


def score_name(name: str) -> str:
    """The name of a leaderboard's score."""
    return _SCORES.get(_without_game(name), "score")


def score(value: float | None, name: str) -> str:
    """A leaderboard's score."""
    kind = _without_game(name)
    if kind.startswith("win_rate"):
        return percent(value)
    if kind == "hltv_rating":
        return decimal(value)
    if kind == "rank" and value is not None:
        # The fraction orders players of the highest rank by their place on the official leaderboard.
        return medal_name(math.floor(value))
    return count(value)


def bracket(name: str) -> str:
    """A rank bracket's name."""
    return "All brackets" if name == "all" else _humanize(name)


def metric(name: str) -> str:
    """A metric's name."""
    return _METRICS.get(name, _humanize(name))


def metric_value(value: float | None, name: str) -> str:
    """A metric's value."""
    return percent(value) if name in ("win_rate", "headshot_share") else decimal(value)


def mode(name: str) -> str:
    """A mode's name next to a result."""
    return "another mode" if name == "other" else name


def period(name: str) -> str:
    """A period's name."""
    return _PERIODS.get(name, name)


def map_name(name: str | None) -> str:
    """A map's name, derived from its id."""
    if name is None:
        return "unknown"
    return name.removeprefix("de_").replace("_", " ").capitalize()


def player(row: dict[str, object]) -> str:
    """A player's name: the display name, or the id."""
    return str(row.get("display_name") or row.get("player_id"))


def character(row: dict[str, object]) -> str:
    """A character's name."""
    if row.get("character_id") == "0":
        return "unknown"
    return str(row.get("character_name") or f"no. {row.get('character_id')}")


def _without_game(name: str) -> str:
    return name.partition("_")[2] or name


def _humanize(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _parse_timestamp(value: str | datetime) -> datetime:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.astimezone(UTC)


def _time(iso: str, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(iso, text)


FILTERS = {
    function.__name__: function
    for function in (
        age,
        leaderboard,
        bounds,
        bracket,
        change,
        change_bounds,
        character,
        minutes_seconds,
        count,
        day,
        decimal,
        game,
        ladder,
        map_name,
        metric_value,
        metric,
        mode,
        timestamp,
        percent,
        period,
        player,
        score,
        score_name,
        signed,
        duration,
    )
}
"""Template filters by name."""
