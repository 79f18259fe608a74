"""Addresses of clients as trusted proxies report them; other reports are ignored."""

from __future__ import annotations

import ipaddress
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from support.nginx import run_nginx
from support.raw_handshake import RawHandshake, raw_handshake
from support.raw_peer import TEXT, RawPeer, frame, handshake_request
from support.server import NOBODY_IS_EXEMPT, Server, environment, run_server

SALTS = {"SALT1": "one-salt", "SALT2": "other-salt"}
LIKE_BEHIND_A_PROXY = {**SALTS, "FORTEPIANO_PROXY__TRUSTED": "127.0.0.1"}
TELLING = {
    "x-forwarded-for": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "x-real-ip": "proxy_set_header X-Real-IP $remote_addr;",
    "forwarded": 'proxy_set_header Forwarded "$http_forwarded, for=$remote_addr";',
}
SPOOFS = ["X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6"]

Come = Callable[..., Awaitable[RawHandshake]]


@pytest.fixture
async def come() -> AsyncIterator[Come]:
    """Asks for an upgrade, on a connection that ends with the test."""
    async with AsyncExitStack() as stack:

        async def come(server: Server, *headers: str, **more: object) -> RawHandshake:
            handshake = await raw_handshake(server, *headers, **more)  # type: ignore[arg-type]  # as there
            stack.push_async_callback(handshake.peer.vanish)
            return handshake

        yield come


@pytest.fixture(scope="module")
def direct() -> Iterator[Server]:
    """A server that trusts nobody, with the salts of the others."""
    with run_server(**SALTS) as running:
        yield running


@pytest.fixture(scope="module")
def behind() -> Iterator[Server]:
    """A server that trusts X-Forwarded-For from 127.0.0.1."""
    with run_server(**LIKE_BEHIND_A_PROXY) as running:
        yield running


@pytest.fixture(scope="module")
def porch() -> Iterator[Server]:
    """A server that expects the PROXY protocol from 127.0.0.1."""
    settings = {**LIKE_BEHIND_A_PROXY, "FORTEPIANO_PROXY__PROTOCOL": "true"}
    with run_server(first=b"PROXY UNKNOWN\r\n", **settings) as running:
        yield running


async def id_of(handshake: RawHandshake) -> str:
    found: str = (await handshake.hello())["u"]["_id"]
    return found


class TestWithoutTrust:
    @pytest.mark.case(20)
    async def test_no_header_changes_the_user(self, direct: Server, come: Come) -> None:
        honest = await id_of(await come(direct))
        for spoof in (*SPOOFS, ", ".join(["X-Forwarded-For: 1.1.1.1"] * 3)):
            assert await id_of(await come(direct, spoof)) == honest

    async def test_a_preface_is_no_request(self, direct: Server, come: Come) -> None:
        handshake = await come(direct, before=b"PROXY TCP4 6.6.6.6 127.0.0.1 1 2\r\n")
        assert handshake.status in {400, 405}


class TestForwardedFor:
    @pytest.mark.case(20)
    async def test_two_addresses_from_a_proxy_are_two_users(
        self, behind: Server, come: Come
    ) -> None:
        one = await id_of(await come(behind, "X-Forwarded-For: 192.0.2.1"))
        other = await id_of(await come(behind, "X-Forwarded-For: 192.0.2.2"))
        again = await id_of(await come(behind, "X-Forwarded-For: 6.6.6.6, ::ffff:192.0.2.1"))
        assert one == again != other

    @pytest.mark.case(20)
    async def test_the_header_of_an_untrusted_peer_is_ignored(
        self, behind: Server, come: Come
    ) -> None:
        honest = await id_of(await come(behind, address="127.0.0.2"))
        for spoof in SPOOFS:
            assert await id_of(await come(behind, spoof, address="127.0.0.2")) == honest

    async def test_who_does_not_tell_is_refused(self, behind: Server, come: Come) -> None:
        assert (await come(behind, "X-Forwarded-For: unknown")).status == 400
        # A client without the proxy has its own address.
        assert (await come(behind)).status == 101

    async def test_a_hundred_hops_are_read_from_the_end(self, behind: Server, come: Come) -> None:
        one = await id_of(await come(behind, "X-Forwarded-For: 192.0.2.1"))
        hops = ", ".join([f"198.51.100.{n}" for n in range(100)] + ["192.0.2.1"])
        assert await id_of(await come(behind, f"X-Forwarded-For: {hops}")) == one

    async def test_limits_look_at_the_address_behind_the_proxy(
        self, behind: Server, come: Come
    ) -> None:
        header = "X-Forwarded-For: 192.0.2.77"
        assert [(await come(behind, header)).status for _ in range(17)] == [101] * 16 + [429]
        assert (await come(behind, "X-Forwarded-For: 192.0.2.78")).status == 101

    async def test_rotating_in_a_64_does_not_help(self, behind: Server, come: Come) -> None:
        statuses = [
            (await come(behind, f"X-Forwarded-For: 2001:db8:0:1:{n:x}::1")).status
            for n in range(17)
        ]
        assert statuses == [101] * 16 + [429]


@pytest.mark.needs("nginx")
class TestNginx:
    @pytest.mark.parametrize("header", TELLING)
    async def test_one_is_who_nginx_says(self, header: str, direct: Server, come: Come) -> None:
        expected = {at: await id_of(await come(direct, address=at)) for at in ADDRESSES}
        with (
            run_server(**LIKE_BEHIND_A_PROXY, FORTEPIANO_PROXY__HEADER=header) as server,
            run_nginx(f"127.0.0.1:{server.port}", TELLING[header]) as port,
        ):
            for at, user in expected.items():
                assert await id_of(await come(server, address=at, port=port)) == user
            for spoof in SPOOFS:
                # A list that is appended to is spoilt at its front only; the rest is not read.
                handshake = await come(server, spoof, address=ADDRESSES[0], port=port)
                assert await id_of(handshake) == expected[ADDRESSES[0]]

    async def test_over_a_unix_socket(self, tmp_path: Path, direct: Server, come: Come) -> None:
        at = ADDRESSES[0]
        expected = await id_of(await come(direct, address=at))
        path = tmp_path / "s"
        settings = {
            **SALTS,
            **NOBODY_IS_EXEMPT,
            "FORTEPIANO_PROXY__TRUSTED": f"unix:{path}",
            "FORTEPIANO_HOST": f"unix:{path}",
        }
        with (
            run_server(over=path, **settings) as server,
            run_nginx(f"unix:{path}:", TELLING["x-forwarded-for"]) as port,
        ):
            for spoof in ("X-Other: y", *SPOOFS):
                handshake = await come(server, spoof, address=at, port=port)
                assert await id_of(handshake) == expected
            statuses = [(await come(server, address=at, port=port)).status for _ in range(14)]
            assert 429 in statuses
            other = await come(server, port=port, address=ADDRESSES[1])
            assert await id_of(other) != expected


ADDRESSES = ["127.0.5.1", "127.0.5.2"]


def line(address: str) -> bytes:
    clients_by_address = ipaddress.ip_address(address).version
    return f"PROXY TCP{clients_by_address} {address} {address} 1 2\r\n".encode()


def binary(address: str) -> bytes:
    read = ipaddress.ip_address(address)
    body = read.packed * 2 + struct.pack(">HH", 1, 2)
    clients_by_address = 0x11 if read.version == 4 else 0x21
    return (
        b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack(">BBH", 0x21, clients_by_address, len(body)) + body
    )


class TestPrefaces:
    @pytest.mark.parametrize("preface", [line, binary])
    @pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
    async def test_they_say_who_connects(
        self,
        porch: Server,
        behind: Server,
        come: Come,
        preface: Callable[[str], bytes],
        address: str,
    ) -> None:
        expected = await id_of(await come(behind, f"X-Forwarded-For: {address}"))
        assert await id_of(await come(porch, before=preface(address))) == expected
        for spoof in SPOOFS:
            handshake = await come(porch, spoof, before=preface(address))
            assert await id_of(handshake) == expected

    async def test_they_may_come_in_pieces_and_with_a_frame(self, porch: Server) -> None:
        peer = await RawPeer.connect(porch)
        whole = binary("192.0.2.9") + handshake_request() + frame(TEXT, b'[{"m":"hi"}]')
        for byte in whole[:40]:
            await peer.send(bytes([byte]))
        await peer.send(whole[40:])
        handshake = RawHandshake(peer, await peer.response())
        assert handshake.status == 101
        assert await handshake.expect("hi")
        await peer.vanish()

    async def test_pages_are_served_behind_them(self, porch: Server) -> None:
        peer = await RawPeer.connect(porch)
        await peer.send(line("192.0.2.1"), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await peer.response()).status == 200
        await peer.vanish()

    @pytest.mark.parametrize(
        "first", [b"", b"PROXY TCP4 x\r\n", b"\r\n\r\n\x00\r\nQUIT\n" + b"\xff" * 4]
    )
    async def test_without_one_a_trusted_proxy_is_refused(
        self, porch: Server, come: Come, first: bytes
    ) -> None:
        assert (await come(porch, before=first)).status == 400

    async def test_from_anybody_else_it_is_no_request(self, porch: Server, come: Come) -> None:
        honest = await come(porch, address="127.0.0.2")
        assert honest.status == 101
        spoof = await come(porch, address="127.0.0.2", before=line("6.6.6.6"))
        assert spoof.status in {400, 405}

    async def test_a_proxy_may_ask_for_itself(self, porch: Server, come: Come) -> None:
        local = b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack(">BBH", 0x20, 0, 0)
        assert (await come(porch, before=local)).status == 101


def test_a_unix_socket_left_behind_is_replaced_and_one_in_use_is_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    settings = {"FORTEPIANO_HOST": f"unix:{path}"}
    with run_server(over=path, **settings) as server:
        assert path.stat().st_mode & 0o777 == 0o666
        second = subprocess.run(
            server.command, cwd=tmp_path, env=environment(**settings), capture_output=True,
            text=True, timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 2
        why = f"host: cannot listen on unix:{path}: Address already in use"
        assert second.stderr == f"fortepiano: {why}\n"
        assert server.is_ready()
    assert not path.exists()
