"""Allowed host names, as a protection against DNS rebinding.

A browser lets a page read everything that its own host name serves. The owner of that name can resolve it to this
machine and would then read data that only this machine or its network can reach. IP addresses cannot be rebound.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

__all__ = ["AllowedHosts"]

_MAX_KNOWN_VALUES = 256


class AllowedHosts:
    """Checks the `Host` header.

    Args:
        names: allowed names in addition to those of the loopback interface; `*` allows any name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(name.lower() for name in names)
        self._allows_any = "*" in self._names
        self.known_values: set[bytes | None] = {None}
        """Allowed raw values, read directly by the hit path. A missing header is allowed: browsers always send one."""

    def allows(self, value: bytes) -> bool:
        """Whether a request with this `Host` value is allowed."""
        name = _host_name(value.decode("latin-1"))
        allowed = (
            self._allows_any
            or name in self._names
            or name == "localhost"
            or name.endswith(".localhost")
            or _is_address(name)
        )
        if allowed and len(self.known_values) < _MAX_KNOWN_VALUES:
            self.known_values.add(value)
        return allowed


def _host_name(value: str) -> str:
    """A host without port, brackets and final dot."""
    host = value[1:].partition("]")[0] if value.startswith("[") else value.partition(":")[0]
    return host.removesuffix(".").lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
