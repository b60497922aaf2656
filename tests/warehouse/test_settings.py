"""A setting that cannot be used is told in one line that names its variable, and no secret."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings, load_settings


def refusal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
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
def test_a_key_in_the_address_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    line = refusal(monkeypatch, "LADDER_OPENDOTA_URL", url)
    assert line.startswith("LADDER_OPENDOTA_URL: must be an address alone")
    assert "LADDER_OPENDOTA_KEY" in line
    assert "b7f1" not in line
    assert "\n" not in line


def test_a_refused_value_is_shown_by_no_error_at_all() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(opendota_url="b7f1-secret@api.opendota.com")
    assert "b7f1" not in str(caught.value)


def test_an_address_that_is_none_for_http_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, "LADDER_OPENDOTA_URL", "api.opendota.com")
    assert line.startswith("LADDER_OPENDOTA_URL: must start with http:// or https://;")


def test_each_address_names_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, "LADDER_FACEIT_URL", "https://b7f1-secret@open.faceit.com/data/v4")
    assert line.startswith("LADDER_FACEIT_URL: must be an address alone")
    assert "LADDER_FACEIT_KEY" in line


def test_regions_are_names_whatever_their_case_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_FACEIT_RANKING_REGIONS", "eu, NA,EU,")
    assert load_settings().faceit_ranking_regions == "EU,NA"
    line = refusal(monkeypatch, "LADDER_FACEIT_RANKING_REGIONS", "EU;NA")
    assert line.startswith("LADDER_FACEIT_RANKING_REGIONS: must be names of regions with commas between")


def test_an_address_is_kept_without_its_last_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_OPENDOTA_URL", "http://127.0.0.1:8080/api/")
    assert load_settings().opendota_url == "http://127.0.0.1:8080/api"


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_API_TRUSTED_PROXIES", "10.0.0.7, fd00::1/8,")
    assert load_settings().api_trusted_proxies == "10.0.0.7/32,fd00::/8"
    line = refusal(monkeypatch, "LADDER_API_TRUSTED_PROXIES", "proxy.example.org")
    assert line.startswith("LADDER_API_TRUSTED_PROXIES: must be addresses or networks with commas between")


@pytest.mark.parametrize("value", ["example.org", "https://example.org/", "*,https://example.org", "https://*.org"])
def test_origins_are_origins_or_all_of_them(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for good in ("*", "https://example.org,http://localhost:3000,http://[::1]:3000"):
        monkeypatch.setenv("LADDER_API_CORS_ORIGINS", good)
        assert load_settings().api_cors_origins == good
    line = refusal(monkeypatch, "LADDER_API_CORS_ORIGINS", value)
    assert line.startswith("LADDER_API_CORS_ORIGINS: must be origins with commas between")


@pytest.mark.parametrize(
    "value", ["https://example.org", "example.org:443", "*,example.org", "*.example.org", "two names"]
)
def test_names_of_the_api_are_host_names_or_all_of_them(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for good, stored in (("*", "*"), ("Ladder.example.org, api", "ladder.example.org,api"), ("", None)):
        monkeypatch.setenv("LADDER_API_HOSTS", good)
        assert load_settings().api_hosts == stored
    line = refusal(monkeypatch, "LADDER_API_HOSTS", value)
    assert line.startswith("LADDER_API_HOSTS: must be host names without a port, with commas between")
