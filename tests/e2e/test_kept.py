"""The data that outlives a real server: bans, permanent rooms, and the log of moderation."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from websockets.exceptions import InvalidStatus

from fortepiano.store import DATABASE
from support.server import READY_SECONDS, Server, environment, run_server
from support.websocket_clients import Client, Clients, Message, new_address, new_room

MINUTE = 60_000
SOON = 1.5
"""Seconds: a ban from elsewhere counts within one, and closing takes a moment on a busy machine."""


@pytest.fixture
def lasting() -> Iterator[Server]:
    """A server of one's own, with tokens of the staff; an address is a user there."""
    with run_server(scopes=("admin",), FORTEPIANO_CHAT__KEEP="permanent") as running:
        yield running


def command(server: Server, *arguments: str) -> str:
    """Run a command beside a server and return what it shows."""
    done = subprocess.run(
        [sys.executable, "-m", "fortepiano", *arguments, "--data-dir", "data"],
        cwd=server.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def audit(server: Server, *options: str) -> list[Message]:
    """Return the log of moderation as the command shows it."""
    shown = command(server, "audit", "--json", *options)
    return [json.loads(line) for line in shown.splitlines()]


async def assert_refused(clients_by_address: Clients, address: str) -> None:
    """Assert that the handshake from an address is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        await clients_by_address.open(address=address)
    assert refusal.value.response.status_code == 403


async def neighbours(clients_by_address: Clients, size: int) -> list[Client]:
    """Return clients in one new room, each at its own address; the first holds the crown."""
    room = new_room()
    people = [await clients_by_address.enter(room, address=new_address()) for _ in range(size)]
    for client in people:
        await client.received()
    return people


async def test_a_ban_that_was_announced_survives_a_kill(lasting: Server) -> None:
    async with Clients(lasting) as clients_by_address:
        holder, banned = await neighbours(clients_by_address, 2)
        await holder.send({"m": "kickban", "_id": banned.id, "ms": 5 * MINUTE})
        notice = await holder.expect("notification")
        assert "not saved" not in notice["text"]
        # Nothing is saved after this moment.
        lasting.kill()
    lasting.start()
    async with Clients(lasting) as clients_by_address:
        again = await clients_by_address.enter(address=banned.address)
        assert again.id == banned.id
        assert (await again.join(holder.room))["ch"]["_id"] == "test/awkward"


async def test_a_banned_user_is_out_before_the_room_gets_the_notice(lasting: Server) -> None:
    async with Clients(lasting) as clients_by_address:
        holder, banned, other = await neighbours(clients_by_address, 3)
        await holder.send({"m": "kickban", "_id": banned.id, "ms": 5 * MINUTE})
        assert (await banned.joined())["ch"]["_id"] == "test/awkward"
        for client in (holder, other):
            await client.expect("bye", where=lambda bye: bye["p"] == banned.id)
            notice = await client.expect("notification")
            assert "kickbanned" in notice["text"]
        assert len([m for m in other.log if m["m"] == "notification"]) == 1


async def test_a_store_that_takes_no_writes_is_told_of(lasting: Server) -> None:
    async with Clients(lasting) as clients_by_address:
        holder, banned, other = await neighbours(clients_by_address, 3)
        with closing(sqlite3.connect(lasting.folder / "data" / DATABASE)) as database:
            database.execute("BEGIN IMMEDIATE")
            await holder.send({"m": "kickban", "_id": banned.id, "ms": 5 * MINUTE})
            # The ban holds at once, and talking goes on.
            assert (await banned.joined())["ch"]["_id"] == "test/awkward"
            await holder.send({"m": "a", "message": "hello"})
            await holder.expect("a")
            notice = await holder.expect("notification")
            assert "not saved yet" in notice["text"]
        # Waiting changes are written first, as soon as the store takes writes again.
        await holder.send({"m": "kickban", "_id": other.id, "ms": MINUTE})
        assert "not saved" not in (await holder.expect("notification"))["text"]
    lasting.excuse()
    lasting.kill()
    lasting.start()
    async with Clients(lasting) as clients_by_address:
        again = await clients_by_address.enter(address=banned.address)
        assert (await again.join(holder.room))["ch"]["_id"] == "test/awkward"


@pytest.mark.parametrize("who", ["{id}", "{address}", "{address}/24"])
async def test_the_command_line_shows_out_who_is_there(lasting: Server, who: str) -> None:
    async with Clients(lasting) as clients_by_address:
        banned = await clients_by_address.enter(new_room(), address="127.77.7.7")
        other = await clients_by_address.enter(new_room(), address="127.77.8.8")
        subject = who.format(id=banned.id, address=banned.address)
        command(lasting, "bans", "add", subject, "--for", "1h", "--reason", "spam")
        # The command has ended well: from here on it counts.
        started = time.monotonic()
        notice = await banned.expect("notification")
        assert await banned.closed() == 4008
        assert time.monotonic() - started < SOON
        assert "60 minutes: spam" in notice["text"]
        await assert_refused(clients_by_address, "127.77.7.7")
        await other.assert_silent()
        subject = subject.replace("7.7/24", "7.0/24")
        assert subject in command(lasting, "bans", "list")
        command(lasting, "bans", "remove", subject)
        async with asyncio.timeout(5):
            while True:
                try:
                    await clients_by_address.enter(address="127.77.7.7")
                except InvalidStatus:
                    await asyncio.sleep(0.05)
                else:
                    break


async def test_bans_of_the_site_survive_a_restart(lasting: Server) -> None:
    addresses = [new_address() for _ in range(2)]
    async with Clients(lasting) as clients_by_address:
        staff = await clients_by_address.enter(address=new_address(), token=lasting.tokens["admin"])
        banned = await clients_by_address.enter(address=addresses[0])
        await staff.send({"m": "siteban", "id": banned.id, "permanent": True, "reason": "spam"})
        assert await banned.closed() == 4008
        notice = await staff.expect("notification")
        assert banned.id in notice["text"]
        await staff.send(
            {"m": "siteban", "id": addresses[1], "duration": 5 * MINUTE, "reason": "spam"}
        )
        await staff.expect("notification")
    lasting.restart()
    async with Clients(lasting) as clients_by_address:
        for address in addresses:
            await assert_refused(clients_by_address, address)
        await clients_by_address.enter(address=new_address())


async def test_what_was_done_is_in_the_log(lasting: Server) -> None:
    async with Clients(lasting) as clients_by_address:
        holder, other = await neighbours(clients_by_address, 2)
        staff = await clients_by_address.enter(
            holder.room, address=new_address(), token=lasting.tokens["admin"]
        )
        await holder.send({"m": "mute", "_id": other.id, "chat": True})
        await holder.send({"m": "kickban", "_id": other.id, "ms": MINUTE})
        await holder.send({"m": "unban", "_id": other.id})
        await holder.received()  # the staff must not be quicker
        await staff.send({"m": "setname", "_id": other.id, "name": "Bob"})
        await staff.send({"m": "chown", "id": staff.id})
        await staff.send({"m": "clearchat"})
        await staff.expect("c", where=lambda c: c["c"] == [])
    lasting.restart()
    acts = audit(lasting)
    assert [act["action"] for act in acts] == [
        *("mute", "kickban", "unban"),
        *("setname", "chown", "clearchat"),
    ]
    assert {act["actor"] for act in acts[:3]} == {holder.id}
    assert {act["actor"] for act in acts[3:]} == {staff.id}
    assert [act["action"] for act in audit(lasting, "--user", staff.id, "--limit", "2")] == [
        "chown",
        "clearchat",
    ]
    assert audit(lasting, "--room", "elsewhere") == []
    assert f"kickban {other.id} in" in command(lasting, "audit", "--action", "kickban")


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_permanent_room_comes_back_with_its_crown(lasting: Server, end: str) -> None:
    async with Clients(lasting) as clients_by_address:
        owner, co_owner, muted = await neighbours(clients_by_address, 3)
        room = owner.room
        staff = await clients_by_address.enter(address=new_address(), token=lasting.tokens["admin"])
        await staff.send({"m": "admin message", "msg": {"m": "forceload", "_id": room}})
        await staff.received()
        wanted = {"color": "#123456", "slowMode": 2, "notice": "Welcome!"}
        await owner.send({"m": "chset", "set": wanted})
        await owner.send({"m": "coowner", "_id": co_owner.id})
        await owner.send({"m": "mute", "_id": muted.id, "chat": True})
        await owner.send({"m": "a", "message": "hello"})
        await owner.expect("a")
        # The announcement of a ban is sent when all before it is safe, too.
        await owner.send({"m": "kickban", "_id": staff.id, "ms": MINUTE})
        await owner.expect("notification")
        if end == "stop":
            lasting.stop()
        else:
            lasting.kill()
    lasting.start()
    async with Clients(lasting) as clients_by_address:
        listed = await clients_by_address.enter(address=new_address())
        await listed.send({"m": "+ls"})
        rooms = {entry["_id"]: entry for entry in (await listed.expect("ls"))["u"]}
        assert rooms[room]["count"] == 0
        # A co-owner who returns first does not get the crown.
        early = await clients_by_address.enter(address=co_owner.address)
        ch = await early.join(room)
        assert ch["ch"]["settings"].items() >= wanted.items()
        assert ch["ch"]["crown"]["userId"] == owner.id
        assert "participantId" not in ch["ch"]["crown"]
        (history,) = [m for m in early.log if m["m"] == "c"]
        assert [line["a"] for line in history["c"]] == ["hello"]
        await early.send({"m": "chset", "set": {"color": "#654321"}})
        await early.expect("ch", where=lambda ch: ch["ch"]["settings"]["color"] == "#654321")
        again = await clients_by_address.enter(address=owner.address)
        assert (await again.join(room))["ch"]["crown"]["participantId"] == owner.id
        silenced = await clients_by_address.enter(room, address=muted.address)
        await silenced.received()
        await silenced.send({"m": "a", "message": "mm"})
        assert "muted" in await silenced.refusal()


async def test_names_from_older_versions_get_their_one_form(lasting: Server) -> None:
    """The rooms and bans of a file that an older version wrote, of which two have one name."""
    name = new_room()
    async with Clients(lasting) as clients_by_address:
        client = await clients_by_address.enter(address=new_address())
        await client.send({"m": "userset", "set": {"name": "Zoe"}})
        await client.received()
    command(lasting, "bans", "add", client.id, "--room", f"{name} Café", "--reason", "one")
    lasting.stop()
    with closing(sqlite3.connect(lasting.folder / "data" / DATABASE)) as database:
        for spelling, at in ((f"{name} Cafe\u0301", 5), (f"{name} Caf\u00e9\u200b", 9)):
            crown = {"user_id": client.id, "time": at, "start": [1.0, 2.0], "end": [3.0, 4.0]}
            room = {"name": spelling, "settings": {"limit": at}, "crown": crown}
            database.execute("INSERT INTO room VALUES (?, ?)", (spelling, json.dumps(room)))
        database.execute("UPDATE user SET name = ?", ("Zo\u0065\u0308\u200b",))
        database.execute("UPDATE ban SET room = ?", (f"{name} Cafe\u0301",))
        database.commit()
    lasting.start()
    async with Clients(lasting) as clients_by_address:
        again = await clients_by_address.enter(f"{name} Cafe\u0301\u3164", address=client.address)
        assert again.user["name"] == "Zo\u00eb"
        ch = (await again.join(f"{name} Café"))["ch"]
        assert (ch["_id"], ch["settings"]["limit"]) == (f"{name} Café", 9)
        await again.send({"m": "ch", "_id": f"{name} Café 2"})
        assert (await again.expect("ch"))["ch"]["_id"] == "test/awkward"
    assert "two kept rooms have one name" in lasting.log
