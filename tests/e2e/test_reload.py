"""A running server applies new settings and handlers, and nobody is disconnected."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.editable_server import EditableServer, editable_server
from support.server import Server, environment
from support.websocket_clients import Client, Clients, new_address, new_room

REPLY = '"motd": context.motd,'
"""The line of `handlers/hello.py` that the tests change: the text of the reply to `hi`."""


@pytest.fixture(scope="module")
def running() -> Iterator[EditableServer]:
    with editable_server() as made:
        yield made


@pytest.fixture
def editable(running: EditableServer) -> Iterator[EditableServer]:
    """The server, put back to how it was afterwards."""
    before = (running.package / "handlers" / "hello.py").read_text()
    yield running
    (running.package / "handlers" / "hello.py").write_text(before)
    running.configure("")
    assert '"reloaded"' in running.reload()


async def reloaded(editable: EditableServer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await asyncio.to_thread(editable.reload))
    assert found["event"] == "reloaded", found
    return found


async def refused(editable: EditableServer) -> str:
    found = json.loads(await asyncio.to_thread(editable.reload))
    assert found["event"] == "not reloaded, nothing has changed", found
    editable.server.excuse()
    (why,) = found["why"]
    return str(why)


async def play(client: Client, number: int) -> None:
    await client.send({"m": "n", "t": number, "n": [{"n": "a1", "v": 0.5}]})


def command(editable: EditableServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fortepiano", *arguments],
        cwd=editable.server.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def test_people_play_through_twenty_reloads(editable: EditableServer) -> None:
    async with Clients(editable.server) as clients:
        player, *listeners = await clients.group(20)
        line = REPLY
        for number in range(20):
            # All of the same length, and sooner after each other than a file's time tells.
            new = f'"motd": "reload {number:02}",'
            editable.edit("handlers/hello.py", line, new)
            line = new
            reload = asyncio.create_task(reloaded(editable))
            for note in range(10):
                await play(player, number * 10 + note)
                await asyncio.sleep(0)
            await reload
            visitor = await clients.open(address=new_address())
            assert (await visitor.hello())["motd"] == f"reload {number:02}"
        for listener in listeners:
            heard = [message["t"] for message in await listener.received() if message["m"] == "n"]
            assert heard == list(range(200))


async def test_a_syntax_error_leaves_the_old_code_running(editable: EditableServer) -> None:
    async with Clients(editable.server) as clients:
        client = await clients.enter(new_room(), address=new_address())
        editable.configure('motd = "new"\n')
        editable.edit("handlers/hello.py", REPLY, '"motd": (')
        why = await refused(editable)
        assert "hello.py: line " in why
        assert (await client.hello())["motd"] == ""
        editable.edit("handlers/hello.py", '"motd": (', REPLY)
        await reloaded(editable)
        assert (await client.hello())["motd"] == "new"


async def test_a_handler_that_cannot_be_imported_changes_nothing(editable: EditableServer) -> None:
    async with Clients(editable.server) as clients:
        client = await clients.enter(new_room(), address=new_address())
        editable.edit("handlers/hello.py", REPLY, '"motd": "half",')
        crown = editable.package / "handlers" / "crown.py"
        text = crown.read_text()
        crown.write_text(text + "\nimport no_such_module\n")
        try:
            assert "no_such_module" in await refused(editable)
            assert (await client.hello())["motd"] == ""
        finally:
            crown.write_text(text)
        await reloaded(editable)
        assert (await client.hello())["motd"] == "half"


async def test_bad_settings_change_nothing(editable: EditableServer) -> None:
    async with Clients(editable.server) as clients:
        client = await clients.enter(new_room(), address=new_address())
        editable.configure('motd = "new"\n[limits]\nfragmants = 7\n')
        assert await refused(editable) == (
            "limits.fragmants: no such setting, the nearest is limits.fragments"
            " (from fortepiano.toml, line 3)"
        )
        assert (await client.hello())["motd"] == ""


async def test_what_is_bound_or_opened_needs_a_restart(editable: EditableServer) -> None:
    editable.configure(
        'motd = "new"\ninternal_host = "::1"\nsalt1 = "oak"\n[store]\nprefix = "x"\n'
    )
    found = await reloaded(editable)
    assert found["changed"] == {"motd": "new"}
    assert set(found["needs_restart"]) == {"internal_host", "salt1", "store.prefix"}
    # The settings still wait for a restart, and the report still names them.
    found = await reloaded(editable)
    assert found["changed"] == {}
    assert set(found["needs_restart"]) == {"internal_host", "salt1", "store.prefix"}


async def test_rules_and_limits_hold_for_those_who_are_here(editable: EditableServer) -> None:
    async with Clients(editable.server) as clients:
        client, listener = await clients.pair()
        editable.configure(
            "[rules]\nchat_length = 5\nchat_history = 2\nquota_history = 5\n"
            "quota_normal = { allowance = 10, max = 20 }\n"
            "quota_holder = { allowance = 10, max = 20 }\n[limits]\nmessage_bytes = 2048\n"
        )
        await reloaded(editable)
        told = await client.expect("nq")
        assert (told["allowance"], told["max"], told["maxHistLen"]) == (10, 20, 5)
        await client.send(*({"m": "a", "message": text} for text in ("one", "two", "three")))
        await client.send({"m": "a", "message": "too long"})
        await client.send({"m": "n", "t": 1, "n": [{"n": "a1", "v": 0.5}] * 21})
        heard = [message for message in await client.received() if message["m"] == "a"]
        assert [line["a"] for line in heard] == ["one", "two", "three"]
        assert not [message for message in await listener.received() if message["m"] == "n"]
        late = await clients.open(address=new_address())
        await late.hello()
        await late.join(client.room)
        (lines,) = [message for message in late.log if message["m"] == "c"]
        assert [line["a"] for line in lines["c"]] == ["two", "three"]
        await late.send({"m": "a", "message": "x" * 3000})
        assert await late.closed() == 1009


async def test_longer_messages_are_read_after_a_reload(editable: EditableServer) -> None:
    async with Clients(editable.server) as clients:
        client = await clients.enter(new_room(), address=new_address())
        editable.configure("[limits]\nmessage_bytes = 4000000\n[rules]\nchat_length = 8192\n")
        await reloaded(editable)
        # Half of it is waited for while others are served.
        await client.send({"m": "devices", "list": ["x" * 3_000_000]}, {"m": "t", "e": 7})
        await client.expect("t", where=lambda message: message.get("e") == 7)


async def test_an_address_may_have_more_sockets(editable: EditableServer) -> None:
    editable.configure("[limits]\nexempt = []\nsockets_per_address = 1\n")
    await reloaded(editable)
    address = new_address()
    async with Clients(editable.server) as clients:
        await clients.enter(address=address)
        with pytest.raises(Exception, match="429"):
            await clients.open(address=address)
        editable.configure("[limits]\nexempt = []\nsockets_per_address = 2\n")
        await reloaded(editable)
        await clients.enter(address=address)


class TestCommand:
    async def test_it_tells_what_has_changed(self, editable: EditableServer) -> None:
        editable.configure(
            'motd = "new"\nport = 1\n[limits]\nfragments = 7\n[store]\nprefix = "x"\n'
        )
        done = await asyncio.to_thread(command, editable, "reload")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "motd:  → new",
            "limits.fragments: 1024 → 7",
            "store.prefix: fortepiano → x needs a restart",
            "Reloaded.",
        ]
        done = await asyncio.to_thread(command, editable, "reload")
        # Each report names the settings that wait for a restart.
        assert done.stdout.splitlines()[-1] == "Reloaded."
        editable.edit("handlers/hello.py", REPLY, '"motd": "code",')
        editable.configure('motd = "new"\n[limits]\nfragments = 7\n')
        done = await asyncio.to_thread(command, editable, "reload")
        assert done.stdout.splitlines() == ["handlers: read anew", "Reloaded."]
        done = await asyncio.to_thread(command, editable, "reload")
        assert done.stdout == "Nothing has changed.\n"

    async def test_it_fails_where_the_server_refuses(self, editable: EditableServer) -> None:
        editable.edit("handlers/hello.py", REPLY, '"motd": (')
        seen = len(editable.reload_lines())
        done = await asyncio.to_thread(command, editable, "reload")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("fortepiano: ")
        assert "hello.py: line " in done.stderr
        await asyncio.to_thread(editable.next_reload_line, seen)
        editable.server.excuse()

    async def test_it_fails_where_no_server_runs(self, editable: EditableServer) -> None:
        done = await asyncio.to_thread(command, editable, "reload", "--data-dir", "elsewhere")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "fortepiano: elsewhere: no server runs with this data folder\n"


async def test_the_api_reloads_and_goes_on_with_the_new_handlers(editable: EditableServer) -> None:
    server: Server = editable.server
    headers = {"Authorization": f"Bearer {server.tokens['admin']}"}
    base = server.internal_url
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
        editable.configure('motd = "new"\n')
        preview = (await client.get("/api/v1/configuration/changes")).json()
        assert preview == {
            "changed": {"motd": ["", "new"]},
            "waiting": {},
            "handlers": False,
        }
        assert (await client.get("/api/v1/configuration")).json()["settings"]["motd"] == ""
        assert (await client.post("/api/v1/configuration/reload")).json() == preview
        assert (await client.get("/api/v1/configuration")).json()["settings"]["motd"] == "new"
        editable.configure("motd = 1\n")
        seen = len(editable.reload_lines())
        failed = await client.post("/api/v1/configuration/reload")
        assert failed.status_code == 409
        assert "motd" in failed.json()["detail"]
        await asyncio.to_thread(editable.next_reload_line, seen)
        server.excuse()


def test_under_dev_a_changed_file_is_enough() -> None:
    with editable_server("--dev") as made:
        made.edit("handlers/hello.py", REPLY, '"motd": "by the watcher",')
        assert '"reloaded"' in made.next_reload_line(0)

        async def greeted() -> Any:
            async with Clients(made.server) as clients:
                return (await (await clients.open()).hello())["motd"]

        assert asyncio.run(greeted()) == "by the watcher"
        made.configure('motd = "new"\n')
        assert '"motd": "new"' in made.next_reload_line(1)


async def test_a_reload_logs_no_requests(editable: EditableServer) -> None:
    """Each has an address in it, and a stranger can repeat them."""
    editable.configure('log_level = "info"\n')
    await reloaded(editable)
    server = editable.server
    for url in (f"{server.url}/readyz", f"{server.internal_url}/healthz"):
        answer = await asyncio.to_thread(httpx.get, url, trust_env=False)
        assert answer.status_code == 200
    await reloaded(editable)
    assert "uvicorn.access" not in server.log
