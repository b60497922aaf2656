"""`ladder demo`: runs the whole warehouse on simulated sources and shows responses of its API."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import typer

from orchestration.cli.run import execute_run
from orchestration.cli.simulation import Simulation, days_shown, record_days
from orchestration.cli.terminal import RunView, console, errors, table, warn
from orchestration.warehouse_access import Warehouse, open_warehouse
from orchestration.worker.client import Run
from serving.run import background
from warehouse.core.errors import LadderError
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.ops import state

__all__ = ["run_demo"]

_BARS = "▁▂▃▄▅▆▇█"
_LADDER = "dota2_rank_tier"
_TIMEOUT_S = 30.0
#: With fewer matches a win rate is mostly noise.
_ENOUGH_MATCHES = 10


def run_demo(players: int, simulated: Simulation) -> None:
    """Run the pipeline in the demo's own home and show responses of the API. Each further run is one day later.

    Args:
        players: number of tracked players of OpenDota; a quarter as many are tracked of FACEIT.
        simulated: the simulated sources.

    Raises:
        LadderError: a process did not start.
    """
    home = load_settings().home / "demo"
    days = days_shown(home)
    started = time.monotonic()
    with errors.status("building a simulated world"):
        simulated.advance(days)
    record_days(home, days)
    _use_demo_environment(home, simulated.environment)
    settings = load_settings()
    with open_warehouse(settings) as warehouse:
        tracked = _track(warehouse, simulated, players)
        view = RunView()
        errors.print(f"simulated sources, day {days + 1}: {tracked}, home {home}")
        with view.shown():
            done = execute_run(settings, Run(), view)
        if done.is_cancelled:
            raise KeyboardInterrupt
        for line in dict.fromkeys([*view.failures, *done.errors]):
            warn(line)
        if not done.is_ok:
            raise typer.Exit(1)
        record_days(home, days + 1)
        errors.print(
            f"pipeline: {time.monotonic() - started:.1f} s, {view.requests} requests, {view.changed} rows changed",
        )
        with (
            background(settings, warehouse.url("serving"), warehouse.servers.redis_url) as api,
            httpx.Client(base_url=f"{api}/api/v1", timeout=_TIMEOUT_S) as client,
        ):
            _show(client)
    _suggest(home)


def _use_demo_environment(home: Path, environment: Mapping[str, str]) -> None:
    """Replace all `LADDER_*` variables, which may belong to a real warehouse."""
    for name in [name for name in os.environ if name.startswith("LADDER_")]:
        del os.environ[name]
    os.environ.update(environment, LADDER_HOME=str(home))


def _track(warehouse: Warehouse, simulated: Simulation, players: int) -> str:
    """Track players of each source, and return their numbers as text."""
    counts_by_source = {"opendota": ("players", players), "faceit": ("faceit/players", max(1, players // 4))}
    counts = []
    with connect(warehouse.url("ingest")) as connection:
        for source, (name, count) in counts_by_source.items():
            found = httpx.get(simulated.control(name), params={"count": count}, timeout=_TIMEOUT_S).json()
            state.track(connection, source, "player", [str(player) for player in found])
            counts.append(f"{len(found)} players of {source}")
    return f"{' and '.join(counts)} tracked"


def _show(client: httpx.Client) -> None:
    board = _get(client, "/leaderboards/dota2_win_rate", limit=10)
    console.print("\nLeaderboard: players by the lower bound of their win rate's 95% interval", style="bold")
    shown = table(
        ["rank", "player", "matches", "won", "win rate", "score"],
        numbers=["rank", "matches", "won", "win rate", "score"],
    )
    for row in board:
        name = row["display_name"] or row["player_id"]
        shown.add_row(
            str(row["rank"]),
            name,
            str(row["matches"]),
            str(row["wins"]),
            _percent(row["win_rate"]),
            _percent(row["score"]),
        )
    console.print(shown)
    _show_progression(client, board)
    _show_trends(client)
    _show_elos(client)


def _show_progression(client: httpx.Client, board: Sequence[dict[str, Any]]) -> None:
    """The rank of the first player on the board who has one."""
    for player in board:
        rows = _get(client, f"/players/dota2/{player['player_id']}/rank-progression", ladder=_LADDER)
        values = [row["rank_value"] for row in rows if row["rank_value"] is not None]
        if values:
            newest = rows[-1]
            names = {row["rank_value"]: row["rank_name"] for row in rows}
            console.print(
                f"\nRank of {player['display_name'] or player['player_id']} from {rows[0]['observed_date']} "
                f"to {newest['observed_date']}: now {newest['rank_name']}, peak {names[newest['peak_rank_value']]}",
            )
            console.print(_sparkline(values))
            return


def _show_trends(client: httpx.Client) -> None:
    rows = _get(client, "/heroes/meta-trends", window_days=30, rank_bracket="all")
    rows = [row for row in rows if min(row["matches"], row["matches_before"]) >= _ENOUGH_MATCHES]
    rows.sort(key=lambda row: float(row["win_rate_change"]), reverse=True)
    console.print("\nHeroes: win rate over 30 days, against the 30 days before", style="bold")
    shown = table(
        ["hero", "matches", "win rate", "before", "change", "pick rate"],
        numbers=["matches", "win rate", "before", "change", "pick rate"],
    )
    for row in [*rows[:5], *rows[-5:]]:
        shown.add_row(
            str(row["character_name"] or row["character_id"]),
            str(row["matches"]),
            _percent(row["win_rate"]),
            _percent(row["win_rate_before"]),
            f"{float(row['win_rate_change']) * 100:+.1f}",
            _percent(row["pick_rate"]),
        )
    console.print(shown)


def _show_elos(client: httpx.Client) -> None:
    console.print("\ncs2 on FACEIT: players by elo, with their results", style="bold")
    shown = table(
        ["rank", "player", "elo", "matches", "won", "win rate"], numbers=["rank", "elo", "matches", "won", "win rate"]
    )
    for row in _get(client, "/leaderboards/cs2_elo", limit=5):
        shown.add_row(
            str(row["rank"]),
            row["display_name"] or row["player_id"],
            str(int(float(row["score"]))),
            str(row["matches"]),
            str(row["wins"]),
            _percent(row["win_rate"]),
        )
    console.print(shown)


def _get(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    response = client.get(path, params=query)
    if response.status_code != 200:
        raise LadderError(
            f"the API responded with {response.status_code} to {path}: {response.text[:200]}", "see logs/api.log"
        )
    rows: list[dict[str, Any]] = response.json()["data"]
    return rows


def _sparkline(values: Sequence[float], width: int = 60) -> str:
    """Values as bars, evenly sampled to a width."""
    step = max(1.0, len(values) / width)
    shown = [values[int(position * step)] for position in range(min(width, len(values)))]
    low, high = min(shown), max(shown)
    span = (high - low) or 1
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in shown)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{float(value) * 100:.1f}%"


def _suggest(home: Path) -> None:
    ladder = "ladder" if shutil.which("ladder") else _relative(Path(sys.argv[0]))
    variable = f"LADDER_HOME={_relative(home)}"
    console.print("\nNext steps", style="bold")
    console.print(f"  {ladder} demo  # one day later, incremental")
    for command in ('query "table player_win_rates"', "status", "psql", "up"):
        console.print(f"  {variable} {ladder} {command}")
    console.print(f"  {ladder} track opendota player 101695162 && {ladder} run  # the real OpenDota")


def _relative(path: Path) -> str:
    """A path relative to the working directory, if it is inside of it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
