"""A program for the kernel that lets the source address of a connection choose one of some sockets.

Classic BPF, as of Linux' `Documentation/networking/filter.rst`, for SO_ATTACH_REUSEPORT_CBPF of
socket(7): the result is the place of a socket in its group. An address of IPv4, or an IPv6 /64, has
one place, so that limits by address stay exact. Connections of trusted proxies are of many people:
they go by their ports.
"""

from __future__ import annotations

import array
import ipaddress
import socket
import struct
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Instruction", "attach", "program"]

Instruction: TypeAlias = tuple[int, int, int, int]
"""The operation, how many instructions to skip if true and if false, and the operand."""

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_SO_ATTACH_REUSEPORT_CBPF = 51

_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")

_HEADER = 0xFFF00000
"""The beginning of the IP header (SKF_NET_OFF); other offsets count from the end of that of TCP."""

_SOURCE_4, _SOURCE_6, _PORT_6 = _HEADER + 12, _HEADER + 8, _HEADER + 40

_LOAD_WORD, _LOAD_BYTE, _LOAD_HALF, _LOAD_HALF_AT_X = 0x20, 0x30, 0x28, 0x48
_LOAD_HEADER_LENGTH = 0xB1
_TO_X, _FROM_X = 0x07, 0x87
_AND, _XOR_X, _MULTIPLY, _DIVIDE, _MODULO, _SHIFT_RIGHT = 0x54, 0xAC, 0x24, 0x34, 0x94, 0x74
_JUMP, _JUMP_IF_EQUAL, _RETURN, _RETURN_A = 0x05, 0x15, 0x06, 0x16

_GOLDEN_RATIO = 0x9E3779B1
"""Multiplied with it, neighbouring addresses differ in the upper bits (Knuth 6.4)."""


def program(
    count: int, without: Collection[int] = (), trusted: Sequence[Network] = ()
) -> list[Instruction]:
    """Return the program for a group of sockets.

    Args:
        count: How many sockets the group has.
        without: The places of those that get no connections; not of all.
        trusted: The networks of trusted proxies.
    """
    choice = _choice(count, frozenset(without))
    own_6: list[Instruction] = [
        *((_LOAD_WORD, 0, 0, _SOURCE_6), (_TO_X, 0, 0, 0)),
        *((_LOAD_WORD, 0, 0, _SOURCE_6 + 4), (_XOR_X, 0, 0, 0)),
    ]
    own_4: list[Instruction] = [(_LOAD_WORD, 0, 0, _SOURCE_4)]
    port_6: list[Instruction] = [(_LOAD_HALF, 0, 0, _PORT_6)]
    port_4: list[Instruction] = [
        *((_LOAD_HEADER_LENGTH, 0, 0, _HEADER), (_LOAD_HALF_AT_X, 0, 0, _HEADER)),
    ]
    four = _key([net for net in trusted if net.version == 4], _SOURCE_4, own_4, port_4)
    six = _key([net for net in trusted if net.version == 6], _SOURCE_6, own_6, port_6)
    return [
        *((_LOAD_BYTE, 0, 0, _HEADER), (_SHIFT_RIGHT, 0, 0, 4)),
        *((_JUMP_IF_EQUAL, 1, 0, 4), (_JUMP, 0, 0, len(four) + 1)),
        *four,
        (_JUMP, 0, 0, len(six)),
        *six,
        *choice,
    ]


def _key(
    trusted: Sequence[Network],
    source: int,
    own: Sequence[Instruction],
    port: Sequence[Instruction],
) -> list[Instruction]:
    """Return instructions that load the source address; of a trusted proxy, the port.

    Args:
        trusted: The networks of proxies.
        source: Where the address stands.
        own: Loads it.
        port: Loads the port.
    """
    found: list[Instruction] = [*own, (_JUMP, 0, 0, len(port)), *port]
    to_port = len(own) + 1
    for network in reversed(trusted):
        test = _is_from(network, source)
        found = [*test, (_JUMP, 0, 0, to_port), *found]
        to_port += len(test) + 1
    return found


def _is_from(network: Network, source: int) -> list[Instruction]:
    """Return instructions that go on for an address in a network, and else skip the next one."""
    packed, masks = network.network_address.packed, network.netmask.packed
    words = range(0, max(4, -(-network.prefixlen // 32) * 4), 4)
    found: list[Instruction] = []
    for at in reversed(words):
        value, mask = (int.from_bytes(it[at : at + 4]) for it in (packed, masks))
        test = (_JUMP_IF_EQUAL, 0, len(found) + 1, value)
        found = [(_LOAD_WORD, 0, 0, source + at), (_AND, 0, 0, mask), test, *found]
    return found


def _choice(count: int, without: frozenset[int]) -> list[Instruction]:
    """Return instructions that choose a socket by what is loaded.

    Where the one chosen gets none, the others share its addresses, and keep their own.
    """
    others = [place for place in range(count) if place not in without]
    found: list[Instruction] = [(_MULTIPLY, 0, 0, _GOLDEN_RATIO), (_SHIFT_RIGHT, 0, 0, 16)]
    found += [(_TO_X, 0, 0, 0), (_MODULO, 0, 0, count)]
    for left, place in enumerate(sorted(without, reverse=True)):
        found[4:4] = [(_JUMP_IF_EQUAL, left + 1, 0, place)]
    found.append((_RETURN_A, 0, 0, 0))
    if without:
        found += [(_FROM_X, 0, 0, 0), (_DIVIDE, 0, 0, count), (_MODULO, 0, 0, len(others))]
        for number, place in enumerate(others[:-1]):
            found += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, place)]
        found.append((_RETURN, 0, 0, others[-1]))
    return found


def attach(listener: socket.socket, instructions: Sequence[Instruction]) -> None:
    """Let a program choose among a socket and all others of its group; it replaces the one before.

    Args:
        listener: A listening socket with SO_REUSEPORT.
        instructions: The program.

    Raises:
        OSError: The kernel refuses.
    """
    packed = b"".join(_INSTRUCTION.pack(it[0], it[1], it[2], it[3]) for it in instructions)
    code = array.array("B", packed)
    where, _ = code.buffer_info()
    given = _PROGRAM.pack(len(instructions), where)
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, given)
