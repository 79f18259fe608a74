"""More people than a stock nginx lets in, through the proxies of deploy/, over IPv4 and IPv6."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from fortepiano.config.known_networks import CLOUDFLARE
from support.crowd import many_files
from support.raw_peer import TEXT, RawPeer, frame, handshake_request
from support.server import Server, run_server
from support.tls_proxies import (
    DEPLOY,
    PROXIES,
    RAISED,
    STOCK,
    Certificate,
    make_certificate,
    nginx,
)

PEOPLE = 420
AT_ONCE = 40
CLOSED = 0
"""Stands for the status of a connection that was closed without a response."""

PATIENCE = 60.0
TRUSTING = {"FORTEPIANO_PROXY__TRUSTED": "127.0.0.1"}

pytestmark = [pytest.mark.needs("openssl"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def certificate() -> Iterator[Certificate]:
    """A certificate for localhost, and its key."""
    with tempfile.TemporaryDirectory(prefix="fortepiano-tls-") as name:
        yield make_certificate(Path(name))


class People:
    """People who connect through a proxy with TLS, say `hi`, and stay.

    Args:
        port: The port of the proxy.
        trusting: Trusts the certificate of the proxy.
    """

    def __init__(self, port: int, trusting: ssl.SSLContext) -> None:
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._trusting = trusting
        self._places = asyncio.Semaphore(AT_ONCE)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> People:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def come(self, count: int) -> None:
        """Connect so many people, half of them over IPv6."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(self._visit(number) for number in range(count)))

    async def _visit(self, number: int) -> None:
        async with self._places:
            try:
                peer = await self.connect("::1" if number % 2 else "127.0.0.1")
                await peer.send(handshake_request())
                status = (await peer.response()).status
            except (EOFError, OSError):
                self.statuses[CLOSED] += 1
                return
            self.statuses[status] += 1
            if status == 101:
                hello = json.dumps([{"m": "hi"}, {"m": "ch", "_id": f"room {number // 20}"}])
                await peer.send(frame(TEXT, hello.encode()))
                while b'"m":"ch"' not in await peer.expect(TEXT):
                    pass

    async def connect(self, host: str) -> RawPeer:
        """Connect one of them, who sends nothing yet."""
        reader, writer = await asyncio.open_connection(
            host, self._port, ssl=self._trusting, server_hostname="localhost"
        )
        self._stack.callback(writer.close)
        return RawPeer(reader, writer)


@pytest.mark.parametrize("proxy", PROXIES.values())
async def test_hundreds_get_in(proxy: Any, certificate: Certificate) -> None:
    many_files(4 * PEOPLE)
    with run_server(**TRUSTING) as server, proxy(server, certificate) as port:
        async with People(port, certificate.trusting()) as people:
            await people.come(PEOPLE)
            assert people.statuses == {101: PEOPLE}


@pytest.mark.needs("nginx")
async def test_a_stock_nginx_keeps_some_out(certificate: Certificate) -> None:
    """Without the two settings nginx answers 500 or closes, which the server cannot see."""
    many_files(4 * PEOPLE)
    stock = nginx(*(server := Server(**TRUSTING), certificate), main=STOCK)
    with closing(server):
        server.start()
        with stock as port:
            async with People(port, certificate.trusting()) as people:
                await people.come(PEOPLE)
                assert people.statuses[101] < PEOPLE
                assert people.statuses.keys() <= {101, 500, CLOSED}


def test_the_two_settings_are_told_where_they_are_missed() -> None:
    documents = [
        DEPLOY / "nginx" / "fortepiano.conf",
        DEPLOY.parent / "docs" / "operating.md",
        DEPLOY.parent / "docs" / "sizing.md",
    ]
    for document in documents:
        text = document.read_text("utf-8")
        assert all(setting in text for setting in RAISED), document


@pytest.mark.needs("nginx")
async def test_people_behind_cloudflare_are_told_apart(certificate: Certificate) -> None:
    """An edge of Cloudflare stands before nginx; in this test its address is 127.0.0.1."""
    ours = (DEPLOY / "nginx" / "cloudflare.conf").read_text()
    edge = f"{ours}\nset_real_ip_from 127.0.0.1;\n"
    claims = ("198.51.100.7", "198.51.100.8", "2001:db8:1::7", "2001:db8:2::7", "198.51.100.7")
    with run_server(**TRUSTING) as server, nginx(server, certificate, edge) as port:
        async with People(port, certificate.trusting()) as people:
            ids = [await id_of(people, f"CF-Connecting-IP: {claim}") for claim in claims]
            stranger = await id_of(people, f"CF-Connecting-IP: {claims[0]}", host="::1")
    assert len(set(ids)) == 4
    assert ids[0] == ids[-1]
    assert stranger not in ids, "only an edge is believed"


async def test_people_behind_cloudflare_alone_are_told_apart() -> None:
    """Cloudflare stands before a proxy that appends to X-Forwarded-For, and both are trusted."""
    trusted = ", ".join(["127.0.0.1", *CLOUDFLARE])
    with run_server(FORTEPIANO_PROXY__TRUSTED=trusted) as server:
        for edge in ("172.70.1.1", "2606:4700::1"):
            ids: set[str] = set()
            for claim in ("198.51.100.7", "198.51.100.8"):
                peer = await RawPeer.connect(server)
                header = f"X-Forwarded-For: 6.6.6.6, {claim}, {edge}"
                await peer.send(handshake_request("/ws", header), frame(TEXT, b'[{"m":"hi"}]'))
                assert (await peer.response()).status == 101
                ids.add(await hello_of(peer))
                await peer.vanish()
            assert len(ids) == 2


def test_the_networks_are_the_same_in_both_places() -> None:
    text = (DEPLOY / "nginx" / "cloudflare.conf").read_text()
    assert re.findall(r"^set_real_ip_from (\S+);$", text, re.MULTILINE) == list(CLOUDFLARE)


async def id_of(people: People, header: str, host: str = "127.0.0.1") -> str:
    peer = await people.connect(host)
    await peer.send(handshake_request("/ws", header), frame(TEXT, b'[{"m":"hi"}]'))
    assert (await peer.response()).status == 101
    return await hello_of(peer)


async def hello_of(peer: RawPeer) -> str:
    while True:
        for message in json.loads(await peer.expect(TEXT)):
            if message["m"] == "hi":
                found: str = message["u"]["_id"]
                return found
