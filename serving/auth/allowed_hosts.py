"""The names that a server answers to, so that no page elsewhere reads it through a name of its own.

A browser lets a page read what its own host name serves. The owner of that name may have it lead to this machine (DNS
rebinding), and would read what only this machine or its network reaches. An address cannot be given away like that.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

__all__ = ["AllowedHosts"]

_MAX_KNOWN_VALUES = 256


class AllowedHosts:
    """Looks at `Host`.

    Args:
        names: names beside those of the loopback interface; `*` for any.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(name.lower() for name in names)
        self._allows_any = "*" in self._names
        self.known_values: set[bytes | None] = {None}
        """Values that are allowed, as they came; read directly on the way of a hit. Browsers always send one."""

    def allows(self, value: bytes) -> bool:
        """Whether a request with this `Host` is for this server."""
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
    """A host without its port, brackets and final dot."""
    host = value[1:].partition("]")[0] if value.startswith("[") else value.partition(":")[0]
    return host.removesuffix(".").lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
