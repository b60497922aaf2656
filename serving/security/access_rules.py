"""Access rules of the operator, from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.core.settings import Settings

__all__ = ["AccessRules"]


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The `LADDER_API_*` settings about access.

    Args:
        is_anonymous: whether public marts may be read without an API key.
        requests_per_minute: limit of an address, or of a key without its own limit; 0 for no limit.
        rows_per_minute: the same for rows.
        trusted_proxies: networks whose `X-Forwarded-For` is trusted.
        cors_origins: origins whose pages may read the API; `*` for all.
        hosts: allowed host names in addition to loopback names and addresses; `*` for any.
        is_https: whether clients use HTTPS, through a proxy.
        processes: number of workers that share a port and the limits.
    """

    is_anonymous: bool
    requests_per_minute: int
    rows_per_minute: int
    trusted_proxies: tuple[str, ...]
    cors_origins: tuple[str, ...]
    hosts: tuple[str, ...]
    is_https: bool
    processes: int

    @classmethod
    def of(cls, settings: Settings, processes: int) -> AccessRules:
        """The rules of some settings."""
        return cls(
            is_anonymous=settings.api_anonymous,
            requests_per_minute=settings.api_requests_per_minute,
            rows_per_minute=settings.api_rows_per_minute,
            trusted_proxies=tuple(settings.api_trusted_proxies.split(",")) if settings.api_trusted_proxies else (),
            cors_origins=tuple(settings.api_cors_origins.split(",")) if settings.api_cors_origins else (),
            hosts=(settings.api_host, *(settings.api_hosts.split(",") if settings.api_hosts else ())),
            is_https=settings.api_https,
            processes=processes,
        )
