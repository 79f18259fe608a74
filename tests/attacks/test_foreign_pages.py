"""A page of another site connects for its visitors, or calls this machine by its own name.

Limits: none are concerned; `origins` and `internal_hosts` are as each test says.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from support.bystanders import untroubled
from support.http_attacker import HttpAttacker
from support.raw_handshake import raw_handshake
from support.raw_peer import handshake_request
from support.scrape import metric
from support.server import NOBODY_IS_EXEMPT, Server, run_server

PERMITTED = "https://piano.example.org"


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server that lets in the pages of one origin, and has a name on its internal port."""
    settings = {"FORTEPIANO_ORIGINS": PERMITTED, "FORTEPIANO_INTERNAL_HOSTS": "metrics.internal"}
    with run_server(**settings) as running:
        yield running


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (PERMITTED, 101),
        ("https://PIANO.example.org:443", 101),
        ("http://localhost", 101),  # the page's own: the request says `Host: localhost`
        ("https://localhost", 101),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://piano.example.org", 403),
        ("https://piano.example.org:8443", 403),
        ("https://piano.example.org.evil.example", 403),
        ("https://evil.example/https://piano.example.org", 403),
        ("http://localhost:8081", 403),
        ("http://localhost.evil.example", 403),
        (f"{PERMITTED}, https://evil.example", 403),
        ("", 403),
    ],
)
async def test_an_origin_must_be_permitted(strict: Server, origin: str, status: int) -> None:
    handshake = await raw_handshake(strict, f"Origin: {origin}")
    assert handshake.status == status
    await handshake.peer.vanish()


async def test_two_origins_are_none(strict: Server) -> None:
    handshake = await raw_handshake(strict, f"Origin: {PERMITTED}", f"Origin: {PERMITTED}")
    assert handshake.status == 403
    await handshake.peer.vanish()


async def test_programs_have_no_origin_and_pass(strict: Server) -> None:
    handshake = await raw_handshake(strict)
    assert handshake.status == 101
    await handshake.peer.vanish()


async def test_a_refused_origin_counts_for_nothing() -> None:
    settings = NOBODY_IS_EXEMPT | {"FORTEPIANO_ORIGINS": PERMITTED}
    with run_server(**settings) as server:
        for _ in range(40):  # twice the connects that an address may make at once
            handshake = await raw_handshake(server, "Origin: https://evil.example")
            assert handshake.status == 403
            await handshake.peer.vanish()
        handshake = await raw_handshake(server)
        assert handshake.status == 101
        await handshake.peer.vanish()
        assert metric(server, 'refused_connections_total{reason="foreign_origin"}') == 40


async def test_by_default_all_origins_pass(server: Server) -> None:
    for origin in ("https://evil.example", "null"):
        handshake = await raw_handshake(server, f"Origin: {origin}")
        assert handshake.status == 101
        await handshake.peer.vanish()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:9180", 200),
        ("[::1]:9180", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("localhost.", 200),
        ("metrics.internal", 200),
        ("Metrics.Internal:9180", 200),
        ("evil.example", 421),
        ("evil.example:9180", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.1", 421),
        ("2130706433", 421),
    ],
)
def test_the_internal_port_knows_its_names(strict: Server, host: str, status: int) -> None:
    url = strict.internal_url
    for path in ("/metrics", "/admin", "/openapi.json"):
        found = httpx.get(f"{url}{path}", headers={"Host": host})
        assert found.status_code == status, path
    for path in ("/healthz", "/readyz"):
        assert httpx.get(f"{url}{path}", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("port", "request_"),
    [
        ("port", handshake_request("/ws", "Origin: https://evil.example")),
        ("internal_port", b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    ],
)
def test_a_flood_of_a_page_delays_nobody(strict: Server, port: str, request_: bytes) -> None:
    with (
        untroubled(strict, f"a foreign page, {port}"),
        HttpAttacker(getattr(strict, port), "127.0.0.1") as visitor,
    ):
        visitor.knock([request_], 4)
