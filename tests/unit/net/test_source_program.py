"""The program by which addresses choose a socket: interpreted here, and run by the kernel."""

from __future__ import annotations

import ipaddress
import operator
import select
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from fortepiano.net.listeners import Sharing, listening
from fortepiano.net.socket_addresses import port_of
from fortepiano.net.source_program import Instruction, attach, program

HEADER = 0xFFF00000
COUNT = 4

NETWORKS = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "2001:db8:ff::/48", "fd00::1/128", "203.0.113.7")
]


class Packet:
    """The headers of a connection's first packet."""

    def __init__(self, source: str, port: int) -> None:
        address = ipaddress.ip_address(source)
        self._bytes = bytearray(60)
        length = 24 if address.version == 4 else 40  # with options
        self._bytes[0] = address.version << 4 | length // 4
        start = 12 if address.version == 4 else 8
        self._bytes[start : start + len(address.packed)] = address.packed
        self._bytes[length : length + 2] = port.to_bytes(2, "big")

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(self._bytes[at - HEADER : at - HEADER + size], "big")


def chosen(instructions: Sequence[Instruction], source: str, port: int = 4000) -> int:
    """Run a program on a connection; return the place of the socket."""
    packet, a, x, at = Packet(source, port), 0, 0, 0
    sizes = {0x20: 4, 0x28: 2, 0x30: 1}
    arithmetic: dict[int, Callable[[int, int], int]] = {
        0x54: operator.and_,
        0x24: lambda one, other: one * other & 0xFFFFFFFF,
        0x34: operator.floordiv,
        0x94: operator.mod,
        0x74: operator.rshift,
    }
    while True:
        operation, if_true, if_false, k = instructions[at]
        at += 1
        if operation in sizes:
            a = packet.number(k, sizes[operation])
        elif operation in arithmetic:
            a = arithmetic[operation](a, k)
        elif operation in (0x06, 0x16):
            return k if operation == 0x06 else a
        elif operation in (0x05, 0x15):
            at += k if operation == 0x05 else if_true if a == k else if_false
        else:
            a, x = _with_x(operation, packet, k, a, x)


def _with_x(operation: int, packet: Packet, k: int, a: int, x: int) -> tuple[int, int]:
    """Do what needs the second register; return both."""
    found = {
        0x48: lambda: (packet.number(k + x, 2), x),
        0xB1: lambda: (a, 4 * (packet.number(k, 1) & 15)),
        0x07: lambda: (a, a),
        0x87: lambda: (x, x),
        0xAC: lambda: (a ^ x, x),
    }
    return found[operation]()


FOURS = [f"192.0.{number // 250}.{1 + number % 250}" for number in range(2000)]
SIXES = [f"2001:db8:7:{number:x}::1" for number in range(2000)]


@pytest.mark.parametrize("trusted", [[], NETWORKS[:1], NETWORKS], ids=len)
@pytest.mark.parametrize("without", [(), (0,), (3,), (1, 2), (0, 1, 3), (1, 2, 3)])
@pytest.mark.parametrize("addresses", [FOURS, SIXES], ids=["IPv4", "IPv6"])
class TestSpread:
    def test_all_get_about_the_same(
        self,
        addresses: list[str],
        without: tuple[int, ...],
        trusted: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    ) -> None:
        found = Counter(chosen(program(COUNT, without, trusted), it) for it in addresses)
        assert found.keys() == set(range(COUNT)) - set(without)
        share = len(addresses) / len(found)
        assert all(0.8 * share < many < 1.2 * share for many in found.values()), found

    def test_no_port_matters_and_addresses_stay_where_they_may(
        self,
        addresses: list[str],
        without: tuple[int, ...],
        trusted: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    ) -> None:
        some, whole = program(COUNT, without, trusted), program(COUNT)
        for address in addresses[:200]:
            place = chosen(some, address)
            assert place == chosen(some, address, 5000)
            if chosen(whole, address) not in without:
                assert place == chosen(whole, address)


def test_a_64_of_ipv6_has_one_place() -> None:
    made = program(COUNT)
    for number in range(100):
        places = {chosen(made, f"2001:db8:7:{number:x}::{host:x}") for host in range(9)}
        assert len(places) == 1


@pytest.mark.parametrize(
    ("address", "is_proxy"),
    [
        ("10.9.8.7", True),
        ("172.31.0.1", True),
        ("203.0.113.7", True),
        ("2001:db8:ff:1::9", True),
        ("fd00::1", True),
        ("11.9.8.7", False),
        ("172.32.0.1", False),
        ("203.0.113.8", False),
        ("2001:db8:fe:1::9", False),
        ("fd00::2", False),
    ],
)
@pytest.mark.parametrize("without", [(), (2,)])
def test_connections_of_trusted_proxies_go_by_their_ports(
    address: str, is_proxy: bool, without: tuple[int, ...]
) -> None:
    made = program(COUNT, without, NETWORKS)
    places = {chosen(made, address, port) for port in range(40_000, 40_200)}
    assert places == set(range(COUNT)) - set(without) if is_proxy else len(places) == 1


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    """A group of listeners on one port."""
    with ExitStack() as stack:
        first = stack.enter_context(listening("127.0.0.1", 0, sharing=Sharing.FIRST))
        port = port_of(first) or 0
        more = [
            stack.enter_context(listening("127.0.0.1", port, sharing=Sharing.JOINING))
            for _ in range(COUNT - 1)
        ]
        yield [first, *more]


def accepted(listeners: list[socket.socket], addresses: list[str]) -> dict[str, set[int]]:
    """Connect from each address five times; return the places of the listeners that accept."""
    found = defaultdict[str, set[int]](set)
    with ExitStack() as stack:
        for address in 5 * addresses:
            connection = socket.create_connection(
                listeners[0].getsockname(), 5, source_address=(address, 0)
            )
            stack.enter_context(connection)
        for _ in 5 * addresses:
            ready, _, _ = select.select(listeners, [], [], 5)
            connection, (source, _) = ready[0].accept()
            stack.enter_context(connection)
            found[source].add(listeners.index(ready[0]))
    return found


def test_the_kernel_does_the_same(listeners: list[socket.socket]) -> None:
    addresses = [f"127.64.0.{number}" for number in range(1, 41)]
    for without in ((), (1,), (0, 2, 3), ()):
        made = program(COUNT, without)
        attach(listeners[0], made)
        found = accepted(listeners, addresses)
        assert found == {address: {chosen(made, address)} for address in addresses}
    attach(listeners[0], program(COUNT, (), [ipaddress.ip_network("127.64.0.0/16")]))
    assert len(accepted(listeners, ["127.64.0.1"] * 12)["127.64.0.1"]) > 1
