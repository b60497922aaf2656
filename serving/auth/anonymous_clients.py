"""Callers without a key, by address.

The address is that of the connection. Behind a proxy that one is always the same; where the operator names the proxies,
what they add to `X-Forwarded-For` is believed, from the right up to the first address that is none of theirs: what
stands left of it was written by the client. An IPv6 network of 64 bits is one caller, since a client may take any of
its addresses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from serving.ratelimit.leases import Caller

__all__ = ["AnonymousClients", "client_address_resolver", "subject_of"]

_MAX_CALLERS = 50_000
_MAX_HOSTS = 16
"""Addresses of one network that are remembered."""
_MAX_HOPS = 16
_MAX_ADDRESS = 64
"""Characters; more is no address."""
_SUBNET_BITS = 64

Headers = Iterable[tuple[bytes, bytes]]


class AnonymousClients:
    """The callers of this process that have no key. Only so many are kept, whatever addresses come.

    Args:
        make: a caller for the subject of an address.
        forget: told of a caller that is kept no more.
    """

    def __init__(self, create_caller: Callable[[str], Caller], on_removed: Callable[[Caller], None]) -> None:
        self._create = create_caller
        self._on_removed = on_removed
        self._callers: dict[str, Caller] = {}
        self.by_host: dict[str, Caller] = {}
        """Callers by an address as it came; read directly on the way of a hit."""

    def get_or_create(self, host: str) -> Caller:
        """The caller behind an address that is not known as it came."""
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
        """Keep a caller no more."""
        if self._callers.pop(caller.subject, None) is not None:
            for host in caller.hosts:
                del self.by_host[host]
            caller.hosts.clear()
            self._on_removed(caller)

    def remove_idle(self) -> None:
        """Keep no caller that has nothing in hand: whoever asks again begins anew."""
        for caller in [caller for caller in self._callers.values() if caller.is_idle and not caller.has_new_requests]:
            self.remove(caller)


def client_address_resolver(trusted: Sequence[str]) -> Callable[[str, Headers], str]:
    """How to find the address of a client.

    Args:
        trusted: networks of proxies.

    Returns:
        What tells it from the address of a connection and the headers of a request.
    """
    networks = [ip_network(network) for network in trusted]

    @functools.lru_cache(maxsize=4096)
    def parse_hop(text: str) -> tuple[str | None, bool]:
        """An address in its one spelling, None where it is none; and whether it is a proxy's."""
        address = _parse(text)
        return (None, False) if address is None else (str(address), any(address in network for network in networks))

    def resolve(host: str, headers: Headers) -> str:
        found, is_proxy = parse_hop(host)
        if not is_proxy:
            return host
        forwarded_for = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        for hop in reversed(forwarded_for.rsplit(",", _MAX_HOPS)):
            address, is_proxy = parse_hop(hop.strip()[:_MAX_ADDRESS])
            if address is None:  # nobody who is believed wrote this
                break
            found = address
            if not is_proxy:
                break
        return found or host

    return resolve


def subject_of(host: str) -> str:
    """What the limits of an address are counted by: itself, or its network of 64 bits."""
    address = _parse(host)
    if isinstance(address, IPv6Address):
        network = int(address) >> (128 - _SUBNET_BITS) << (128 - _SUBNET_BITS)
        return f"{IPv6Address(network)}/{_SUBNET_BITS}"
    return str(address or "unknown")


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address, also one with a port as some proxies write it; one of IPv4 that is mapped into IPv6 is of IPv4."""
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
