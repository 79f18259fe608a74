"""Networks: classes behind one address, lists of data centres, and the texts of refusals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from support.server import NOBODY_IS_EXEMPT, Server, environment, run_server
from support.websocket_clients import Client, Clients, new_address

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
LISTED, OTHER = "127.99.1.1", "127.99.2.1"


def fetched(url: str, address: str = "127.0.0.1", **headers: str) -> str:
    """Return what is at a URL, asked for from an address."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address)) as client:
        return client.get(url, headers=headers).text


def asked(server: Server, address: str, **headers: str) -> dict[str, Any]:
    """Return the answer of `/readyz` to an address."""
    answer: dict[str, Any] = json.loads(fetched(f"{server.url}/readyz", address, **headers))
    return answer


async def refusal(server: Server, address: str) -> tuple[int, str]:
    """Return the status and the text with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await Client.open(server, address=address)
    response = refused.value.response
    return response.status_code, response.body.decode()


async def until(happens: Any) -> None:
    """Wait until a function says yes."""
    deadline = time.monotonic() + 20
    while not await happens():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture(params=["ip", "token"])
def school(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server as an operator sets it up for classes of thirty, where nobody is exempt."""
    with run_server(
        NODE_ENV="production",
        FORTEPIANO_IDENTITY__MODE=request.param,
        FORTEPIANO_LIMITS__PEOPLE_PER_ADDRESS="30",
        **NOBODY_IS_EXEMPT,
    ) as server:
        yield server


async def test_a_class_of_thirty_behind_one_address(school: Server) -> None:
    mode = asked(school, "127.0.0.1")
    assert mode == {"status": "ready"}
    async with Clients(school) as pupils:
        # All at once, as when a lesson begins; each in a room of their own, then a second tab.
        people = await asyncio.gather(
            *(
                pupils.enter(f"desk {number}", address="127.0.7.1", agent=BROWSER)
                for number in range(30)
            )
        )
        tokens = [client.log[1].get("token") for client in people]
        is_by_token = tokens[0] is not None
        assert len({client.id for client in people}) == (30 if is_by_token else 1)
        assert {client.room for client in people} == {f"desk {number}" for number in range(30)}
        # And all again, as when the server has restarted.
        for client in people:
            await client.vanish()
        again = await asyncio.gather(
            *(
                pupils.enter("lesson", address="127.0.7.1", agent=BROWSER, token=token)
                for token in tokens
            )
        )
        assert {client.id for client in again} == {client.id for client in people}
        await again[0].send({"m": "a", "message": "hello"})
        for client in again:
            assert (await client.expect("a"))["a"] == "hello"


async def test_without_it_a_class_is_told_that_it_is_too_many() -> None:
    with run_server(NODE_ENV="production", **NOBODY_IS_EXEMPT) as server:
        async with Clients(server) as pupils:
            for _ in range(16):
                await pupils.enter(address="127.0.7.1")
            status, why = await refusal(server, "127.0.7.1")
            assert status == 429
            assert "your address" in why
            for _ in range(40):  # as often as pages like, which costs them nothing
                assert asked(server, "127.0.7.1") == {
                    "status": "ready",
                    "you": "too_many",
                    "words": "Too many people from your network are here",
                    "code": "too_many_sockets",
                }
            assert asked(server, "127.0.7.2") == {"status": "ready"}
            await pupils.enter(address="127.0.7.2")


async def test_behind_a_proxy_who_asks_is_who_the_proxy_says() -> None:
    with run_server(
        NODE_ENV="production",
        FORTEPIANO_PROXY__TRUSTED="127.0.0.1",
        FORTEPIANO_LIMITS__SOCKETS_PER_ADDRESS="1",
    ) as server:
        for address in ("203.0.113.7", "2001:db8::/64"):
            command(server, "bans", "add", address)

        async def is_banned() -> bool:
            header = {"x-forwarded-for": "2001:db8::5"}
            return asked(server, "127.0.0.1", **header).get("you") == "banned"

        await until(is_banned)
        for address, readyz_from in [
            ("203.0.113.7", "banned"),
            ("203.0.113.8", None),
            ("6.6.6.6, 203.0.113.7", "banned"),
            ("203.0.113.7, 203.0.113.8", None),
            ("2001:db8::5", "banned"),
        ]:
            header = {"x-forwarded-for": address}
            assert asked(server, "127.0.0.1", **header).get("you") == readyz_from, address
        # The header of an untrusted peer counts nothing, and the internal port never answers `you`.
        assert "you" not in asked(server, "127.0.0.2", **{"x-forwarded-for": "203.0.113.7"})
        internal = f"{server.internal_url}/readyz"
        answer = fetched(internal, **{"x-forwarded-for": "203.0.113.7"})
        assert json.loads(answer) == {"status": "ready"}


async def test_behind_the_proxy_protocol_too() -> None:
    with run_server(
        NODE_ENV="production",
        FORTEPIANO_PROXY__TRUSTED="127.0.0.1",
        FORTEPIANO_PROXY__PROTOCOL="true",
        first=b"PROXY UNKNOWN\r\n",
    ) as server:
        command(server, "bans", "add", "203.0.113.7")

        def readyz_from(address: str) -> str:
            head = f"PROXY TCP4 {address} 127.0.0.1 50000 80\r\n"
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(f"{head}GET /readyz HTTP/1.0\r\n\r\n".encode())
                with connection.makefile("rb") as stream:
                    return stream.read().decode()

        async def is_banned() -> bool:
            return '{"status":"ready","you":"banned",' in readyz_from("203.0.113.7")

        await until(is_banned)
        assert readyz_from("203.0.113.8").endswith('{"status":"ready"}')


async def test_a_list_that_changes_while_people_play(tmp_path: Path) -> None:
    file = tmp_path / "centres.txt"
    file.write_text("# Data centres\n127.99.1.0/24\nnonsense\n")
    lists = [
        {"name": "centres", "path": str(file), "words": "Kein Zugang: é", "refresh_seconds": 1},
        {"name": "mute", "path": str(tmp_path / "mute.txt"), "effect": "chat",
         "refresh_seconds": 1},
    ]  # fmt: skip
    settings = {"NODE_ENV": "production", "FORTEPIANO_NETWORKS__LISTS": json.dumps(lists)}
    with run_server(scopes=("admin",), **settings) as server:
        async with Clients(server) as clients_by_address:
            other = await clients_by_address.enter("room", address=OTHER)
            listed = await clients_by_address.open(address=LISTED)
            await listed.send({"m": "hi"})
            assert (await listed.expect("notification"))["text"] == "Kein Zugang: é"
            assert await listed.closed() == 4005
            # From now on before the upgrade: stock clients would be back every 50 ms.
            for _ in range(3):
                assert await refusal(server, LISTED) == (403, "Kein Zugang: é\n")
            assert asked(server, LISTED) == {
                "status": "ready", "you": "network_refused", "words": "Kein Zugang: é",
                "code": "listed_network",
            }  # fmt: skip
            assert '"line": 3' in server.log
            # A member of the staff, and a bot of the operator's, come from anywhere.
            bot = await clients_by_address.open(address="127.99.1.2")
            await bot.hello(token=server.tokens["admin"])

            replace(file, "127.99.2.0 - 127.99.2.255\n")
            assert (await other.expect("notification", within=20))["text"] == "Kein Zugang: é"
            assert await other.closed() == 4005

            async def is_let_in() -> bool:
                try:
                    await clients_by_address.enter("room", address=LISTED)
                except InvalidStatus:
                    return False
                return True

            await until(is_let_in)
            file.unlink()
            replace(tmp_path / "mute.txt", "127.99.1.0/24\n")
            speaker = await clients_by_address.enter("room", address=LISTED)

            async def is_mute() -> bool:
                await speaker.send({"m": "a", "message": "hello"})
                return any(one["m"] == "notification" for one in await speaker.received())

            await until(is_mute)
            # After the file has vanished the list is as before.
            newcomer = await clients_by_address.open(address=new_listed())
            await newcomer.send({"m": "hi"})
            assert await newcomer.closed() == 4005
        assert "No such file" in server.log
        assert "last good one stays" in server.log
        assert "127.99.1.1" not in server.log


def new_listed() -> str:
    return "127.99.2.77"


def replace(file: Path, text: str) -> None:
    """Put another file in a file's place, as a careful script does."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.utime(new, (time.time() - 5, time.time() - 5))
    new.replace(file)


def command(server: Server, *arguments: str) -> str:
    """Run `fortepiano …` on the data of a server."""
    done = subprocess.run(
        [sys.executable, "-m", "fortepiano", *arguments],
        cwd=server.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def test_a_list_is_imported_by_one_command(tmp_path: Path) -> None:
    networks = [f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32" for n in range(5000)]
    file = tmp_path / "tor-exits.txt"
    file.write_text("\n".join([*networks, "127.99.1.0/24", "what is this"]))
    with run_server(NODE_ENV="production") as server:
        said = command(server, "bans", "import", str(file), "--words", "No Tor.")
        assert "line 5002" in said
        assert "5001 networks in the list tor-exits, which may not enter, 1 lines" in said
        assert re.search(r"tor-exits +enter +5001", command(server, "bans", "lists"))
        async with Clients(server) as clients_by_address:

            async def is_kept_out() -> bool:
                return asked(server, LISTED).get("you") == "network_refused"

            await until(is_kept_out)
            client = await clients_by_address.open(address=LISTED)
            await client.send({"m": "hi"})
            assert (await client.expect("notification"))["text"] == "No Tor."
            assert await client.closed() == 4005
            command(server, "bans", "remove-list", "tor-exits")

            async def is_let_in() -> bool:
                return "you" not in asked(server, LISTED)

            await until(is_let_in)
        acts = command(server, "audit")
        assert "import_networks" in acts
        assert "remove_networks" in acts


async def test_a_command_bans_the_network_of_somebody_who_is_here() -> None:
    with run_server(NODE_ENV="production") as server:
        async with Clients(server) as clients_by_address:
            ann = await clients_by_address.enter("room", address="127.98.1.1")
            far = await clients_by_address.enter("room", address="127.98.2.1")
            said = command(server, "bans", "add", ann.id, "--network", "56", "--for", "1d")
            assert "and the network around (/56) are banned" in said
            assert await ann.closed(20) == 4008
            for address in ("127.98.1.1", "127.98.1.99"):
                assert (await refusal(server, address))[0] == 403
            assert asked(server, "127.98.1.99")["you"] == "banned"
            assert "127.98" not in command(server, "bans", "list") + command(server, "audit")
            await far.received()
            await clients_by_address.enter(address=new_address())
            assert "127.98" not in server.log


async def test_the_api_bans_the_network_of_somebody_who_is_here() -> None:
    with (
        run_server(scopes=("moderate", "admin"), NODE_ENV="production") as server,
        httpx.Client() as client,
    ):
        tokens = server.tokens
        bans = f"{server.internal_url}/api/v1/bans"

        def ban(scope: str, **body: object) -> httpx.Response:
            return client.post(
                bans, json=body, headers={"authorization": f"Bearer {tokens[scope]}"}
            )

        async with Clients(server) as clients_by_address:
            ann = await clients_by_address.enter("room", address="127.97.1.1")
            for scope, status, body in [
                ("moderate", 403, {"network": 48, "duration_ms": 60_000}),
                ("moderate", 403, {"network": 56}),
                ("moderate", 403, {"network": 56, "duration_ms": 86_401_000}),
                ("moderate", 422, {"network": 16, "duration_ms": 60_000}),
                ("admin", 409, {"network": 56, "room": "room"}),
            ]:
                answer = ban(scope, subject=ann.id, **body)
                assert answer.status_code == status, (body, answer.text)
            assert ban("admin", subject="f" * 24, network=56).status_code == 409
            assert ban("admin", subject="192.0.2.1", network=56).status_code == 409
            await ann.received()
            answer = ban("moderate", subject=ann.id, network=56, duration_ms=86_400_000)
            assert answer.status_code == 201
            assert answer.json()["subject"] == ann.id
            assert await ann.closed() == 4008
            assert (await refusal(server, "127.97.1.99"))[0] == 403
            await clients_by_address.enter(address="127.97.2.1")
            listed = fetched(bans, authorization=f"Bearer {tokens['admin']}")
            assert ann.id in listed
            assert "127.97" not in listed
