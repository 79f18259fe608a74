"""The files in deploy/, tested as far as possible without root and without a running systemd."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from support.server import Server, run_server
from support.supervised import sockets_passed
from support.tls_proxies import PROXIES, Certificate, make_certificate
from support.websocket_clients import Clients, new_address

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = (DEPLOY / "systemd" / "fortepiano.service").read_text()

PATIENCE = 30.0
WORST_EXPOSURE = 2.0
"""The worst exposure level that `systemd-analyze security` may report, of 10."""


# systemd


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    program = shutil.which("true")
    for file in (DEPLOY / "systemd").iterdir():
        text = re.sub(r"/opt/\S+", str(program), file.read_text())
        (tmp_path / file.name).write_text(text)
    for file in tmp_path.iterdir():
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", file.name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        complaints = [line for line in done.stderr.splitlines() if "fortepiano" in line]
        assert complaints == []


@pytest.mark.needs("systemd-analyze")
def test_the_unit_is_hardened() -> None:
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=yes",
            str(DEPLOY / "systemd/fortepiano.service"),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    (score,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(score) <= WORST_EXPOSURE, done.stdout


def test_the_unit_outlasts_the_drain() -> None:
    values = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert values["Type"] == "notify"
    assert values["LimitNOFILE"] == "65536"
    assert int(values["TimeoutStopSec"].removesuffix("s")) > 10 + 2 + 12


def test_the_unit_restarts_for_ever_and_has_a_folder_for_unix_sockets() -> None:
    values = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert values["Restart"] == "on-failure"
    assert values["StartLimitIntervalSec"] == "0"
    assert values["RuntimeDirectory"] == "fortepiano"
    assert "unix:/run/fortepiano/" in (DEPLOY.parent / "docs" / "operating.md").read_text()


def test_each_socket_unit_says_what_it_is_for() -> None:
    names = {
        file.name: re.findall(r"^FileDescriptorName=(.*)$", file.read_text(), re.MULTILINE)
        for file in (DEPLOY / "systemd").glob("*.socket")
    }
    assert names == {"fortepiano.socket": ["public"], "fortepiano-internal.socket": ["internal"]}


def test_systemd_hears_of_readiness_life_and_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(PATIENCE)
        watchdog = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with run_server(**watchdog) as server:
            # A sign of life may come first: both are sent as soon as it listens.
            first = set[bytes]()
            while len(first) < 2:  # a machine under load may need more than a second
                first |= {ear.recv(1024)} - {b"EXTEND_TIMEOUT_USEC=10000000"}
            assert first == {b"READY=1", b"WATCHDOG=1"}
            assert [ear.recv(1024) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            assert server.stop() == 0
            said = b""
            while said != b"STOPPING=1":
                said = ear.recv(1024)


@pytest.mark.parametrize("given", [1, 2])
def test_it_takes_the_sockets_that_systemd_holds(given: int) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as public,
        socket.create_server(("127.0.0.1", 0)) as internal,
        closing(Server()) as server,
        sockets_passed(server, [public, internal][:given]),
    ):
        server.port = public.getsockname()[1]
        if given == 2:
            server.internal_port = internal.getsockname()[1]
        # A connection that comes before the server listens is not refused: it waits.
        assert httpx.get(f"{server.url}/readyz", timeout=PATIENCE).status_code == 200
        base = server.internal_url
        assert httpx.get(f"{base}/healthz", timeout=PATIENCE).status_code == 200
        assert server.stop() == 0
        # systemd still holds the sockets: who comes now waits for the next server.
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE):
            pass


# Proxies


@pytest.fixture(scope="module")
def certificate() -> Iterator[Certificate]:
    """A certificate for localhost, and its key."""
    with tempfile.TemporaryDirectory(prefix="fortepiano-tls-") as name:
        yield make_certificate(Path(name))


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("proxy", PROXIES.values())
async def test_people_play_through_a_proxy_with_tls(proxy: Any, certificate: Certificate) -> None:
    trusting = certificate.trusting()
    with (
        run_server(FORTEPIANO_PROXY__TRUSTED="127.0.0.1") as server,
        proxy(server, certificate) as port,
    ):
        async with httpx.AsyncClient(verify=trusting) as client:
            page = await client.get(f"https://localhost:{port}/my-room")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        address = new_address()

        async def visit(local: str) -> Any:
            return await connect(
                f"wss://localhost:{port}/ws",
                ssl=trusting,
                host="127.0.0.1",
                port=port,
                proxy=None,
                local_addr=(local, 0),
                # A client cannot claim another address.
                additional_headers={"X-Forwarded-For": "192.0.2.77"},
            )

        first, second = await visit(address), await visit(new_address())
        ids = []
        for connection in (first, second):
            await connection.send(json.dumps([{"m": "hi"}, {"m": "ch", "_id": "hall"}]))
            async with asyncio.timeout(PATIENCE):
                said: list[Any] = []
                while not any(message["m"] == "ch" for message in said):
                    said += json.loads(await connection.recv())
            ids.append(next(message["u"]["_id"] for message in said if message["m"] == "hi"))
        assert ids[0] != ids[1]
        async with Clients(server) as clients:
            direct = await clients.enter(address=address)
            assert direct.id == ids[0], "the proxy is not taken for the one who plays"
        await first.send(json.dumps([{"m": "n", "t": 1, "n": [{"n": "a1", "v": 0.5}]}]))
        async with asyncio.timeout(PATIENCE):
            heard: list[Any] = []
            while not any(message["m"] == "n" for message in heard):
                heard += json.loads(await second.recv())
        await first.close()
        # The close of a restart comes through with its code.
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await second.wait_closed()
        assert second.close_code == 4000


def test_logs_are_json_on_stdout() -> None:
    with run_server() as server:
        for line in server.log.splitlines():
            assert {"event", "level", "timestamp", "logger"} <= json.loads(line).keys()
        assert not os.path.exists(server.folder / "fortepiano.log")
