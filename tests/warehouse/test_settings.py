"""An invalid setting ends in one line that names its variable and shows no secret."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings, load_settings


def error_for(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:b7f1-secret@api.opendota.com/api",
        "https://b7f1-secret@api.opendota.com/api",
        "https://api.opendota.com/api?api_key=b7f1-secret",
        "https://api.opendota.com/api#b7f1-secret",
        "https://me:a/b7f1-secret@api.opendota.com/api",
    ],
)
def test_a_url_with_a_key_is_rejected_and_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    line = error_for(monkeypatch, "LADDER_OPENDOTA_URL", url)
    assert line.startswith("LADDER_OPENDOTA_URL: must be a URL without user")
    assert "LADDER_OPENDOTA_KEY" in line
    assert "b7f1" not in line
    assert "\n" not in line


def test_no_error_shows_a_rejected_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(opendota_url="b7f1-secret@api.opendota.com")
    assert "b7f1" not in str(caught.value)


def test_a_url_without_http_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    line = error_for(monkeypatch, "LADDER_OPENDOTA_URL", "api.opendota.com")
    assert line.startswith("LADDER_OPENDOTA_URL: must start with http:// or https://;")


def test_each_url_names_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    line = error_for(monkeypatch, "LADDER_FACEIT_URL", "https://b7f1-secret@open.faceit.com/data/v4")
    assert line.startswith("LADDER_FACEIT_URL: must be a URL without user")
    assert "LADDER_FACEIT_KEY" in line


def test_regions_are_names_in_any_case_without_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_FACEIT_RANKING_REGIONS", "eu, NA,EU,")
    assert load_settings().faceit_ranking_regions == "EU,NA"
    line = error_for(monkeypatch, "LADDER_FACEIT_RANKING_REGIONS", "EU;NA")
    assert line.startswith("LADDER_FACEIT_RANKING_REGIONS: must be names of regions separated by commas")


def test_a_url_is_stored_without_its_trailing_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_OPENDOTA_URL", "http://127.0.0.1:8080/api/")
    assert load_settings().opendota_url == "http://127.0.0.1:8080/api"


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_API_TRUSTED_PROXIES", "10.0.0.7, fd00::1/8,")
    assert load_settings().api_trusted_proxies == "10.0.0.7/32,fd00::/8"
    line = error_for(monkeypatch, "LADDER_API_TRUSTED_PROXIES", "proxy.example.org")
    assert line.startswith("LADDER_API_TRUSTED_PROXIES: must be addresses or networks separated by commas")


@pytest.mark.parametrize("value", ["example.org", "https://example.org/", "*,https://example.org", "https://*.org"])
def test_cors_origins_are_origins_or_a_wildcard(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for good in ("*", "https://example.org,http://localhost:3000,http://[::1]:3000"):
        monkeypatch.setenv("LADDER_API_CORS_ORIGINS", good)
        assert load_settings().api_cors_origins == good
    line = error_for(monkeypatch, "LADDER_API_CORS_ORIGINS", value)
    assert line.startswith("LADDER_API_CORS_ORIGINS: must be origins separated by commas")


@pytest.mark.parametrize(
    "value", ["https://example.org", "example.org:443", "*,example.org", "*.example.org", "two names"]
)
def test_names_of_the_api_are_host_names_or_a_wildcard(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for good, stored in (("*", "*"), ("Ladder.example.org, api", "ladder.example.org,api"), ("", None)):
        monkeypatch.setenv("LADDER_API_HOSTS", good)
        assert load_settings().api_hosts == stored
    line = error_for(monkeypatch, "LADDER_API_HOSTS", value)
    assert line.startswith("LADDER_API_HOSTS: must be host names without a port, separated by commas")
