"""The wall clock jumps by an hour, ahead and back: quotas, rates, bans and pings go on."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from support.server import Server, environment
from support.websocket_clients import Client, Clients

HOUR = 3600
CHORD = {"m": "n", "t": 1, "n": [{"n": "c3"}] * 40}
PATIENCE = 5.0


class JumpingServer(Server):
    """A server whose wall clock follows a file; its monotonic one does not.

    Args:
        library: libfaketime, which the server is loaded with.
    """

    def __init__(self, library: str) -> None:
        super().__init__(
            NODE_ENV="development",
            LD_PRELOAD=library,
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            DONT_FAKE_MONOTONIC="1",  # the name in older versions
            FORTEPIANO_RULES__QUOTA_HOLDER__ALLOWANCE="40",
            FORTEPIANO_RULES__QUOTA_HOLDER__MAX="40",
            FORTEPIANO_LIMITS__PING_SECONDS="1",
            FORTEPIANO_LIMITS__PONG_SECONDS="1",
        )
        self._settings["FAKETIME_TIMESTAMP_FILE"] = str(self.folder / "faketimerc")

    def jump(self, seconds: int) -> None:
        """Set the wall clock off the true time, and see that it is."""
        (self.folder / "faketimerc").write_text(f"{seconds:+d}\n")
        shown = subprocess.run(
            [sys.executable, "-c", "import time; print(time.time())"],
            env=environment(**self._settings),
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        assert abs(float(shown.stdout) - time.time() - seconds) < 60


@pytest.fixture
def jumping() -> Iterator[JumpingServer]:
    # The tool knows where its library is.
    shown = subprocess.run(
        ["faketime", "-f", "+0", "sh", "-c", "echo $LD_PRELOAD"],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    server = JumpingServer(shown.stdout.strip())
    try:
        server.jump(0)
        server.start()
        yield server
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.needs("faketime")
@pytest.mark.timeout(90)
async def test_the_clock_jumps(jumping: JumpingServer) -> None:
    async with Clients(jumping) as clients:
        player, listener, banned = await clients.group(3)
        await player.send({"m": "kickban", "_id": banned.id, "ms": HOUR * 500})
        await player.expect("notification")
        before = (await player.hello())["t"]
        begun = time.monotonic()
        for seconds in (HOUR, -HOUR, 0):
            jumping.jump(seconds)
            # The quota is not refilled by the jump, and does not freeze: the next tick fills it.
            await until_passed(player, listener)
            await until_passed(player, listener)
            # Nor is anybody too fast for an hour.
            await player.send({"m": "a", "message": f"jump of {seconds}"})
            assert (await listener.expect("a"))["a"] == f"jump of {seconds}"
            # A ban of half an hour has neither ended nor grown.
            await banned.send({"m": "ch", "_id": player.room})
            assert "30 minutes" in (await banned.expect("notification"))["text"]
            # A silent client is found out, and no other.
            silent = await clients.raw_peer()
            await silent.handshake()
            assert await silent.ended(within=PATIENCE)
        # Clients schedule notes by it: it goes on evenly, and no crown or ban is an hour old.
        passed = (await player.hello())["t"] - before
        assert abs(passed / 1000 - (time.monotonic() - begun)) < 1
    lines = [json.loads(line) for line in jumping.log.splitlines()]
    set_by = [line["seconds"] for line in lines if line["event"].endswith("machine was set")]
    assert [round(seconds / HOUR) for seconds in set_by] == [1, -1, 0]


async def until_passed(player: Client, listener: Client) -> None:
    """Use up the quota: play until the first notes arrive after a tick, and not once more."""
    end = time.monotonic() + PATIENCE
    while not await is_heard(player, listener):
        assert time.monotonic() < end, "the quota is frozen"
        await asyncio.sleep(0.25)  # ticks send no message
    assert not await is_heard(player, listener)


async def is_heard(player: Client, listener: Client) -> bool:
    """Play once; returns whether it passed."""
    await player.send(CHORD)
    await player.received()
    return any(message["m"] == "n" for message in await listener.received())
