"""The same port for browsers that ask for a page, and the request head's limits (case 12)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import httpx
import pytest

from support.raw_peer import TEXT, frame, handshake_request
from support.server import Server, run_server
from support.websocket_clients import Client, Clients

pytestmark = pytest.mark.one_node("each process has ports of its own, and answers HTTP by itself")

HI = b'[{"m":"hi"}]'


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    """A server that gives a request head half a second."""
    with run_server(FORTEPIANO_LIMITS__HEAD_SECONDS="0.5") as running:
        yield running


@pytest.mark.parametrize(
    "path", ["/", "/some%20room", "/test/awkward", "/lobby?x=1", "/%E2%82%AC", "/a/b/c"]
)
@pytest.mark.case(12)
def test_every_path_is_the_page(server: Server, path: str) -> None:
    page = httpx.get(server.url + "/")
    reply = httpx.get(server.url + path)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.text == page.text


@pytest.mark.case(12)
def test_the_pages_assets_are_there(server: Server) -> None:
    page = httpx.get(server.url + "/").text
    links = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert links
    for link in links:
        reply = httpx.get(server.url + link)
        assert reply.status_code == 200, link
        assert reply.text != page, link
    # Nothing comes from another host.
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing.js",
        "/../x",
        "/assets/../../config.py",
        "/..%2fx",
        "/%2e%2e/x",
        "/%2E%2E%2Fx",
        "/assets/..%2f..%2fconfig.py",
        "/x%00",
        "/assets/x%00.js",
    ],
)
@pytest.mark.case(12)
async def test_no_path_leads_outside_the_served_files(clients: Clients, path: str) -> None:
    # By hand, because every client library tidies such a path before it sends it.
    peer = await clients.raw_peer()
    await peer.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    reply = await peer.response()
    assert reply.status == 404
    assert b"import" not in await peer.body(reply)


@pytest.mark.case(12)
def test_ws_without_a_handshake_is_400(server: Server) -> None:
    assert httpx.get(server.url + "/ws").status_code == 400


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health(server: Server, path: str) -> None:
    assert httpx.get(server.url + path).status_code == 200


def test_health_on_the_internal_port(server: Server) -> None:
    assert httpx.get(f"{server.internal_url}/healthz").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_put_there(server: Server, method: str) -> None:
    assert httpx.request(method, server.url + "/", content=b"x" * 1000).status_code in {404, 405}


async def test_a_frame_in_the_same_segment_as_the_upgrade_is_not_lost(clients: Clients) -> None:
    peer = await clients.raw_peer()
    await peer.handshake(frame(TEXT, HI))
    assert b'"b"' in await peer.expect(TEXT)
    assert b'"hi"' in await peer.expect(TEXT)


async def test_half_a_frame_behind_the_upgrade_is_continued(clients: Clients) -> None:
    peer = await clients.raw_peer()
    whole = frame(TEXT, HI)
    await peer.handshake(whole[:9])
    assert b'"b"' in await peer.expect(TEXT)
    await peer.send(whole[9:])
    assert b'"hi"' in await peer.expect(TEXT)


async def test_an_upgrade_behind_another_request_is_parsed_in_order_or_refused(
    clients: Clients,
) -> None:
    peer = await clients.raw_peer()
    first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    await peer.send(first, handshake_request("/ws"), frame(TEXT, HI))
    reply = await peer.response()
    if reply.status == 400:
        return
    assert reply.status == 200
    await peer.body(reply)
    assert (await peer.response()).status == 101
    assert b'"b"' in await peer.expect(TEXT)
    assert b'"hi"' in await peer.expect(TEXT)


@pytest.mark.parametrize(
    "request_",
    [
        handshake_request().replace(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 12"),
        handshake_request().replace(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Kez: "),
        handshake_request().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"),
        handshake_request("/ws", "Sec-WebSocket-Protocol: \xe4\x80"),
    ],
    ids=["version", "no key", "bad key", "protocol that is not ASCII"],
)
async def test_a_bad_upgrade_is_refused_in_http(clients: Clients, request_: bytes) -> None:
    peer = await clients.raw_peer()
    await peer.send(request_)
    assert (await peer.response()).status in {400, 426}


async def test_no_extension_and_no_subprotocol_is_agreed_on(clients: Clients) -> None:
    peer = await clients.raw_peer()
    await peer.send(
        handshake_request(
            "/ws", "Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: mpp"
        )
    )
    reply = await peer.response()
    assert reply.status == 101
    assert "sec-websocket-extensions" not in reply.headers
    assert "sec-websocket-protocol" not in reply.headers


@pytest.mark.parametrize("origin", ["https://multiplayerpiano.net", "http://evil.example", "null"])
async def test_any_origin_may_come(clients: Clients, origin: str) -> None:
    peer = await clients.raw_peer()
    await peer.send(handshake_request("/ws", f"Origin: {origin}"))
    assert (await peer.response()).status == 101


@pytest.mark.parametrize("begin", [b"", b"GET / HT", handshake_request()[:-2]])
async def test_a_request_head_that_never_ends_is_cut_off(hasty: Server, begin: bytes) -> None:
    async with Clients(hasty) as clients:
        peer = await clients.raw_peer()
        await peer.send(begin)
        assert await peer.ended(within=5)


async def test_a_request_head_that_drips_is_cut_off(hasty: Server) -> None:
    async with Clients(hasty) as clients:
        peer = await clients.raw_peer()

        async def drip() -> None:
            await peer.send(b"GET / HTTP/1.1\r\nX: ")
            while True:
                await peer.send(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await peer.ended(within=5)
        dripping.cancel()


async def test_the_deadline_of_the_head_does_not_touch_the_socket_after_it(hasty: Server) -> None:
    async with Clients(hasty) as clients:
        client = await clients.open()
        silent = await clients.raw_peer()
        # The silent connection is cut off long after the second of the client.
        assert await silent.ended(within=5)
        await client.assert_silent_until_hi()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000,
        b"GET /" + b"x" * 40_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 8_000,
    ],
    ids=["one header", "path", "many headers"],
)
async def test_too_large_a_request_head_is_refused(clients: Clients, head: bytes) -> None:
    peer = await clients.raw_peer()
    await peer.send(head)
    try:
        reply = await peer.response()
    except (EOFError, ConnectionError):
        return
    assert reply.status in {400, 414, 431}
    assert await peer.ended()


async def test_silent_connections_keep_nobody_out(server: Server, clients: Clients) -> None:
    before = server.resident_bytes
    for _ in range(300):
        await clients.raw_peer()
    client: Client = await clients.open()
    await client.hello()
    assert server.resident_bytes - before < 20 << 20
