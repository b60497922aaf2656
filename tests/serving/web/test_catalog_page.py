"""`/catalog`: the documentation that `ladder docs` generates, or instructions for it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.conftest import Database
from tests.orchestration.conftest import command_line
from tests.serving.web.conftest import SCREENSHOTS, OpenTab, Site


def test_a_missing_catalogue_is_a_page_with_instructions(reader: httpx.Client) -> None:
    response = reader.get("/catalog")
    assert response.status_code == 404
    assert "ladder docs" in response.text


def test_before_the_first_publication_there_is_nothing_to_document(database: Database, tmp_path: Path) -> None:
    ended = command_line(database, tmp_path)("docs")
    assert ended.code == 1
    assert ended.error_lines == ["error: nothing is published yet; run `ladder run`"]


@pytest.mark.slow
def test_it_shows_the_published_marts_and_loads_nothing_external(opened: OpenTab, site: Site) -> None:
    ended = site.ladder("docs")
    assert ended.code == 0, ended.errors
    response = httpx.get(f"{site.base}/catalog")
    assert response.status_code == 200
    assert "unsafe-eval" not in response.headers["content-security-policy"]
    assert httpx.get(f"{site.base}/catalog", headers={"If-None-Match": response.headers["etag"]}).status_code == 304
    assert not re.search(r'"marts_(blue|green)"', response.text)
    with opened() as seen:
        assert seen.open(f"{site.base}/catalog#!/model/model.ladderhouse.player_win_rates") == 200
        seen.tab.get_by_role("heading", name="player_win_rates").first.wait_for()
        body = seen.tab.locator("body").inner_text()
        assert "win_rate_low" in body
        assert "numeric" in body
        assert seen.hosts() == {site.base.removeprefix("http://")}
        assert seen.console_errors == []
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        seen.tab.screenshot(path=SCREENSHOTS / "catalog-desktop-light.png")
