"""A backup is made while people play, and brings everybody back on another machine."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fortepiano.store import DATABASE
from support.raw_handshake import BROWSER, raw_handshake
from support.recovery import until
from support.redis import RedisServer, run_redis
from support.server import Server, environment, run_server
from support.websocket_clients import Clients, new_address


async def ordered(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a server's folder."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "fortepiano", *arguments],
        cwd=server.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def fortepiano_in(folder: Path) -> Path:
    """Write a command `fortepiano` that needs nothing of the environment."""
    program = folder / "opt" / "fortepiano" / "bin" / "fortepiano"
    program.parent.mkdir(parents=True)
    paths = os.pathsep.join(path for path in sys.path if path)
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(paths)} exec {shlex.quote(sys.executable)}"
        ' -m fortepiano "$@"\n'
    )
    program.chmod(0o755)
    return program


def run_by_cron(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the line of docs/operating.md as cron does, below a folder instead of the root."""
    text = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
    [line] = re.findall(
        r"^```sh not run here: a line of crontab.*test_backup.*\n(.*)\n```$", text, re.MULTILINE
    )
    schedule = re.match(r"(\S+ ){5} ?", line)
    assert schedule, line
    command = " " + line[schedule.end() :].replace("\\%", "%")  # as cron does
    assert "%" not in command.replace("%u", "")
    for place in ("/opt/", "/etc/", "/var/"):
        command = command.replace(f" {place}", f" {folder}{place}")
    (folder / "home").mkdir(exist_ok=True)
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder / "home",
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), "SHELL": "/bin/sh",
             "LOGNAME": "fortepiano"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip


def write_settings(folder: Path, *lines: str) -> None:
    (folder / "etc" / "fortepiano").mkdir(parents=True, exist_ok=True)
    (folder / "var" / "backups" / "fortepiano").mkdir(parents=True, exist_ok=True)
    (folder / "etc" / "fortepiano" / "fortepiano.toml").write_text("\n".join(lines) + "\n")


def saved(folder: Path) -> list[str]:
    """Return the names of users in the one backup below a folder."""
    [file] = (folder / "var" / "backups" / "fortepiano").glob("[1-7].backup")
    assert file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()[1:-1]]
    return [line["record"]["name"] for line in lines if line["kind"] == "user"]


def has_user(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT count(*) FROM user").fetchone() == (1,)


@pytest.mark.timeout(120)
async def test_the_line_of_cron(tmp_path: Path, room: str) -> None:
    data = f'data_dir = "{tmp_path}/var/lib/fortepiano"'
    write_settings(tmp_path, data)
    fortepiano_in(tmp_path)
    config = str(tmp_path / "etc" / "fortepiano" / "fortepiano.toml")
    with run_server("--config", config) as server:
        async with Clients(server) as clients:
            ann = await clients.enter(room)
            await ann.send({"m": "userset", "set": {"name": "Ann"}})
            await ann.expect("p")
            await until(lambda: has_user(tmp_path / "var/lib/fortepiano" / DATABASE), 10)
            for _ in range(2):  # also over the file of a week ago
                done = await asyncio.to_thread(run_by_cron, tmp_path)
                assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            assert saved(tmp_path) == ["Ann"]
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.needs("redis-server")
@pytest.mark.timeout(120)
async def test_the_line_of_cron_with_redis(tmp_path: Path, room: str) -> None:
    with run_redis() as redis:
        await saves_what_is_in_redis(tmp_path, room, redis)


async def saves_what_is_in_redis(tmp_path: Path, room: str, redis: RedisServer) -> None:
    data = f'data_dir = "{tmp_path}/var/lib/fortepiano"'
    store = ["[store]", f'url = "{redis.url}"', f'prefix = "{tmp_path.name}"']
    write_settings(tmp_path, data, *store)
    fortepiano_in(tmp_path)
    config = str(tmp_path / "etc" / "fortepiano" / "fortepiano.toml")
    with run_server("--config", config) as server:
        async with Clients(server) as clients:
            ann = await clients.enter(room)
            await ann.send({"m": "userset", "set": {"name": "Ann"}})
            await ann.expect("p")
            with redis.client() as client:
                await until(lambda: client.hlen(f"{{{tmp_path.name}}}:user") == 1, 10)
            done = await asyncio.to_thread(run_by_cron, tmp_path)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            assert saved(tmp_path) == ["Ann"]
            # The file does not say what the server uses.
            write_settings(tmp_path, data)
            done = await asyncio.to_thread(run_by_cron, tmp_path)
            assert done.returncode == 2
            assert f"stores in {redis.url} (store.prefix {tmp_path.name})" in done.stderr
            assert len(done.stderr.splitlines()) == 1
            found = {path.name for path in (tmp_path / "var" / "lib" / "fortepiano").iterdir()}
            assert found == {"salts.json", "server.lock"}


@pytest.mark.timeout(120)
async def test_tokens_of_people_after_a_restore(tmp_path: Path) -> None:
    """With `identity.mode = "token"` everybody is who they were, on a new machine too."""
    settings = {"FORTEPIANO_IDENTITY__MODE": "token"}
    file = str(tmp_path / "b")
    with run_server(**settings) as old, closing(Server(**settings)) as new:
        first = await hello(old)
        saved_all = await ordered(old, "backup", file)
        assert saved_all.returncode == 0, saved_all.stderr
        restored = await ordered(new, "restore", file)
        assert restored.stdout == "restored: 1 key, 2 salt\n", restored.stderr
        await asyncio.to_thread(new.start)
        again = await hello(new, first["token"])
        assert again["u"]["_id"] == first["u"]["_id"]
        assert "token" not in again


async def hello(server: Server, token: str | None = None) -> dict[str, Any]:
    """Say `hi` as a browser does; return the answer."""
    handshake = await raw_handshake(server, BROWSER)
    try:
        return await handshake.hello(token)
    finally:
        await handshake.peer.vanish()


@pytest.mark.timeout(120)
async def test_backup_while_the_server_plays(room: str) -> None:
    with run_server() as old, run_server() as new:
        async with Clients(old) as clients:
            addresses = (new_address(), new_address())
            ann = await clients.enter(room, address=addresses[0])
            bea = await clients.enter(room, address=addresses[1])
            await ann.send({"m": "userset", "set": {"name": "Ann", "color": "#112233"}})
            await bea.expect("p")
            await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
            await ann.expect("notification")  # after it is saved

            async def play() -> None:
                while True:
                    await ann.send({"m": "n", "t": 0, "n": [{"n": "c4", "v": 0.5}]})
                    await asyncio.sleep(0.01)

            playing = asyncio.create_task(play())
            done = await ordered(old, "backup", str(new.folder / "backup"))
            assert not playing.done()
            playing.cancel()
            assert done.returncode == 0, done.stderr
            ids = (ann.id, bea.id)

        refused = await ordered(new, "restore", "backup", "--force")
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"fortepiano: data: process {new.pid} on ")
        assert refused.stderr.endswith("; stop it, or choose another `data_dir`\n")
        await asyncio.to_thread(new.stop)
        restored = await ordered(new, "restore", "backup", "--force")
        assert restored.returncode == 0, restored.stderr
        await asyncio.to_thread(new.start)

        async with Clients(new) as clients:
            ann = await clients.open(address=addresses[0])
            hi = await ann.hello()
            assert hi["u"]["_id"] == ids[0]  # the salts are the old ones
            assert hi["u"]["name"] == "Ann"
            await ann.join(room)
            bea = await clients.open(address=addresses[1])
            assert (await bea.hello())["u"]["_id"] == ids[1]
            await bea.send({"m": "ch", "_id": room})
            assert "banned" in (await bea.expect("notification"))["text"]
