"""Page responses: generation, caching, stale notices and error pages."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Database
from tests.serving.conftest import ApiPair, api_of
from tests.serving.http_clients import queries, seconds_until
from tests.serving.test_outages import Installation, ServerName, module_installation  # noqa: F401 -- a fixture

BOARD = "/boards/dota2_matches"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATHS = (
    "/",
    BOARD,
    "/players/dota2/101",
    "/players/dota2/101/matches",
    "/heroes",
    "/heroes/dota2/1",
    "/maps",
    "/search?prefix=a",
    "/freshness",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_allows_no_scripts_and_no_external_resources(reader: httpx.Client, path: str) -> None:
    response = reader.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"].split("; ")
    assert policy[:2] == ["default-src 'none'", "style-src 'self'"]
    assert not any("unsafe" in part or "script" in part for part in policy)
    assert "<script" not in response.text
    assert " style=" not in response.text


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/freshness"])
def test_a_page_with_a_matching_tag_is_a_304(reader: httpx.Client, path: str) -> None:
    first = reader.get(path)
    assert "max-age=" in first.headers["cache-control"]
    again = reader.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert {again.headers[name] == first.headers[name] for name in ("etag", "cache-control", "vary")} == {True}
    assert reader.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_lost_rank_breaks_the_line_and_is_shown(reader: httpx.Client) -> None:
    page = reader.get("/players/cs2/p-bob").text
    assert "<td>no rank</td>" in page
    # Down to 1187, then a day without a rank.
    assert re.search(r'd="M0,[\d.]+H33\.33V[\d.]+H66\.67M100,[\d.]+H100"', page)


def visible_text(page: str) -> str:
    """The text of a page without markup and with plain hyphens."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).replace("\N{EN DASH}", "-").split())


def test_draws_are_shown_next_to_wins_and_losses(reader: httpx.Client) -> None:
    page = reader.get("/players/cs2/p-ada").text
    # Results, and the newest counted matches.
    assert "All time 6 1 drawn, 4-1" in visible_text(page)
    assert "2 drawn, 0-0" in visible_text(page)
    assert 'the newest last: DD"' in page
    assert "30 days 2 1-1" in visible_text(page)


def test_other_modes_and_uncounted_matches_are_labelled(reader: httpx.Client) -> None:
    path, page = "/players/dota2/101/matches", ""
    while path:
        found = reader.get(path).text
        page += found
        following = re.search(r'rel="next" href="([^"]*)"', found)
        path = following[1] if following is not None else ""
    results = re.findall(r"UTC (won|lost) (?:· ([a-z ]+) )?[A-Z]", visible_text(page))
    assert {mode for _, mode in results} == {"", "turbo", "another mode", "not counted"}


def test_matches_without_a_time_show_in_results_without_a_date(reader: httpx.Client) -> None:
    page = visible_text(reader.get("/players/cs2/p-cat").text)
    assert "Last match - Id p-cat" in page
    assert "All time 3 1 drawn, 1-1" in page
    assert "Newest matches No known matches." in page


def test_a_player_without_results_has_a_page_that_says_so(reader: httpx.Client) -> None:
    page = visible_text(reader.get("/players/dota2/102").text)
    assert "Results No counted matches yet." in page
    assert "Won-lost Mean rating Slope Dota 2 - - - -" in page


def test_a_page_with_a_live_age_is_not_cached(reader: httpx.Client) -> None:
    response = reader.get("/freshness")
    assert response.headers["cache-control"] == "no-cache"
    assert "etag" not in response.headers
    assert "less than a minute" in response.text or "minute" in response.text


def test_all_spellings_of_a_page_share_one_tag(reader: httpx.Client) -> None:
    spellings = [
        "/heroes",
        "/heroes?window_days=7",
        "/heroes?rank_bracket=&window_days=7",
        "/heroes?utm_source=friend&rank_bracket=all",
    ]
    assert len({reader.get(path).headers["etag"] for path in spellings}) == 1
    assert reader.get("/heroes?window_days=30").headers["etag"] != reader.get("/heroes").headers["etag"]


def test_pages_are_compressed_on_request(reader: httpx.Client) -> None:
    plain = reader.get(BOARD, headers={"Accept-Encoding": "identity"})
    with reader.stream("GET", BOARD, headers={"Accept-Encoding": "br, gzip"}) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in reader.get(BOARD, headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_pages_and_api_share_cached_responses(pair: ApiPair) -> None:
    with httpx.Client(base_url=pair.one) as client:
        client.get("/api/v1/heroes/meta-trends?window_days=7")
        before = queries(pair.one)
        assert client.get("/heroes").status_code == 200
        assert queries(pair.one) == before
        client.get(BOARD)
        made = queries(pair.one)
        for _ in range(5):
            client.get(BOARD)
        assert queries(pair.one) == made


def test_a_new_generation_is_shown_within_a_second(pair: ApiPair, patience: float) -> None:
    before = httpx.get(pair.one + BOARD)
    pair.marts.change_idle("UPDATE leaderboard_entries SET display_name = 'Newcomer' WHERE rank = 1")
    generation = pair.publish()
    took = seconds_until(lambda: "Newcomer" in httpx.get(pair.one + BOARD).text)
    assert took < patience
    after = httpx.get(pair.one + BOARD)
    assert f"Generation {generation}" in after.text
    assert after.headers["etag"] != before.headers["etag"]
    assert httpx.get(pair.one + BOARD, headers={"If-None-Match": before.headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/players/dota2/9999", 404, "No such player"),
        ("/boards/nobody", 404, "No such leaderboard"),
        ("/heroes/dota2/9999", 404, "No such hero"),
        ("/players/chess/1", 404, "Page not found"),
        ("/players/dota2/%00", 404, "Page not found"),
        ("/players/dota2/1'%3BDROP%20TABLE%20x", 404, "Page not found"),
        ("/nowhere", 404, "Page not found"),
        ("/heroes?window_days=8", 422, "is not a valid window days: choose one of 7, 30"),
        ("/heroes?rank_bracket=<script>alert(1)</script>", 422, "is not a valid rank bracket"),
        ("/search?prefix=%01", 422, "Invalid filter"),
        (f"/search?prefix={'a' * 65}", 422, "Invalid filter"),
        (f"{BOARD}?cursor=AAAA", 400, "Invalid page of a list"),
    ],
)
def test_an_error_is_a_readable_page(reader: httpx.Client, path: str, status: int, text: str) -> None:
    response = reader.get(path, headers=HTML)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert text in response.text
    assert "<script" not in response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"]


def test_api_clients_get_errors_as_json(reader: httpx.Client) -> None:
    assert reader.get("/nowhere").json()["error"]["code"] == "not_found"
    assert reader.get("/api/v1/nowhere", headers=HTML).json()["error"]["code"] == "not_found"


def test_names_are_escaped(pair: ApiPair) -> None:
    name = "<script>alert(1)</script>\" onload='x' &amp;"
    pair.marts.change_idle("UPDATE dim_players SET display_name = %s WHERE player_id = '101'", [name])
    pair.publish()
    seconds_until(lambda: "alert(1)" in httpx.get(f"{pair.one}/players/dota2/101").text)
    page = httpx.get(f"{pair.one}/players/dota2/101").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_pages_before_the_first_publication_say_so(database: Database) -> None:
    with api_of(database) as base:
        for path in ("/", "/freshness"):
            response = httpx.get(base + path)
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert "Nothing is published yet" in response.text


@pytest.fixture
def installation(module_installation: Installation) -> Iterator[Installation]:  # noqa: F811
    """The installation, recovered before and after the test."""
    module_installation.recover()
    yield module_installation
    module_installation.recover()


@pytest.mark.slow
def test_without_postgresql_a_cached_page_shows_its_age_and_others_get_a_retry_time(
    installation: Installation,
) -> None:
    fresh = installation.get(BOARD)
    server: ServerName = "postgres"
    installation.kill(server)
    seconds_until(lambda: "x-ladder-stale" in installation.get(BOARD).headers)
    stale = installation.get(BOARD)
    assert stale.status_code == 200
    assert "The database cannot be reached; the data was last confirmed" in stale.text
    assert stale.headers["cache-control"] == "public, max-age=5"
    assert "etag" not in stale.headers
    # Apart from the notice the page is unchanged.
    assert stale.text.split("<main")[1] == fresh.text.split("<main")[1]
    other = installation.get("/heroes/dota2/2")
    assert (other.status_code, other.headers["retry-after"]) == (503, "5")
    assert "The database cannot be reached" in other.text
    installation.restart()
    seconds_until(lambda: "x-ladder-stale" not in installation.get(BOARD).headers)
    assert installation.get(BOARD).text == fresh.text
