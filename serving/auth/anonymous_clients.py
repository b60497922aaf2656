"""Callers without an API key, identified by address.

The address is that of the connection. Behind a proxy all connections have the proxy's address. If the operator lists
trusted proxies, the address is taken from `X-Forwarded-For`: from the right up to the first address that is not a
trusted proxy; the client wrote everything to the left of it. An IPv6 network of 64 bits is one caller, because a client
can use all of its addresses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from serving.ratelimit.leases import Caller

__all__ = ["AnonymousClients", "client_address_resolver", "subject_of"]

_MAX_CALLERS = 50_000
_MAX_HOSTS = 16
"""Addresses that are remembered per network."""
_MAX_HOPS = 16
_MAX_ADDRESS = 64
"""Characters; longer text is not an address."""
_SUBNET_BITS = 64

Headers = Iterable[tuple[bytes, bytes]]


class AnonymousClients:
    """The callers of this process that have no API key; their number is bounded.

    Args:
        create_caller: creates a caller for the subject of an address.
        on_removed: called with each removed caller.
    """

    def __init__(self, create_caller: Callable[[str], Caller], on_removed: Callable[[Caller], None]) -> None:
        self._create = create_caller
        self._on_removed = on_removed
        self._callers: dict[str, Caller] = {}
        self.by_host: dict[str, Caller] = {}
        """Callers by raw address; the hit path reads it directly."""

    def get_or_create(self, host: str) -> Caller:
        """The caller of an address that is not in `by_host`."""
        subject = subject_of(host)
        caller = self._callers.get(subject)
        if caller is None:
            caller = self._callers[subject] = self._create(subject)
            if len(self._callers) > _MAX_CALLERS:
                self.remove(next(iter(self._callers.values())))
        if len(caller.hosts) == _MAX_HOSTS:
            del self.by_host[caller.hosts.pop(0)]
        caller.hosts.append(host)
        self.by_host[host] = caller
        return caller

    def remove(self, caller: Caller) -> None:
        """Remove a caller."""
        if self._callers.pop(caller.subject, None) is not None:
            for host in caller.hosts:
                del self.by_host[host]
            caller.hosts.clear()
            self._on_removed(caller)

    def remove_idle(self) -> None:
        """Remove callers without a lease; their next request creates a new caller."""
        for caller in [caller for caller in self._callers.values() if caller.is_idle and not caller.has_new_requests]:
            self.remove(caller)


def client_address_resolver(trusted: Sequence[str]) -> Callable[[str, Headers], str]:
    """Create the function that finds the address of a client.

    Args:
        trusted: networks of trusted proxies.

    Returns:
        A function of the connection's address and the request's headers.
    """
    networks = [ip_network(network) for network in trusted]

    @functools.lru_cache(maxsize=4096)
    def parse_hop(text: str) -> tuple[str | None, bool]:
        """The address in canonical form, None if it is invalid; and whether it is a trusted proxy."""
        address = _parse(text)
        return (None, False) if address is None else (str(address), any(address in network for network in networks))

    def resolve(host: str, headers: Headers) -> str:
        found, is_proxy = parse_hop(host)
        if not is_proxy:
            return host
        forwarded_for = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        for hop in reversed(forwarded_for.rsplit(",", _MAX_HOPS)):
            address, is_proxy = parse_hop(hop.strip()[:_MAX_ADDRESS])
            if address is None:  # no trusted proxy wrote this
                break
            found = address
            if not is_proxy:
                break
        return found or host

    return resolve


def subject_of(host: str) -> str:
    """The rate limit subject of an address: the IPv4 address, or the IPv6 network of 64 bits."""
    address = _parse(host)
    if isinstance(address, IPv6Address):
        network = int(address) >> (128 - _SUBNET_BITS) << (128 - _SUBNET_BITS)
        return f"{IPv6Address(network)}/{_SUBNET_BITS}"
    return str(address or "unknown")


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, with or without a port; IPv4 addresses that are mapped into IPv6 become IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
