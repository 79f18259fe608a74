"""A backup is made while people play, and brings everybody back on another machine."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

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
