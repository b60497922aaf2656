"""All environment variables. Nothing is read before `Settings()` is called."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from warehouse.core.errors import ConfigurationError

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """The configuration, read from `LADDER_*` environment variables.

    The README documents each variable; a test compares its table with the fields of this class.
    """

    model_config = SettingsConfigDict(env_prefix="LADDER_", env_ignore_empty=True, hide_input_in_errors=True)

    home: Path = Field(
        default=Path(".ladder"), description="data directory: lake, embedded servers, Dagster home, secrets"
    )
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL 15 to 18 to use instead of the embedded one"
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Redis 7+ or Valkey 8+ to use instead of the embedded one"
    )
    lake_url: str | None = Field(default=None, description="directory of the lake (default: `lake` under home)")
    postgres_port: int = Field(
        default=0, ge=0, le=65535, description="port of the embedded PostgreSQL (0: a free one, kept)"
    )
    valkey_port: int = Field(default=0, ge=0, le=65535, description="port of the embedded Valkey (0: a free one, kept)")
    opendota_url: str = Field(default="https://api.opendota.com/api", description="base URL of OpenDota, with its path")
    opendota_key: SecretStr | None = Field(default=None, description="OpenDota API key, sent as a header")
    opendota_call_budget: int = Field(default=1500, ge=1, description="most requests to OpenDota in a run")
    opendota_match_budget: int = Field(default=100, ge=0, description="most match details fetched in a run")
    opendota_rescan_days: int = Field(
        default=7, ge=1, description="days after which a player's whole history is read again"
    )
    faceit_url: str = Field(
        default="https://open.faceit.com/data/v4", description="base URL of FACEIT's Data API, with its path"
    )
    faceit_key: SecretStr | None = Field(
        default=None, description="FACEIT API key, sent as a header; without it FACEIT is skipped"
    )
    faceit_call_budget: int = Field(default=1500, ge=1, description="most requests to FACEIT in a run")
    faceit_match_budget: int = Field(
        default=100, ge=0, description="most FACEIT matches whose details and statistics are fetched in a run"
    )
    faceit_overlap_days: int = Field(
        default=7,
        ge=1,
        description="days before the newest known match from which a FACEIT history is read again, for late results",
    )
    faceit_ranking_top: int = Field(
        default=100, ge=0, description="entries read from the top of each FACEIT ranking (0: none)"
    )
    faceit_ranking_regions: str = Field(
        default="EU,NA", description="regions whose FACEIT rankings are read, separated by commas"
    )
    answer_mb: int = Field(
        default=64, ge=1, le=1024, description="largest response (MB) that is read from a source, which bounds memory"
    )
    as_of_date: str | None = Field(
        default=None, description="anchor date of the rolling windows (default: newest play date)"
    )
    show_people: Literal["tracked", "all"] = Field(
        default="tracked",
        description="players shown by name, country, avatar and Steam id: `tracked` (and professionals) or `all`",
    )
    dev_schema: str | None = Field(
        default=None, description="schema in which `ladder dbt` builds (default: `dev_` and the name of the user)"
    )
    api_host: str = Field(default="127.0.0.1", description="address that `ladder serve` binds")
    api_port: int = Field(default=8765, ge=0, le=65535, description="port that `ladder serve` binds")
    api_anonymous: bool = Field(default=True, description="whether public marts can be read without a key")
    api_requests_per_minute: int = Field(
        default=6000, ge=0, description="requests per address, or per key without a limit of its own (0: unlimited)"
    )
    api_rows_per_minute: int = Field(
        default=1_000_000, ge=0, description="rows per address, or per key without a limit of its own (0: unlimited)"
    )
    api_trusted_proxies: str | None = Field(
        default=None, description="addresses or networks whose X-Forwarded-For is trusted, separated by commas"
    )
    api_cors_origins: str | None = Field(
        default=None, description="origins whose pages may read the API in a browser, separated by commas; or `*`"
    )
    api_hosts: str | None = Field(
        default=None,
        description="host names of the API besides localhost and LADDER_API_HOST, separated by commas; or `*`",
    )
    api_https: bool = Field(
        default=False, description="whether clients use https, through a proxy: adds Strict-Transport-Security"
    )
    dagster_port: int = Field(default=3000, ge=0, le=65535, description="port of the Dagster web UI")
    dagster_hosts: str | None = Field(
        default=None, description="host names of the Dagster web UI besides localhost, separated by commas; or `*`"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="debug, info, warning or error"
    )

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
                raise ValueError("must have the form postgresql://user:password@host:5432/database")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must have the form redis://user:password@host:6379/0")
        return value

    @field_validator("opendota_url", "faceit_url")
    @classmethod
    def _http_url(cls, value: str, info: ValidationInfo) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        if set("@?#") & set(value):
            # URLs are shown in messages and logs, which must not contain secrets.
            key = f"LADDER_{info.field_name}".upper().replace("_URL", "_KEY")
            raise ValueError(f"must be a URL without user, password or query; set the key in {key}")
        return value.rstrip("/")

    @field_validator("opendota_key", "faceit_key")
    @classmethod
    def _header(cls, value: SecretStr | None) -> SecretStr | None:
        text = "" if value is None else value.get_secret_value().strip()
        if not re.fullmatch("[!-~]*", text):
            raise ValueError("must be printable ASCII without spaces, since it is sent in a header")
        return SecretStr(text) if text else None

    @field_validator("faceit_ranking_regions")
    @classmethod
    def _regions(cls, value: str) -> str:
        names = [name.upper() for name in _split_list(value)]
        if not all(name.isascii() and name.isalpha() for name in names):
            raise ValueError("must be names of regions separated by commas, e.g. EU,NA")
        return ",".join(dict.fromkeys(names))

    @field_validator("api_trusted_proxies")
    @classmethod
    def _networks(cls, value: str | None) -> str | None:
        try:
            return value and ",".join(str(ip_network(part, strict=False)) for part in _split_list(value))
        except ValueError:
            raise ValueError("must be addresses or networks separated by commas, e.g. 10.0.0.7,fd00::/8") from None

    @field_validator("api_cors_origins")
    @classmethod
    def _origins(cls, value: str | None) -> str | None:
        parts = _split_list(value or "")
        if parts != ["*"] and not all(re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", part) for part in parts):
            raise ValueError("must be origins separated by commas, e.g. https://example.org, or *")
        return ",".join(parts) or None

    @field_validator("api_hosts", "dagster_hosts")
    @classmethod
    def _hosts(cls, value: str | None) -> str | None:
        parts = [part.lower() for part in _split_list(value or "")]
        if parts != ["*"] and not all(re.fullmatch(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9])?", part) for part in parts):
            raise ValueError("must be host names without a port, separated by commas, e.g. ladder.example.org, or *")
        return ",".join(parts) or None

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("dev_schema")
    @classmethod
    def _developers_own(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"dev_[a-z0-9_]{1,59}", value):
            raise ValueError("must be dev_ followed by small letters, digits or underscores, 63 characters at most")
        return value

    @field_validator("lake_url")
    @classmethod
    def _local(cls, value: str | None) -> str | None:
        if value is not None and "://" in value and not value.startswith("file://"):
            raise ValueError("must be a directory or its file:// URL")
        return value

    @property
    def lake_path(self) -> Path:
        """Directory of the lake."""
        if self.lake_url is None:
            return self.home / "lake"
        return Path(self.lake_url.removeprefix("file://")).absolute()


def load_settings(**given: str) -> Settings:
    """Read the environment.

    Args:
        given: values that override variables, by field name.

    Raises:
        ConfigurationError: a variable has an invalid value; the message names the variable.
    """
    try:
        settings = Settings.model_validate(given) if given else Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "LADDER_" + "_".join(str(part) for part in first["loc"]).upper()
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}: {said[:1].lower()}{said[1:]}", f"correct {name} and try again") from None
    settings.home = settings.home.absolute()
    return settings


def _split_list(value: str) -> list[str]:
    """Items of a list that is separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()]
