"""Pages in a browser over real marts: phone and desktop, light and dark, keyboard only, without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page as Tab

from serving.web.pages import PAGES
from tests.serving.web.conftest import SCREENSHOTS, SIZES, OpenTab, Scheme, Site, paths

NAMES = (
    "overview",
    "leaderboard",
    "leaderboard-elo",
    "player",
    "player-cs2",
    "matches",
    "heroes",
    "hero",
    "maps",
    "search",
    "search-empty",
    "freshness",
    "missing",
)

CHECKS = (Path(__file__).parent / "checks.js").read_text()


def check(tab: Tab, name: str) -> Any:
    """Result of a function of checks.js in the page."""
    return tab.evaluate(f"({CHECKS}).{name}()")


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param("phone", "dark", id="phone-dark"),
        pytest.param("desktop", "light", id="desktop-light"),
        # Size and scheme are independent, and each is covered above.
        pytest.param("phone", "light", marks=pytest.mark.long, id="phone-light"),
        pytest.param("desktop", "dark", marks=pytest.mark.long, id="desktop-dark"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_the_screen_is_readable_and_loads_nothing_external(
    opened: OpenTab, site: Site, name: str, size: str, scheme: Scheme
) -> None:
    with opened(size, scheme) as seen:
        status = seen.open(site.base + paths(site)[name])
        assert status == (404 if name == "missing" else 200)
        assert seen.hosts() == {site.base.removeprefix("http://")}
        expected = [f"Failed to load resource: the server responded with a status of {status} (Not Found)"]
        assert seen.console_errors == (expected if name == "missing" else [])
        assert seen.tab.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        # A table may shift by a pixel while it loads; shifts are visible from 0.1 (Web Vitals).
        assert check(seen.tab, "shift") < 0.01
        assert check(seen.tab, "tiny") == []
        assert check(seen.tab, "pale") == []
        assert check(seen.tab, "cut") == []
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        seen.tab.screenshot(path=SCREENSHOTS / f"{name}-{size}-{scheme}.png", full_page=True)


def test_every_declared_page_is_tested() -> None:
    assert {page.name for page in PAGES} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_all_controls_are_reached_by_keyboard_in_order_with_a_visible_focus(
    opened: OpenTab, site: Site, name: str
) -> None:
    with opened() as seen:
        seen.open(site.base + paths(site)[name])
        tab = seen.tab
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
        reachable = check(tab, "reachable")
        reached = [check(tab, "focused")]
        for _ in reachable[1:]:
            tab.keyboard.press("Tab")
            reached.append(check(tab, "focused"))
            assert check(tab, "isOutlined"), tab.evaluate("document.activeElement.outerHTML")
        assert reached == reachable


def test_the_skip_link_skips_the_menu(opened: OpenTab, site: Site) -> None:
    with opened() as seen:
        seen.open(site.base)
        seen.tab.keyboard.press("Tab")
        seen.tab.keyboard.press("Enter")
        seen.tab.keyboard.press("Tab")
        assert seen.tab.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_table_of_a_chart_opens_by_keyboard(opened: OpenTab, site: Site) -> None:
    ladder = "dota2_rank_tier"
    rows = site.api(f"/players/dota2/{site.person}/rank-progression?ladder={ladder}")["data"]
    with opened() as seen:
        seen.open(f"{site.base}/players/dota2/{site.person}")
        figure = seen.tab.locator("figure").filter(has_text="medal").first
        assert figure.locator("path.line").count() == 1
        assert not figure.locator("table").is_visible()
        figure.locator("summary").focus()
        seen.tab.keyboard.press("Enter")
        assert figure.locator("table").is_visible()
        days = figure.locator("tbody time").evaluate_all("all => all.map(one => one.dateTime)")
        assert days == [row["observed_date"] for row in reversed(rows)]


def test_a_chart_shows_day_and_value_under_the_pointer(opened: OpenTab, site: Site) -> None:
    with opened() as seen:
        seen.open(f"{site.base}/heroes/dota2/1")
        mark = seen.tab.locator(".chart .mark").nth(2)
        assert mark.locator("text").evaluate("one => getComputedStyle(one).visibility") == "hidden"
        mark.locator(".reach").hover()
        assert mark.locator("text").evaluate("one => getComputedStyle(one).visibility") == "visible"
        assert "matches" in str(mark.locator("text").text_content())


@pytest.mark.parametrize("name", NAMES)
def test_without_scripts_a_page_is_the_same(opened: OpenTab, site: Site, name: str) -> None:
    texts = []
    for scripts in (True, False):
        with opened(scripts=scripts) as seen:
            seen.open(site.base + paths(site)[name])
            texts.append(seen.tab.locator("body").inner_text())
    assert texts[0] == texts[1]


def test_without_scripts_and_mouse_a_player_is_found(opened: OpenTab, site: Site) -> None:
    name = site.api(f"/players/dota2/{site.person}")["data"]["display_name"]
    with opened("phone", scripts=False) as seen:
        tab = seen.tab
        seen.open(site.base)
        tab.get_by_role("searchbox", name="Player").focus()
        tab.keyboard.type(name[:3].lower())
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/search?*")
        tab.get_by_role("link", name=name, exact=True).first.focus()
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/players/**")
        assert tab.get_by_role("heading", level=1).inner_text() == name


def test_without_scripts_filters_choose_a_window_and_a_bracket(opened: OpenTab, site: Site) -> None:
    with opened(scripts=False) as seen:
        tab = seen.tab
        seen.open(f"{site.base}/heroes")
        tab.get_by_label("Window").select_option("30")
        tab.get_by_label("Bracket").select_option("legend")
        tab.get_by_role("button", name="Show").press("Enter")
        tab.wait_for_url("**/heroes?*")
        shown = tab.locator("tbody th").all_inner_texts()
        rows = site.api("/heroes/meta-trends?window_days=30&rank_bracket=legend")["data"]
        assert sorted(shown) == sorted(row["character_name"] or "unknown" for row in rows)
        assert tab.get_by_label("Bracket").input_value() == "legend"


def test_all_pages_of_a_list_are_reachable(opened: OpenTab, site: Site) -> None:
    shown: list[str] = []
    with opened(scripts=False) as seen:
        seen.open(f"{site.base}/players/dota2/{site.person}/matches")
        while True:
            shown += seen.tab.locator("td.id").all_inner_texts()
            following = seen.tab.get_by_role("link", name="Next page")
            if not following.count():
                break
            following.click()
    rows, cursor = [], ""
    while cursor is not None:
        page = site.api(f"/players/dota2/{site.person}/matches?limit=500{cursor and f'&cursor={cursor}'}")
        rows, cursor = rows + page["data"], page["meta"]["next"]
    assert shown == [row["match_id"] for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_structure_that_screen_readers_need(opened: OpenTab, site: Site, name: str) -> None:
    with opened() as seen:
        seen.open(site.base + paths(site)[name])
        assert check(seen.tab, "problems") == []


def test_a_page_shows_the_values_of_the_api(opened: OpenTab, site: Site) -> None:
    board = site.api("/leaderboards/dota2_win_rate")
    with opened() as seen:
        seen.open(f"{site.base}/boards/dota2_win_rate")
        rows = _cells(seen.tab)
    assert [row[:2] for row in rows] == [
        [str(row["rank"]), row["display_name"] or row["player_id"]] for row in board["data"]
    ]
    assert [row[2] for row in rows] == [f"{row['score'] * 100:.1f}%" for row in board["data"]]
    assert [row[4] for row in rows] == [f"{row['wins']}\N{EN DASH}{row['losses']}" for row in board["data"]]


def test_rank_and_form_cover_all_games_of_one_person(opened: OpenTab, site: Site) -> None:
    with opened() as seen:
        for path in (f"/players/dota2/{site.person}", f"/players/cs2/{site.faceit}"):
            seen.open(site.base + path)
            captions = seen.tab.locator("figcaption strong").all_inner_texts()
            assert {"Dota 2, medal", "Counter-Strike 2, FACEIT elo"} <= set(captions)
            games = seen.tab.locator("section[aria-labelledby=form] tbody th").all_inner_texts()
            assert {"Dota 2", "Counter-Strike 2"} <= set(games)


def _cells(tab: Tab) -> list[list[str]]:
    found: list[list[str]] = tab.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return found


def test_every_page_shows_generation_and_age_of_the_data(opened: OpenTab, site: Site) -> None:
    meta = site.api("/leaderboards")["meta"]
    with opened() as seen:
        for path in paths(site).values():
            seen.open(site.base + path)
            foot = seen.tab.locator("footer")
            assert f"Generation {meta['generation']}" in foot.inner_text()
            times = foot.locator("time").evaluate_all("all => all.map(one => one.dateTime)")
            assert times[0] == meta["as_of_date"]
            assert times[1][:19] == meta["as_of"][:19]


def test_assets_are_immutable_and_compressed(site: Site) -> None:
    page = httpx.get(site.base).text
    for name in ("style", "icon"):
        path = page.split(f'href="/assets/{name}.')[1].split('"')[0]
        response = httpx.get(f"{site.base}/assets/{name}.{path}", headers={"Accept-Encoding": "gzip"})
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers.get("content-encoding") == ("gzip" if name == "style" else None)
