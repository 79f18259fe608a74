"""Lists, acts, events and missing nodes, as an operator has them at any node."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from support.admin_desk import Desk, stream_events
from support.cluster import Cluster, run_cluster
from support.player import Player, connected
from support.presets import LOUD, UNHURRIED
from support.server import Server, environment
from support.websocket_clients import new_address, new_room

pytestmark = pytest.mark.timeout(180)

PATIENCE = 15.0
"""Seconds until nodes know of each other what they are to know."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of three nodes with tokens; each node has a file of settings of its own."""

    def prepare(made: Cluster) -> None:
        for node in made.nodes:
            (node.folder / "fortepiano.toml").write_text("")
        made.tokens.update(
            {scope: made.make_token(scope) for scope in ("read", "moderate", "admin")}
        )
        for node in made.nodes:
            node.tokens = made.tokens

    with run_cluster(3, prepare, **UNHURRIED, **LOUD) as running:
        desks = [Desk(node) for node in running.nodes]
        for desk in desks:  # the first call imports the API
            desk.get("/api/v1/status")
            desk.client.close()
        yield running


@pytest.fixture
def desks(cluster: Cluster) -> Iterator[list[Desk]]:
    """The admin API of each node."""
    with ExitStack() as stack:
        made = [Desk(node) for node in cluster.nodes]
        for desk in made:
            stack.enter_context(desk.client)
        yield made


@pytest.fixture
def enter(cluster: Cluster) -> Iterator[Callable[..., Player]]:
    """Let people in: the number of the node, a name, a room, and perhaps an address."""
    with ExitStack() as stack:

        def enter_one(number: int, name: str, room: str, address: str = "") -> Player:
            made = connected(Only(cluster.nodes[number]), address or new_address(), name, room)
            return stack.enter_context(made)

        yield enter_one


class Only(Server):
    """One node of a cluster, for connections that may go to no other."""

    def __init__(self, node: Server) -> None:
        self.port = node.port

    def next_node(self) -> Server:
        return self


@contextmanager
def frozen(node: Server) -> Iterator[None]:
    """Stop a process for a moment, so short that nobody buries it."""
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


def until(look: Callable[[], Any], wanted: object = True) -> None:
    """Wait until nodes agree."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def command(node: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fortepiano", *arguments],
        cwd=node.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def actions_on(desk: Desk, user_id: str) -> list[str]:
    """The acts on a user in the audit log, the newest first."""
    return [act["action"] for act in desk.get("/api/v1/audit", subject=user_id)["acts"]]


def user_of(desk: Desk, name: str) -> dict[str, Any]:
    (user,) = desk.get("/api/v1/users", search=name)["users"]
    found: dict[str, Any] = user
    return found


class TestLists:
    def test_rooms_are_listed_once_with_their_homes(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        name = new_room()
        for number in range(3):
            enter(number, f"Ann {number}", name)
            enter(number, f"Bea {number}", f"{name} of {number}")
        for desk in desks:
            listed = desk.get("/api/v1/rooms", search=name)
            found = {(room["name"], room["people"], room["node"]) for room in listed["rooms"]}
            assert found == {
                (name, 3, "node-0"),
                *((f"{name} of {number}", 1, f"node-{number}") for number in range(3)),
            }
            assert (listed["total"], listed["missing_nodes"]) == (4, [])
            assert listed["rooms"][0]["name"] == name, "the fullest first"

    def test_rooms_that_all_nodes_know_are_listed_once(self, desks: list[Desk]) -> None:
        for desk in desks:
            names = [room["name"] for room in desk.get("/api/v1/rooms", limit=1000)["rooms"]]
            assert names.count("lobby") == 1
            assert len(set(names)) == len(names)

    def test_pages_are_those_of_one_list(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        name = new_room()
        for number in range(6):
            enter(number % 3, f"Cid {number}", f"{name} {number}")
        whole = desks[0].get("/api/v1/rooms", search=name)["rooms"]
        for desk in desks:
            pages = [
                desk.get("/api/v1/rooms", search=name, limit=2, offset=offset)
                for offset in (0, 2, 4, 6)
            ]
            assert [room for page in pages for room in page["rooms"]] == whole
            assert {page["total"] for page in pages} == {6}

    def test_a_page_too_far_away_is_refused(self, desks: list[Desk]) -> None:
        answer = desks[0].call("GET", "/api/v1/users", params={"offset": 10_000})
        assert answer.status_code == 409
        assert "search" in answer.json()["detail"]
        assert desks[0].call("GET", "/api/v1/users", params={"offset": "x"}).status_code == 422

    def test_a_user_at_two_nodes_is_one(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        room, address = new_room(), new_address()
        enter(0, "Dora at two", room, address)
        enter(1, "Dora at two", f"{room} 2", address)
        for desk in desks:
            listed = desk.get("/api/v1/users", search="Dora at two")
            (user,) = listed["users"]
            assert (user["connections"], sorted(user["nodes"])) == (2, ["node-0", "node-1"])
            assert sorted(user["rooms"]) == [room, f"{room} 2"]
            assert listed["total"] == 1
            shown = desk.get(f"/api/v1/users/{user['id']}")
            assert sorted(shown["rooms"]) == sorted(user["rooms"])
            (only,) = desk.get("/api/v1/users", room=f"{room} 2")["users"]
            assert only["id"] == user["id"]

    def test_connections_name_their_nodes(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        room, address = new_room(), new_address()
        for number in range(3):
            enter(number, "Eve everywhere", room, address)
        user_id = user_of(desks[0], "Eve everywhere")["id"]
        for desk in desks:
            listed = desk.get("/api/v1/connections", user_id=user_id)
            found = sorted((one["node"], one["room"]) for one in listed["connections"])
            assert found == [(f"node-{number}", room) for number in range(3)]

    def test_nobody_is_nowhere(self, desks: list[Desk]) -> None:
        for path in (f"/api/v1/users/{'f' * 24}", "/api/v1/room?name=nowhere"):
            assert desks[0].call("GET", path).status_code == 404


class TestActs:
    def test_an_act_on_a_room_is_its_homes(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        room = new_room()
        enter(2, "Fay", room)
        enter(1, "Gus", room)
        answer = desks[0].do("PATCH", "/api/v1/room/settings", {"chat": False}, name=room)
        assert answer.headers["Fortepiano-Nodes"] == "node-2"
        assert (answer.json()["node"], answer.json()["people"]) == ("node-2", 2)
        gus = user_of(desks[0], "Gus")["id"]
        body = {"room": room, "notes": True, "chat": True}
        desks[0].do("PUT", f"/api/v1/users/{gus}/mute", body)
        found = desks[1].get("/api/v1/room", name=room)
        assert found["settings"]["chat"] is False
        assert [one["muted_notes"] for one in found["participants"]] == [False, True]
        until(lambda: actions_on(desks[1], gus), ["mute"])
        closed = desks[1].do("POST", "/api/v1/room/close", {"reason": "late"}, name=room)
        assert closed.headers["Fortepiano-Nodes"] == "node-2"
        until(lambda: user_of(desks[0], "Gus")["rooms"], ["lobby"])

    def test_a_user_is_renamed_at_all_nodes(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        room, address = new_room(), new_address()
        enter(1, "Hal", room, address)
        enter(2, "Hal", room, address)
        user_id = user_of(desks[0], "Hal")["id"]
        answer = desks[0].do("PATCH", f"/api/v1/users/{user_id}", {"name": "Harold"})
        assert answer.headers["Fortepiano-Nodes"] == "node-1, node-2"
        assert (answer.json()["name"], answer.json()["connections"]) == ("Harold", 2)
        for desk in desks:
            until(lambda desk=desk: desk.get(f"/api/v1/users/{user_id}")["name"], "Harold")

    def test_a_user_is_moved_and_kicked_at_all_nodes_and_this_is_noted_once(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        room, address = new_room(), new_address()
        tabs = [enter(number, "Ida", f"{room} {number}", address) for number in range(3)]
        user_id = user_of(desks[0], "Ida")["id"]
        desks[1].do("POST", f"/api/v1/users/{user_id}/move", {"room": room})
        until(lambda: desks[0].get(f"/api/v1/users/{user_id}")["rooms"], [room])
        answer = desks[2].do("POST", f"/api/v1/users/{user_id}/kick", {"reason": "rude"})
        nodes = answer.headers["Fortepiano-Nodes"].split(", ")
        assert sorted(nodes) == ["node-0", "node-1", "node-2"]
        for desk in desks:
            path = f"/api/v1/users/{user_id}"
            until(lambda desk=desk, path=path: desk.call("GET", path).status_code, 404)
        until(lambda: actions_on(desks[0], user_id), ["kick", "move"])
        assert len(tabs) == 3

    def test_notices_reach_and_count_people_of_all_nodes(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        room, address = new_room(), new_address()
        for number in range(3):
            enter(number, "Joe", room, address)
        enter(1, "Kim", room)
        joe = user_of(desks[0], "Joe")["id"]
        clients = sum(desk.get("/api/v1/status")["clients"] for desk in desks)
        targets: list[tuple[dict[str, str], int]] = [
            ({"to": "user", "subject": joe}, 3),
            ({"to": "room", "room": room}, 4),
            ({"to": "all"}, clients),
        ]
        for target, count in targets:
            answer = desks[2].do("POST", "/api/v1/notices", target | {"text": "hello"})
            assert answer.json() == {"connections": count}, target

    def test_a_connection_of_another_node_is_closed(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        enter(1, "Leo", new_room())
        user_id = user_of(desks[0], "Leo")["id"]
        (one,) = desks[0].get("/api/v1/connections", user_id=user_id)["connections"]
        path = f"/api/v1/connections/{one['id']}/kick"
        assert desks[0].call("POST", path, json={}, params={"node": "x"}).status_code == 404
        answer = desks[0].do("POST", path, {}, node=one["node"])
        assert answer.headers["Fortepiano-Nodes"] == "node-1"
        until(lambda: desks[0].call("GET", f"/api/v1/users/{user_id}").status_code, 404)

    def test_a_permanent_room_is_made_without_people(self, desks: list[Desk]) -> None:
        room = new_room()
        desks[1].do("PUT", "/api/v1/room/permanent", {"permanent": True}, name=room)
        for desk in desks:
            found = desk.get("/api/v1/room", name=room)
            assert (found["permanent"], found["node"]) == (True, "node-1")
        answer = desks[2].do("PUT", "/api/v1/room/permanent", {"permanent": False}, name=room)
        assert answer.headers["Fortepiano-Nodes"] == "node-1"

    def test_scopes_hold_at_other_nodes(
        self, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        room = new_room()
        enter(1, "Mia", room)
        user_id = user_of(desks[0], "Mia")["id"]
        calls = [
            ("POST", f"/api/v1/users/{user_id}/kick", {}),
            ("PATCH", f"/api/v1/room/settings?name={room}", {"chat": False}),
            ("POST", "/api/v1/notices", {"to": "all", "text": "x"}),
        ]
        for method, path, body in calls:
            answer = desks[0].call(method, path, scope="read", json=body)
            assert answer.status_code == 403, path
            assert "yours is of read" in answer.json()["detail"]


class TestMissingNodes:
    def test_lists_are_partial_and_name_them(
        self, cluster: Cluster, desks: list[Desk], enter: Callable[..., Player]
    ) -> None:
        name = new_room()
        enter(0, "Ned", name)
        enter(2, "Oda", f"{name} 2")
        oda = user_of(desks[0], "Oda")["id"]
        with frozen(cluster.nodes[2]):
            began = time.monotonic()
            listed = desks[0].get("/api/v1/rooms", search=name)
            assert time.monotonic() - began < 2
            assert [room["name"] for room in listed["rooms"]] == [name]
            assert listed["missing_nodes"] == ["node-2"]
            nowhere = desks[0].call("GET", f"/api/v1/users/{oda}")
            assert (nowhere.status_code, "node-2" in nowhere.json()["detail"]) == (404, True)
            home = desks[0].call("GET", "/api/v1/room", params={"name": f"{name} 2"})
            assert (home.status_code, "node-2" in home.json()["detail"]) == (503, True)
        until(lambda: desks[0].get("/api/v1/rooms")["missing_nodes"], [])

    def test_the_cluster_is_shown_with_them(self, cluster: Cluster, desks: list[Desk]) -> None:
        found = desks[1].get("/api/v1/cluster")
        assert (found["node"], found["missing_nodes"]) == ("node-1", [])
        for node in found["nodes"]:
            assert 0 < node["lease_ms"] <= 6000
            assert node["status"]["cluster"]["node"] == node["name"]
        with frozen(cluster.nodes[2]):
            found = desks[1].get("/api/v1/cluster")
            states = {node["name"]: node["status"] is None for node in found["nodes"]}
            assert states == {"node-0": False, "node-1": False, "node-2": True}
            assert found["missing_nodes"] == ["node-2"]
            shown = command(
                cluster.nodes[1], "status", "--url", cluster.nodes[1].internal_url
            ).stdout
            assert "node-2" in shown and "does not answer" in shown
        until(lambda: desks[1].get("/api/v1/cluster")["missing_nodes"], [])


class TestCommands:
    def test_status_shows_all_nodes(self, cluster: Cluster, enter: Callable[..., Player]) -> None:
        for number in range(3):
            enter(number, f"Pia {number}", new_room())
        node = cluster.nodes[1]
        told = command(node, "status", "--json", "--url", node.internal_url)
        found = json.loads(told.stdout)
        assert found["numbers"]["clients"] == 1
        assert found["cluster"]["node"] == "node-1"
        assert sorted(found["cluster"]["nodes"]) == ["node-0", "node-1", "node-2"]
        assert found["cluster"]["numbers"]["clients"] == 3
        assert found["cluster"]["numbers"]["participants"] == 3
        assert found["cluster"]["missing_nodes"] == []
        shown = command(node, "status", "--url", node.internal_url).stdout
        assert "node node-1, ready" in shown
        (clients,) = [line for line in shown.splitlines() if line.startswith("Clients")]
        assert clients.split() == ["Clients", "1", "3"]

    def test_top_shows_all_nodes(self, cluster: Cluster) -> None:
        node = cluster.nodes[0]
        shown = command(
            node, "top", "--count", "1", "--interval", "0.2", "--url", node.internal_url
        )
        assert shown.returncode == 0, shown.stderr
        assert all(f"node-{number}" in shown.stdout for number in range(3))

    def test_a_reload_warns_of_what_differs_until_all_have_reloaded(
        self, cluster: Cluster, desks: list[Desk]
    ) -> None:
        for node in cluster.nodes:
            (node.folder / "fortepiano.toml").write_text('motd = "new"\n')
        first = cluster.nodes[0]
        try:
            done = command(first, "reload", "--data-dir", str(first.folder / "data"))
            assert (done.returncode, "motd:  → new" in done.stdout) == (0, True), done
            assert "motd: other than at the node node-1" in done.stderr
            until(lambda: bool(desks[1].get("/api/v1/status")["cluster"]["differences"]))
            done = command(first, "reload", "--all", "--data-dir", str(first.folder / "data"))
            assert (done.returncode, done.stderr) == (0, ""), done
            assert done.stdout.count("motd:  → new") == 2
            until(lambda: desks[1].get("/api/v1/status")["cluster"]["differences"], [])
        finally:
            for node in cluster.nodes:
                (node.folder / "fortepiano.toml").write_text("")
            answer = desks[2].do("POST", "/api/v1/configuration/reload", all="true").json()
        assert {one["node"]: one["changed"] for one in answer["nodes"]} == {
            f"node-{number}": {"motd": ["new", ""]} for number in range(3)
        }

    def test_a_node_that_cannot_reload_says_so(self, cluster: Cluster) -> None:
        first, second = cluster.nodes[:2]
        (second.folder / "fortepiano.toml").write_text("nonsense = 1\n")
        try:
            done = command(first, "reload", "--all", "--data-dir", str(first.folder / "data"))
        finally:
            (second.folder / "fortepiano.toml").write_text("")
        assert done.returncode == 2
        assert "node-1: " in done.stderr and "nonsense" in done.stderr
        assert "[node-2]" in done.stdout
        second.excuse()


class TestEvents:
    async def test_events_of_all_nodes_with_their_node(
        self, cluster: Cluster, desks: list[Desk]
    ) -> None:
        room = new_room()
        seen: list[tuple[str, str]] = []

        async def read() -> None:
            headers = {"Authorization": f"Bearer {cluster.tokens['read']}"}
            url = f"{cluster.nodes[0].internal_url}/api/v1/events"
            async with (
                httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as client,
                client.stream("GET", url) as response,
            ):
                async for kind, event in stream_events(response):
                    if kind == "status":
                        started.set()
                    elif event["kind"] == "arrived" or event.get("room") == room:
                        seen.append((event["kind"], event["node"]))
                    if ("left", "node-2") in seen:
                        return

        started = asyncio.Event()
        async with asyncio.timeout(30):
            reading = asyncio.create_task(read())
            await started.wait()
            await asyncio.to_thread(self._visit, cluster, room)
            await reading
        arrived = [event for event in seen if event[0] in ("entered", "left")]
        assert arrived == [("entered", "node-2"), ("left", "node-2")]
        assert ("arrived", "node-2") in seen

    @staticmethod
    def _visit(cluster: Cluster, room: str) -> None:
        with connected(Only(cluster.nodes[2]), new_address(), "Quin", room):
            time.sleep(0.5)


def test_metrics_carry_the_name_of_the_node(cluster: Cluster) -> None:
    for number, node in enumerate(cluster.nodes):
        text = httpx.get(f"{node.internal_url}/metrics", trust_env=False).text
        assert f'fortepiano_cluster_up{{node="node-{number}"}} 1.0' in text
        assert f'fortepiano_cluster_nodes{{node="node-{number}"}} 3.0' in text
        assert f'fortepiano_clients{{node="node-{number}"}}' in text
