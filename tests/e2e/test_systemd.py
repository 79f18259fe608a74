"""Sockets that systemd passes on, and what it hears of a server that lives through upgrades."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect, unix_connect

from support.server import Server, free_port, run_server
from support.supervised import Ear, activated

PATIENCE = 30.0

STAFF_PATHS = ("/metrics", "/admin", "/admin/", "/api/v1/status", "/api/v1/rooms", "/api/v1/users")


def assert_public(base: str) -> None:
    """Assert that a port is for people: each of the staff's paths is the page of a room."""
    for path in STAFF_PATHS:
        answer = httpx.get(f"{base}{path}", timeout=PATIENCE)
        assert "fortepiano_" not in answer.text, path
        assert answer.status_code == 404 or "text/html" in answer.headers["content-type"], path
    assert (
        httpx.get(f"{base}/metrics", timeout=PATIENCE)
        .headers["content-type"]
        .startswith("text/html")
    )


def assert_internal(base: str) -> None:
    """Assert that a port is for the staff."""
    assert "fortepiano_sockets" in httpx.get(f"{base}/metrics", timeout=PATIENCE).text


@pytest.mark.needs("systemd-socket-activate")
@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (("127.0.0.1",), ""),
        (("127.0.0.1",), "public"),
        (("127.0.0.1", "127.0.0.1"), ""),
        (("127.0.0.1", "127.0.0.1"), "public:internal"),
        (("127.0.0.1", "[::1]"), "public:public"),
        (("127.0.0.1", "[::1]", "127.0.0.1"), "public:public:internal"),
        (("127.0.0.1", "127.0.0.1", "[::1]"), "internal:public:public"),
    ],
)
def test_sockets_by_name_or_by_clear_order(hosts: tuple[str, ...], names: str) -> None:
    places = [f"{host}:{free_port()}" for host in hosts]
    kinds = names.split(":") if names else ["public", "internal"][: len(hosts)]
    with closing(Server()) as server, activated(server, places, names):
        doors = [f"http://{place}" for place in places]
        if "internal" not in kinds:
            kinds, doors = (
                [*kinds, "internal"],
                [*doors, f"http://127.0.0.1:{server.internal_port}"],
            )
        for kind, door in sorted(zip(kinds, doors, strict=True), reverse=True):
            wait_until_it_listens(door)
            (assert_public if kind == "public" else assert_internal)(door)
        assert server.stop() == 0


def wait_until_it_listens(base: str) -> None:
    """Wait for `systemd-socket-activate`, which takes a moment to listen."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            httpx.get(f"{base}/healthz", timeout=PATIENCE)
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


@pytest.mark.needs("systemd-socket-activate")
@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (("127.0.0.1", "0.0.0.0"), ""),
        (("127.0.0.1", "[::1]", "127.0.0.1"), ""),
        (("127.0.0.1", "127.0.0.1", "127.0.0.1"), "public:internal:internal"),
        (("127.0.0.1", "127.0.0.1"), "public:staff"),
    ],
)
def test_unclear_sockets_are_refused(hosts: tuple[str, ...], names: str) -> None:
    places = [f"{host}:{free_port()}" for host in hosts]
    with closing(Server()) as server, activated(server, places, names) as process:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:  # the first connection starts it, and is reset at its end
            with suppress(httpx.HTTPError):
                httpx.get(f"http://{places[0]}/healthz", timeout=PATIENCE)
            assert time.monotonic() < deadline
        assert process.returncode == 2
        assert "Traceback" not in server.log
        (line,) = re.findall(r"^fortepiano: .*$", server.log, re.MULTILINE)
        assert line.startswith("fortepiano: sockets from systemd: ")


@pytest.mark.needs("systemd-socket-activate")
async def test_all_public_sockets_live_through_an_upgrade(tmp_path: Path) -> None:
    """IPv4, IPv6 and a Unix socket: clients stay, and others come in on each."""
    port, path = free_port(), tmp_path / "public.sock"
    places = [f"127.0.0.1:{port}", f"[::1]:{port}", str(path), f"127.0.0.1:{free_port()}"]
    with closing(Server()) as server, activated(server, places, "public:public:public:internal"):
        server.port = port
        wait_until_it_listens(server.url)
        over = [{"host": "127.0.0.1"}, {"host": "::1"}]
        before = [await connect(f"ws://localhost:{port}/", proxy=None, **at) for at in over]
        await asyncio.to_thread(server.upgrade)
        for at in over:
            async with connect(f"ws://localhost:{port}/", proxy=None, **at) as late:
                await late.send('[{"m":"hi"}]')
        async with unix_connect(str(path), "ws://localhost/") as late:
            await late.send('[{"m":"hi"}]')
        for one in before:
            await one.send('[{"m":"hi"}]')
            async with asyncio.timeout(PATIENCE):
                while "hi" not in {message["m"] for message in json.loads(await one.recv())}:
                    pass
            await one.close()
        assert_public(f"http://[::1]:{port}")
        assert_internal(f"http://{places[3]}")
        assert server.stop() == 0
    assert path.is_socket(), "systemd still listens there"


def test_the_supervisor_follows_an_upgrade(tmp_path: Path) -> None:
    """The old process names the new one; only then the new one is ready, and it says the end."""
    with closing(Ear(tmp_path)) as ear, run_server(**ear.variables) as server:
        old = server.pid
        assert ear.until("READY=1")[-1] == "READY=1"
        assert ear.last_pid == old
        server.upgrade()
        ear.until(f"MAINPID={server.pid}")
        assert ear.last_pid == old
        assert not [text for text in ear.until("READY=1")[:-1] if text != "WATCHDOG=1"]
        assert ear.last_pid == server.pid
        assert server.stop() == 0
        ear.until("STOPPING=1")
        assert ear.last_pid == server.pid
