"""Users by token on a whole server: over a restart, revoked, and with new keys while it runs."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from support.raw_handshake import BROWSER, raw_handshake
from support.server import Server, environment, run_server


@pytest.fixture(scope="module")
def known() -> Iterator[Server]:
    """A server on which a token is the user."""
    with run_server(FORTEPIANO_IDENTITY__MODE="token") as running:
        yield running


@asynccontextmanager
async def hello_as_browser(
    server: Server, token: str | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Say `hi` as a browser does; gives the answer."""
    async with AsyncExitStack() as stack:
        handshake = await raw_handshake(server, BROWSER)
        stack.push_async_callback(handshake.peer.vanish)
        yield await handshake.hello(token)


async def reply_to(server: Server, token: str | None = None) -> dict[str, Any]:
    async with hello_as_browser(server, token) as reply:
        return reply


def token_command(server: Server, *arguments: str) -> str:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "fortepiano", "token", *arguments),
            *("--data-dir", str(server.folder / "data")),
        ],
        cwd=server.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def eventually(server: Server, token: str, wanted: Any) -> dict[str, Any]:
    """Say `hi` until the answer is as wanted, which another process has brought about."""
    for _ in range(50):
        reply = await reply_to(server, token)
        if wanted(reply):
            return reply
        await asyncio.sleep(0.1)
    pytest.fail(f"not within five seconds: {reply}")


@pytest.mark.case(19)
async def test_a_browser_is_the_same_user_again_after_a_restart_too() -> None:
    with run_server(FORTEPIANO_IDENTITY__MODE="token") as server:
        first = await reply_to(server)
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", first["token"])
        server.restart()
        again = await reply_to(server, first["token"])
        assert again["u"]["_id"] == first["u"]["_id"]
        assert "token" not in again


@pytest.mark.case(19)
async def test_two_browsers_are_two_users(known: Server) -> None:
    ids = {(await reply_to(known))["u"]["_id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1NjcifQ.",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ.e30.AAAA",
        "0123456789abcdef01234567.b7e23ec2-9a4f-4f3b-8a7e-2f0d4f1c9a55",
        "x" * 5000,
        "",
    ],
    ids=["unsigned", "foreign", "of another server", "long", "empty"],
)
@pytest.mark.case(19)
async def test_a_browser_with_any_other_token_gets_a_new_one(known: Server, token: str) -> None:
    reply = await reply_to(known, token)
    assert reply["token"] != token
    assert (await reply_to(known, reply["token"]))["u"]["_id"] == reply["u"]["_id"]


async def test_a_revoked_one_is_worthless_at_once(known: Server) -> None:
    first = await reply_to(known)
    mine = first["u"]["_id"]
    token_command(known, "revoke", mine)
    other = await eventually(known, first["token"], lambda reply: reply["u"]["_id"] != mine)
    assert other["token"] not in {None, first["token"]}
    assert "revoked" in token_command(known, "list")


async def test_a_new_key_signs_and_the_old_one_is_still_known(known: Server) -> None:
    first = await reply_to(known)
    assert "signs from now on" in token_command(known, "rotate")
    later = await eventually(known, first["token"], lambda reply: "token" in reply)
    assert later["u"]["_id"] == first["u"]["_id"]
    assert "token" not in await reply_to(known, later["token"])
    assert (known.folder / "data" / "keys.json").stat().st_mode & 0o777 == 0o600


async def test_a_bot_is_one_user_wherever_it_runs() -> None:
    with run_server() as server:
        user = "b0" * 12
        token = token_command(server, "create", "--scope", "bot", "--user", user).split()[-1]
        await eventually(server, token, lambda reply: reply["u"]["_id"] == user)
        for address in ("127.0.0.1", "127.0.0.2"):
            handshake = await raw_handshake(server, address=address)
            reply = await handshake.hello(token)
            assert reply["u"]["_id"] == user
            assert "token" not in reply
            await handshake.peer.vanish()
        assert (await reply_to(server))["u"]["_id"] != user


@pytest.mark.parametrize("is_permanent", [False, True])
async def test_no_address_is_written_to_disk_or_into_the_log_unless_it_may_be(
    is_permanent: bool,
) -> None:
    address = "203.0.113.77"
    settings = {
        "FORTEPIANO_IDENTITY__MODE": "token",
        "FORTEPIANO_PROXY__TRUSTED": "127.0.0.1",
        "FORTEPIANO_LOG_LEVEL": "debug",
        "FORTEPIANO_PRIVACY__KEEP_IPS": str(is_permanent).lower(),
    }
    with run_server(**settings) as server:
        callers = [
            await raw_handshake(server, BROWSER, f"X-Forwarded-For: {address}") for _ in range(17)
        ]
        assert [handshake.status for handshake in callers] == [101] * 16 + [429]
        for handshake in callers:
            if handshake.status == 101:
                await handshake.hello()
                await handshake.send(
                    {"m": "userset", "set": {"name": "somebody"}},
                    {"m": "ch", "_id": "a room"},
                    {"m": "a", "message": "hello"},
                )
            await handshake.peer.vanish()
        server.stop()
        files = [path for path in server.folder.rglob("*") if path.is_file()]
        assert {"log", "fortepiano.sqlite3", "keys.json"} <= {path.name for path in files}
        found = {path.name for path in files if address.encode() in path.read_bytes()}
        assert found == ({"log"} if is_permanent else set())
        assert '"refused"' in server.log
