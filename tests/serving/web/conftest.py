"""Real marts of a simulated world, an API over them, and a browser that can reach only this API."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Route, sync_playwright
from playwright.sync_api import Page as Tab

from sandbox.faceit import KEY
from sandbox.server import serve
from sandbox.world import World
from tests.conftest import Database
from tests.orchestration.conftest import CommandLine, command_line
from tests.serving.conftest import api_of

SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"
"""Stored by CI."""
SIZES = {"phone": (360, 740), "desktop": (1280, 900)}
Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Site:
    """A serving process over marts that dbt built.

    Attributes:
        base: URL of the pages.
        ladder: the command line of the same warehouse.
        database: where the marts are.
        person: id of a dota2 player whose cs2 player is tracked too.
        faceit: id of that cs2 player.
    """

    base: str
    ladder: CommandLine
    database: Database
    person: str
    faceit: str

    def api(self, path: str) -> Any:
        """The response of the API."""
        return httpx.get(f"{self.base}/api/v1{path}").raise_for_status().json()


@pytest.fixture(scope="session")
def site(
    create_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Both games of a small world, ingested, built and published by one run."""
    with create_database() as database, serve(World(seed=7, players=60, days=150)) as sandbox:
        plain = command_line(database, tmp_path_factory.mktemp("work"), sandbox)
        faceit = {"LADDER_FACEIT_URL": sandbox.faceit_url, "LADDER_FACEIT_KEY": KEY}
        budgets = {"LADDER_OPENDOTA_MATCH_BUDGET": "40", "LADDER_FACEIT_MATCH_BUDGET": "40"}
        ladder = CommandLine({**plain.environment, **budgets, **faceit}, plain.directory)
        assert ladder("track", "opendota", "player", *map(str, sandbox.world.suggested_players(16))).code == 0
        assert ladder("track", "faceit", "player", *sandbox.faceit.world.suggested_players(12)).code == 0
        ended = ladder("run")
        assert ended.code == 0, ended.errors
        with psycopg.connect(database.url("analyst")) as connection:
            row = connection.execute(_PERSON).fetchone()
        assert row is not None
        with api_of(database) as base:
            yield Site(base, ladder, database, *row)


_PERSON = """
SELECT dota2.player_id, cs2.player_id
FROM marts.person_profiles AS dota2
INNER JOIN marts.person_profiles AS cs2 USING (person_id)
INNER JOIN marts.player_form AS form ON cs2.game = form.game AND cs2.player_id = form.player_id
WHERE dota2.game = 'dota2' AND cs2.game = 'cs2' AND dota2.is_tracked AND cs2.is_tracked
    AND dota2.matches > 20 AND form.rating_slope IS NOT NULL
ORDER BY dota2.matches + cs2.matches DESC LIMIT 1
"""


@dataclass
class RecordedTab:
    """A browser tab with its requests and errors.

    Attributes:
        tab: the browser's.
        requested: URLs that it requested.
        console_errors: errors and warnings of the console, and errors of the page.
    """

    tab: Tab
    requested: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)

    def open(self, url: str) -> int:
        """Open a URL; returns the status."""
        response = self.tab.goto(url, wait_until="load")
        assert response is not None
        return response.status

    def hosts(self) -> set[str]:
        """Hosts that the tab sent requests to."""
        return {urlsplit(url).netloc for url in self.requested if not url.startswith("data:")}


OpenTab = Callable[..., AbstractContextManager[RecordedTab]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the machine. While it runs, its driver's event loop prevents other event loops."""
    path = shutil.which("chromium")
    if path is None:
        reason = "chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, site: Site) -> OpenTab:
    """Opens a tab that can reach only our own host, and records all its requests."""

    @contextmanager
    def open_tab(
        size: str = "desktop", scheme: Scheme = "light", *, scripts: bool = True, base: str = site.base
    ) -> Iterator[RecordedTab]:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts
        )
        seen = RecordedTab(context.new_page())

        def pass_on(route: Route) -> None:
            seen.requested.append(route.request.url)
            if urlsplit(route.request.url).netloc == urlsplit(base).netloc:
                route.continue_()
            else:
                route.abort()

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                seen.console_errors.append(message.text)

        context.route("**/*", pass_on)
        seen.tab.on("console", on_console)
        seen.tab.on("pageerror", lambda error: seen.console_errors.append(str(error)))
        try:
            yield seen
        finally:
            context.close()

    return open_tab


def paths(site: Site) -> dict[str, str]:
    """All pages by the name of their screenshot."""
    return {
        "overview": "/",
        "leaderboard": "/boards/dota2_win_rate",
        "leaderboard-elo": "/boards/cs2_elo",
        "player": f"/players/dota2/{site.person}",
        "player-cs2": f"/players/cs2/{site.faceit}",
        "matches": f"/players/dota2/{site.person}/matches",
        "heroes": "/heroes?window_days=30",
        "hero": "/heroes/dota2/1",
        "maps": "/maps",
        "search": "/search?prefix=a",
        "search-empty": "/search",
        "freshness": "/freshness",
        "missing": "/players/dota2/999999",
    }
