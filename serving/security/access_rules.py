"""What a server's operator has decided about access."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.core.settings import Settings

__all__ = ["AccessRules"]


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The settings `LADDER_API_*` about access, as serving processes need them.

    Args:
        is_anonymous: public marts are read without a key.
        requests_per_minute: of an address, or a key without a limit of its own; 0 for any number.
        rows_per_minute: the same for rows.
        trusted_proxies: networks whose `X-Forwarded-For` is believed.
        cors_origins: origins whose pages may read the API; `*` for all.
        hosts: host names that requests may be for, beside loopback names and addresses; `*` for any.
        is_https: clients come over https, through a proxy.
        processes: workers that share a port, and with it each limit.
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
        """From the environment's settings."""
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
