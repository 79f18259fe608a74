"""Every example frame of docs/protocol.md is sent, and every answer there is the server's.

A block of the language `frames` is a scene. Ann holds the crown of the room "duets", and Bea is
there. Sam, of the staff, comes if a line names them; a client called You only connects. Lines run
in their order: `Ann → [frame]` is sent, `Bea ← [frame]` is the next frame with those messages that
Bea gets. Values that differ from run to run (times, ids of lines, positions of a falling crown)
need only be of the same kind.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fortepiano.handlers.dispatch import TABLE
from support import grammar
from support.presets import only
from support.websocket_clients import PATIENCE, Client, Clients, ClientsFactory, Message, new_room

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
BLOCK = re.compile(r"^```frames\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"(\w+) (→|←) (.*)")

IDS = {"Ann": "a1" * 12, "Bea": "b2" * 12, "Sam": "c3" * 12, "You": "d4" * 12}
ROOM = "duets"
VOLATILE = {"t", "time", "until", "startPos", "endPos", "color", "token", "e"}
LINE_ID = re.compile("[0-9a-f]{8}")

ELLIPSIS = "…"

BLOCKS = BLOCK.findall(PAGE.read_text())


@dataclass
class Scene:
    """The clients that play one block.

    Attributes:
        clients: Makes the clients.
        room: The real name of the room "duets".
        people: The clients by name.
        true: The real ids, by those of the page.
    """

    clients: Clients
    room: str = field(default_factory=new_room)
    people: dict[str, Client] = field(default_factory=dict)
    true: dict[str, str] = field(default_factory=dict)

    async def enter(self, name: str) -> None:
        """Connect a client."""
        clients = self.clients
        if name == "You":
            self.people[name] = await clients.open()
            return
        hello = {"token": clients.server.tokens["admin"]} if name == "Sam" else {}
        client = self.people[name] = await clients.enter(**hello)
        self.true[IDS[name]] = client.id
        await client.send({"m": "userset", "set": {"name": name}})
        await client.join(self.room)
        for other in self.people.values():
            await other.received()

    async def play(self, block: str) -> None:
        """Play all lines of a block."""
        lines = [LINE.fullmatch(line) for line in block.splitlines()]
        assert all(lines), block
        named = {line[1] for line in lines if line}
        for name in sorted(named & {"Sam", "You"} | (set() if "You" in named else {"Ann", "Bea"})):
            await self.enter(name)
        for line in lines:
            assert line
            client = self.people[line[1]]
            if line[2] == "→" and '"m":"+ls"' in line[3]:
                await client.server.barrier(for_lists=True)
            if line[2] == "→":
                await client.send_raw(self.in_truth(line[3]))
            else:
                await self.check_frame(line[1], parsed(line[3]))

    def in_truth(self, text: str) -> str:
        """Return a text of the page with the real ids and room."""
        for ours, theirs in self.true.items():
            text = text.replace(ours, theirs)
        return text.replace(f'"{ROOM}"', json.dumps(self.room))

    async def check_frame(self, name: str, wanted: list[Message]) -> None:
        """Wait for a frame of the page; frames before it may be missing on the page."""
        client, kinds = self.people[name], [message["m"] for message in wanted]
        if kinds == ["b"]:
            return self.compare(wanted, client.frames[0], name)
        misfits: list[str] = []
        while True:
            try:
                await client.expect(kinds[0], within=PATIENCE if not misfits else 1)
            except AssertionError:
                raise AssertionError("\n".join(misfits) or f"{name} got no {kinds}") from None
            frame = client.last_frame
            try:
                assert [message["m"] for message in frame] == kinds
                return self.compare(wanted, frame, name)
            except AssertionError as misfit:
                misfits.append(str(misfit))

    def compare(self, wanted: Any, got: Any, where: str, key: str = "") -> None:
        """Compare a received value with that of the page."""
        if isinstance(wanted, dict):
            assert wanted.keys() == got.keys(), f"{where}: {got}"
            for name, value in wanted.items():
                self.compare(value, got[name], f"{where}.{name}", name)
        elif isinstance(wanted, list) and wanted[:1] == [ELLIPSIS]:
            # Others may stand before it: rooms of other tests.
            self.compare(wanted[1:], got[-1:], where, key)
        elif isinstance(wanted, list):
            assert len(wanted) == len(got), f"{where}: {got}"
            for index, (value, other) in enumerate(zip(wanted, got, strict=True)):
                self.compare(value, other, f"{where}[{index}]", key)
        elif isinstance(wanted, str) and isinstance(got, str) and LINE_ID.fullmatch(wanted):
            assert LINE_ID.fullmatch(got), where
            self.true[wanted] = got
        elif isinstance(wanted, str) and re.fullmatch("[0-9a-f]{24}", wanted):
            assert self.true.setdefault(wanted, got) == got, f"{where}: {got}"
        elif VOLATILE & set(re.split(r"[.\[]", where)):
            assert type(wanted) is type(got), f"{where}: {got}"
        elif isinstance(wanted, str):
            assert wanted.replace(ROOM, self.room) == got, f"{where}: {got}"
        else:
            assert wanted == got, f"{where}: {got}"


def parameter(block: str) -> Any:
    """Return a scene as a parameter."""
    return pytest.param(block, id=block.split("\n")[0][:60])


@only("quick")
@pytest.mark.parametrize("block", [parameter(block) for block in BLOCKS])
async def test_a_documented_scene(clients_with: ClientsFactory, block: str) -> None:
    scene = Scene(clients_with())
    await scene.play(block)
    # The messages on the page are valid: no other notifications may come.
    for client in scene.people.values():
        codes = {message["code"] for message in client.log if message["m"] == "notification"}
        documented = set(re.findall(r'"code":"(\w+)"', block))
        assert codes <= documented


def parsed(frame: str) -> list[Message]:
    """Return the messages of a frame on the page, which may leave out the beginning of a list."""
    messages: list[Message] = json.loads(frame.replace(f"[{ELLIPSIS},", f'["{ELLIPSIS}",'))
    return messages


def kinds(arrow: str) -> set[str]:
    """Return the kinds of all messages that the page's examples send (→) or get (←)."""
    lines = [LINE.fullmatch(line) for block in BLOCKS for line in block.splitlines()]
    frames = [parsed(line[3]) for line in lines if line and line[2] == arrow]
    return {message["m"] for frame in frames for message in frame}


def test_each_message_of_a_client_has_an_example() -> None:
    assert kinds("→") == TABLE.keys() | {"n", "m", "t"}


def test_each_message_of_the_server_has_an_example() -> None:
    assert kinds("←") == grammar.KINDS
