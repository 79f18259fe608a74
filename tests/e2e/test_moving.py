"""docs/moving.md: who keeps their id, and what comes along, tried with what other servers make."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from fortepiano.model.identity import Identity
from fortepiano.native import subscriber
from support.dev2 import Dev2Database
from support.server import Server, environment, run_server
from support.websocket_clients import Clients

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "moving.md").read_text("utf-8")
HERE, SIX = "127.5.6.7", "2001:db8:1:2:3:4:5:6"
OLD1, OLD2 = "pepper and salt", "thyme"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def of_quick(address: str, salt1: str | None, salt2: str | None) -> str:
    """An id as quick-mpp-server makes it: Node's socket says where IPv4 comes from in IPv6."""
    said = address if ":" in address else f"::ffff:{address}"
    one, two = ("undefined" if salt is None else salt for salt in (salt1, salt2))
    return sha256(f"{one}{said}{two}")


def of_rust(address: str, salt1: str, salt2: str) -> str:
    """An id as mpp-server-rust makes it."""
    return sha256(f"{salt1}{address}{salt2}")


def of_dev2(address: str, salt: str, way: str) -> str:
    """An id as mpp-server-dev2 makes it."""
    if way == "sha256":
        return sha256(f"{address}{salt}")
    return hashlib.md5(f"::ffff:{address}{salt}".encode()).hexdigest()[:24]  # noqa: S324 - theirs


@pytest.mark.parametrize(
    ("old", "settings"),
    [
        (of_quick(HERE, OLD1, OLD2), {"SALT1": f"{OLD1}::ffff:", "SALT2": OLD2}),
        (of_quick(HERE, None, OLD2), {"SALT1": "undefined::ffff:", "SALT2": OLD2}),
        (of_quick(HERE, None, None), {"SALT1": "undefined::ffff:", "SALT2": "undefined"}),
        (of_rust(HERE, OLD1, OLD2), {"SALT1": OLD1, "SALT2": OLD2}),
        (of_rust(HERE, "", OLD2), {"SALT2": OLD2}),
        (of_dev2(HERE, OLD2, "sha256"), {"SALT1": "", "SALT2": OLD2}),
    ],
    ids=["quick", "quick, one salt", "quick, no salt", "rust", "rust, one salt", "dev2"],
)
async def test_everybody_keeps_their_id(old: str, settings: dict[str, str]) -> None:
    with run_server(NODE_ENV="production", **settings) as server:
        async with Clients(server) as clients_by_address:
            ann = await clients_by_address.enter(address=HERE)
            assert ann.id == old
            assert ann.user["color"] == f"#{old[:6]}"


def test_whose_ids_cannot_stay() -> None:
    for salt1, salt2 in [
        (OLD1, OLD2),
        (f"{OLD1}::ffff:", OLD2),
        ("::ffff:", OLD2),
        ("", OLD2),
        ("", f"::ffff:{OLD2}"),
    ]:
        identity = Identity("ip", salt1, salt2, subscriber)
        # The other server hashes whole IPv6 addresses, not a /64, and with another hash.
        assert identity.user_id(SIX) != of_quick(SIX, OLD1, OLD2)
        assert identity.user_id(SIX) != of_dev2(SIX, OLD2, "sha256")
        assert identity.user_id(HERE) != of_dev2(HERE, OLD2, "mpp")
    assert of_quick(HERE, OLD1, OLD2) != Identity("ip", OLD1, OLD2, subscriber).user_id(HERE)


def dev2_database(path: Path, way: str) -> None:
    """Make a database of theirs: two users, three rooms, three bans."""
    week = int(time.time() * 1000) + 7 * 86_400_000
    ann, bea = (of_dev2(address, OLD2, way) for address in (HERE, "127.5.6.8"))
    theirs = Dev2Database(path)
    theirs.add("User", _id=ann, name="Ann-Sophie ♪", color="#33aa77")
    theirs.add("User", _id="odd", name="x", color="#000000")
    theirs.add("User", _id=bea, name="x" * 90, color="#000000")
    hall = {"lobby": False, "visible": True, "chat": False, "crownsolo": False,
            "color": "#112233", "noindex": 7}  # fmt: skip
    theirs.add("Channel", _id="The hall", settings=hall, forceload=True)
    theirs.add("Channel", _id="lobby", settings=hall | {"lobby": True}, forceload=True)
    theirs.add("Channel", _id="passing", settings=hall, forceload=False)
    said = {"m": "a", "a": "Hello", "t": 1, "p": {"_id": ann, "name": "Ann", "color": "#33aa77"}}
    theirs.add("ChatHistory", _id="The hall", messages=[said])
    theirs.add("Ban", banType="user", reason="spam", expires=week, userId=bea)
    theirs.add("Ban", banType="socket", expires=week, ip="127.5.6.9")
    theirs.add("Ban", banType="socket", reason="long ago", expires=1_600_000_000_000, ip=HERE)


@pytest.mark.parametrize("way", ["sha256", "mpp"])
async def test_what_dev2_keeps_comes_along(way: str) -> None:
    settings = {"SALT1": "", "SALT2": OLD2, "FORTEPIANO_CHAT__KEEP": "permanent"}
    server = Server(NODE_ENV="production", **settings)
    with closing(server):
        folder = server.folder
        (folder / "prisma").mkdir()
        dev2_database(folder / "prisma" / "dev.db", way)
        [fence] = re.findall(r"^```sh\n(fortepiano import .*?)^```$", TEXT, re.M | re.DOTALL)
        for command in fence.splitlines():
            words = command.partition("#")[0].split()[1:]
            extra = [] if way == "sha256" else ["--no-users"]
            ran(server, sys.executable, "-m", "fortepiano", *words, *extra, **settings)
            assert (folder / "data").exists() != ("--dry-run" in words)
        server.start()
        async with Clients(server) as clients_by_address:
            ann = await clients_by_address.enter("The hall", address=HERE)
            if way == "sha256":
                assert ann.id == of_dev2(HERE, OLD2, way)
                assert (ann.user["name"], ann.user["color"]) == ("Ann-Sophie ♪", "#33aa77")
            else:
                assert ann.user["name"] == "Anonymous"
            settings_there = next(m for m in ann.log if m["m"] == "ch")["ch"]["settings"]
            assert (settings_there["color"], settings_there["chat"]) == ("#112233", False)
            said = next(m for m in ann.log if m["m"] == "c")["c"]
            assert [line["a"] for line in said] == ["Hello"]
            await ann.send({"m": "+ls"})
            listed = {room["_id"] for room in (await ann.expect("ls"))["u"]}
            assert "passing" not in listed
            for address in ["127.5.6.9", *(["127.5.6.8"] if way == "sha256" else [])]:
                with pytest.raises(InvalidStatus) as refused:
                    await clients_by_address.open(address=address)
                assert refused.value.response.status_code == 403


def ran(server: Server, *command: str, **settings: str) -> str:
    """Run a command in the folder of a server; return what it wrote."""
    done = subprocess.run(
        command,
        cwd=server.folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, heading = target.partition("#")
        text = (ROOT / "docs" / file).read_text("utf-8") if file else TEXT
        slugs = {
            re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        }
        assert not heading or heading in slugs, target
