"""The address of a client is that of its connection or the one a trusted proxy reports; memory is bounded."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.auth.anonymous_clients import AnonymousClients, client_address_resolver, subject_of
from serving.ratelimit.leases import Caller, RateLimitLease

PROXIES = ("10.0.0.0/8", "fd00::/8")


def forwarded(*lines: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"api"), *((b"x-forwarded-for", line.encode("latin-1")) for line in lines)]


@pytest.mark.parametrize(
    ("host", "lines", "expected"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["203.0.113.7"], "203.0.113.7"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        # All hops are proxies: the farthest one is the client.
        ("10.0.0.1", ["10.2.2.2, 10.3.3.3"], "10.2.2.2"),
        # No trusted value: the proxy itself is the client.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nobody"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        # Not from a proxy: the header is ignored.
        ("198.51.100.1", ["203.0.113.7"], "198.51.100.1"),
        ("198.51.100.1", ["10.0.0.1"], "198.51.100.1"),
    ],
)
def test_forwarded_addresses_are_trusted_up_to_the_first_one_that_is_not_a_proxy(
    host: str, lines: list[str], expected: str
) -> None:
    assert client_address_resolver(PROXIES)(host, forwarded(*lines)) == expected


@given(forged=st.text(alphabet=st.characters(codec="latin-1"), max_size=200))
def test_a_forged_header_of_a_client_does_not_change_its_address(forged: str) -> None:
    assert client_address_resolver(PROXIES)("10.0.0.1", forwarded(f"{forged}, 203.0.113.7")) == "203.0.113.7"


@given(address=st.ip_addresses(v=6), other=st.integers(0, 2**64 - 1))
def test_a_network_of_64_bits_is_one_caller(address: IPv6Address, other: int) -> None:
    neighbour = IPv6Address(int(address) >> 64 << 64 | other)
    if address.ipv4_mapped is None and neighbour.ipv4_mapped is None:
        assert subject_of(str(address)) == subject_of(str(neighbour))
        beyond = IPv6Address(int(address) ^ 1 << 64)
        assert subject_of(str(address)) != subject_of(str(beyond))


@given(address=st.ip_addresses(v=4))
def test_an_ipv4_address_is_one_caller_in_every_notation(address: IPv4Address) -> None:
    assert subject_of(str(address)) == subject_of(f"::ffff:{address}") == str(address)


def create_caller(subject: str) -> Caller:
    return Caller(subject, frozenset(), RateLimitLease(60, 1), RateLimitLease(60, 1))


def test_memory_is_bounded_for_any_number_of_addresses() -> None:
    removed: list[Caller] = []
    clients = AnonymousClients(create_caller, removed.append)
    for number in range(60_000):
        clients.get_or_create(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    for number in range(60_000):
        clients.get_or_create(f"2001:db8::{number:x}")
    assert len(clients.by_host) < 51_000
    assert len(removed) > 9_000
    assert sum(map(sys.getsizeof, clients.by_host)) < 10_000_000
    assert clients.by_host["2001:db8::ea5f"].subject == "2001:db8::/64"


def test_idle_clients_are_removed_and_created_again() -> None:
    removed: list[Caller] = []
    clients = AnonymousClients(create_caller, removed.append)
    idle, busy = clients.get_or_create("192.0.2.1"), clients.get_or_create("192.0.2.2")
    busy.has_new_requests = True
    clients.remove_idle()
    assert removed == [idle]
    assert clients.by_host == {"192.0.2.2": busy}
    assert clients.get_or_create("192.0.2.1") is not idle
