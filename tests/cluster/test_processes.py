"""Several processes on one port: which one gets a connection, and what their parent does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import httpx
import pytest

from fortepiano.model.close_codes import CloseCode
from support.processes import Processes, is_running, run_processes
from support.raw_peer import handshake_request
from support.recovery import until
from support.redis import run_redis
from support.server import Server
from support.supervised import Ear, patched, sockets_passed
from support.websocket_clients import Clients, new_address, new_room

pytestmark = pytest.mark.timeout(240)

SOON = 60.0
"""Seconds; only a failing test ever waits that long."""

HURRIED = """
import fortepiano.processes.children as children
children._PAUSES = (0.0, 0.05, 0.05)
"""
"""Gives a process up after its fourth failure, without long pauses."""


@pytest.fixture(scope="module")
def three() -> Iterator[Processes]:
    """Three processes, which tests leave running."""
    with run_processes(3) as server:
        yield server


def opened(server: Server, address: str, stack: ExitStack) -> None:
    """Open a WebSocket from an address; the stack closes it."""
    connection = socket.create_connection(
        ("127.0.0.1", server.port), SOON, source_address=(address, 0)
    )
    stack.enter_context(connection)
    connection.sendall(handshake_request())
    assert connection.recv(12) == b"HTTP/1.1 101"


def command(server: Server, *arguments: str) -> tuple[int, str]:
    """Run a command beside the server; return its exit status and what it says."""
    with server.command_of(*arguments) as process:
        said, _ = process.communicate(timeout=SOON)
    return process.returncode, said


class Comers:
    """People of many addresses who connect, one after the other, until the block ends.

    Attributes:
        answers: How often which answer to a handshake came.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ends = threading.Event()
        self.answers: Counter[str] = Counter()

    def _come(self) -> None:
        while not self._ends.is_set():
            try:
                with socket.create_connection(
                    ("127.0.0.1", self._server.port), SOON, source_address=(new_address(), 0)
                ) as connection:
                    connection.sendall(handshake_request())
                    self.answers[connection.recv(12).decode()] += 1
            except OSError as error:
                self.answers[repr(error)] += 1

    def __enter__(self) -> Comers:
        self._thread = threading.Thread(target=self._come)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()


class TestStart:
    @pytest.mark.parametrize("count", ["2", "0"])
    def test_without_a_broker_one_line_says_what_is_missing(self, count: str) -> None:
        with closing(Server("--processes", count)) as server:
            (line,) = server.refusal().splitlines()
        assert line.startswith("fortepiano: cluster.processes: needs cluster.url, a Redis: ")

    def test_one_is_what_serve_is_without_it(self) -> None:
        with closing(Server("--processes", "1")) as server:
            server.start()
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
            assert children.split() == []
            assert server.stop() == 0

    def test_each_process_has_a_name_an_internal_port_and_a_mark_in_the_log(
        self, three: Processes
    ) -> None:
        host = os.uname().nodename
        names = {line["node"]: line["process"] for line in three.lines("joined the cluster")}
        assert names == {f"{host}:{three.port}/{number}": number for number in (1, 2, 3)}
        for number in range(3):
            url = f"http://127.0.0.1:{three.internal_port + number}"
            assert httpx.get(f"{url}/readyz").status_code == 200
            assert "fortepiano_sockets" in httpx.get(f"{url}/metrics").text
        status, said = command(three, "status", "--url", three.internal_url)
        assert (status, "ready" in said) == (0, True), said

    def test_neither_the_folder_nor_the_port_are_anybody_elses(self, three: Processes) -> None:
        """Also not another `serve --processes` of the same user, which the kernel would let in."""
        again = Processes(three.redis, 2)
        with closing(again):
            again.port = three.port
            assert again.refusal().strip().endswith(f":{three.port}: Address already in use")
        data = str(three.folder / "data")
        other = Processes(three.redis, 2, "--data-dir", data)
        with closing(other):
            line = other.refusal()
        assert f"process {three.pid} on " in line
        assert "uses this folder" in line

    def test_a_process_that_cannot_start_ends_the_start(self, three: Processes) -> None:
        """Its own line says why, and nothing else does."""
        taken = {"FORTEPIANO_CLUSTER__NODE": f"{os.uname().nodename}:{three.port}"}
        prefix = {"FORTEPIANO_STORE__PREFIX": three.settings["FORTEPIANO_STORE__PREFIX"]}
        with closing(Processes(three.redis, 2, **taken, **prefix)) as other:
            (line,) = other.refusal().splitlines()
        assert line.endswith("stop it, or choose another `cluster.node`")


class TestWhoGetsAConnection:
    def test_all_of_an_address_go_to_one_process(self, three: Processes) -> None:
        places: Counter[int] = Counter()
        for _ in range(12):
            address = new_address()
            with ExitStack() as stack:
                come = partial(opened, three, address, stack)
                first, *others = (three.process_of(come) for _ in range(3))
                assert set(others) == {first}
            places[first] += 1
        assert len(places) > 1

    def test_those_of_a_trusted_proxy_go_to_all(self) -> None:
        with (
            run_processes(2, FORTEPIANO_PROXY__TRUSTED="127.0.0.1") as server,
            ExitStack() as stack,
        ):
            for _ in range(24):
                opened(server, "127.0.0.1", stack)
            assert all(server.sockets()), server.sockets()
            places = {
                server.process_of(lambda: opened(server, "127.3.2.1", stack)) for _ in range(3)
            }
            assert len(places) == 1

    def test_a_unix_socket_is_shared(self, tmp_path: Path) -> None:
        path = tmp_path / "public.sock"
        internal = tmp_path / "internal.sock"
        settings = {
            "FORTEPIANO_HOST": f"unix:{path}",
            "FORTEPIANO_INTERNAL_HOST": f"unix:{internal}",
            "FORTEPIANO_PROXY__TRUSTED": f"unix:{path}",
        }
        with run_redis("--appendonly", "no") as redis:
            server = Processes(redis, 2, **settings)
            server._over = path
            with closing(server):
                server.start()
                for name in ("internal.sock", "internal.sock.2"):
                    transport = httpx.HTTPTransport(uds=str(tmp_path / name))
                    with httpx.Client(transport=transport) as client:
                        assert client.get("http://localhost/readyz").status_code == 200
                os.kill(server.pids[0], signal.SIGKILL)
                for _ in range(20):
                    assert server.is_ready()
                server.until_logged("a process has failed")
                server.excuse()
                assert server.stop() == 0
        assert list(tmp_path.iterdir()) == []

    def test_sockets_of_systemd_are_shared(self, tmp_path: Path) -> None:
        with (
            run_redis("--appendonly", "no") as redis,
            closing(Processes(redis, 2)) as server,
            socket.create_server(("127.0.0.1", server.port)) as public,
            sockets_passed(server, [public], LISTEN_FDNAMES="public", **server.settings),
        ):
            server.until_logged("all processes serve")
            public.close()
            assert server.is_ready()
            os.kill(server.pids[1], signal.SIGKILL)
            for _ in range(20):
                assert server.is_ready()
            server.until_logged("listening", 3)
            server.excuse()
            assert server.stop() == 0


class TestEnds:
    def test_the_restart_of_one_process_loses_no_connection(self) -> None:
        with run_processes(2) as server:
            with Comers(server) as comers:
                for number, pid in enumerate(server.pids):
                    os.kill(pid, signal.SIGTERM)
                    server.until_logged("listening", 3 + number)
                    time.sleep(0.5)
            assert server.stop() == 0
        assert comers.answers["HTTP/1.1 101"] > 20
        assert set(comers.answers) == {"HTTP/1.1 101"}

    async def test_people_of_a_killed_process_come_back(self) -> None:
        with run_processes(2) as server:
            async with Clients(server) as clients:
                room = new_room()
                people = [await clients.enter(room, address=new_address()) for _ in range(8)]
                victim = max(range(2), key=server.sockets().__getitem__)
                pid = server.pids[victim]
                os.kill(pid, signal.SIGKILL)
                codes = await asyncio.gather(
                    *(asyncio.wait_for(asyncio.shield(one.closed()), 2) for one in people),
                    return_exceptions=True,
                )
                lost = [who for who, code in zip(people, codes, strict=True) if code == 1006]
                assert lost
                for one in lost:
                    back = await clients.enter(new_room(), address=one.address)
                    assert back.id == one.id
            await asyncio.to_thread(server.until_logged, "listening", 3)
            failed = server.until_logged("a process has failed")
            assert (failed["number"], failed["pid"], failed["status"]) == (victim + 1, pid, -9)
            await until(server.is_ready, SOON)
            server.excuse()
            assert server.stop() == 0

    def test_one_that_fails_again_and_again_is_given_up(self, tmp_path: Path) -> None:
        settings_file = tmp_path / "piano.toml"
        settings_file.write_text("motd = 'ok'\n")
        (tmp_path / "code").mkdir()
        with closing(Ear(tmp_path)) as ear:
            variables = patched(tmp_path / "code", HURRIED) | ear.variables
            with run_processes(2, "--config", str(settings_file), **variables) as server:
                ear.until("READY=1\nSTATUS=2 of 2 processes serve")
                settings_file.write_text("motd = 7 8\n")
                os.kill(server.pids[1], signal.SIGKILL)
                server.until_logged("a process is given up: `fortepiano reload` tries it again")
                ear.until("STATUS=1 of 2 processes serve; given up: 2")
                with ExitStack() as stack:
                    for _ in range(12):
                        opened(server, new_address(), stack)
                settings_file.write_text("motd = 'mended'\n")
                status, said = command(server, "reload", "--config", str(settings_file))
                assert status == 0, said
                ear.until("STATUS=2 of 2 processes serve")
                server.excuse()
                assert server.stop() == 0

    def test_the_exit_status_tells_of_one_that_was_given_up(self, tmp_path: Path) -> None:
        settings_file = tmp_path / "piano.toml"
        settings_file.write_text("motd = 'ok'\n")
        (tmp_path / "code").mkdir()
        variables = patched(tmp_path / "code", HURRIED)
        with run_processes(2, "--config", str(settings_file), **variables) as server:
            settings_file.write_text("motd = 7 8\n")
            os.kill(server.pids[0], signal.SIGKILL)
            server.until_logged("a process is given up: `fortepiano reload` tries it again")
            server.excuse()
            os.kill(server.pids[1], signal.SIGKILL)
            assert server.process is not None
            assert server.process.wait(SOON) == 2  # the last one gives up the whole
            server.excuse()

    @pytest.mark.cluster
    def test_a_silent_process_is_replaced(self, tmp_path: Path) -> None:
        code = (
            "import fortepiano.processes.child as child\n"
            "import fortepiano.processes.children as children\n"
            "child.SILENT_SECONDS, children._LOOK_SECONDS = 10.0, 1.0\n"
        )
        with run_processes(2, **patched(tmp_path, code)) as server:
            os.kill(server.pids[1], signal.SIGSTOP)
            assert server.until_logged("a process is silent: it is killed")["number"] == 2
            server.until_logged("listening", 3)
            server.excuse()
            assert server.stop() == 0

    def test_all_stop_when_their_parent_is_killed(self) -> None:
        with run_processes(2) as server:
            pids = server.pids
            server.kill()
            deadline = time.monotonic() + SOON
            while any(map(is_running, pids)):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert len(server.lines("stopped")) == 2
            server.start()  # the lock and the names are free again
            assert server.stop() == 0

    def test_two_signals_end_the_drain(self) -> None:
        with run_processes(2, FORTEPIANO_LIMITS__DRAIN_SECONDS="60") as server:
            with ExitStack() as stack:
                for _ in range(6):
                    opened(server, new_address(), stack)
                server.begin_stop()
                server.until_logged("stopping", 2)
                server.begin_stop()
                assert server.process is not None
                assert server.process.wait(SOON) == 0


class TestCommands:
    async def test_a_ban_a_reload_and_questions_reach_all(self, tmp_path: Path) -> None:
        settings_file = tmp_path / "piano.toml"
        settings_file.write_text("motd = 'one'\n")
        config = ("--config", str(settings_file))
        with run_processes(2, *config) as server:
            async with Clients(server) as clients:
                people = [await clients.enter(address=new_address()) for _ in range(8)]
                assert all(server.sockets())
                settings_file.write_text("motd = 'two'\n")
                status, said = await asyncio.to_thread(command, server, "reload", *config)
                assert (status, said) == (0, "motd: one → two\nReloaded.\n")
                assert {line["process"] for line in server.lines("reloaded")} == {1, 2}
                settings_file.write_text("motd = 7 8\n")
                status, said = await asyncio.to_thread(command, server, "reload", *config)
                assert status == 2
                assert len(said.splitlines()) == 1
                settings_file.write_text("motd = 'three'\n")
                assert server.process is not None
                server.process.send_signal(signal.SIGHUP)
                await asyncio.to_thread(server.until_logged, "reloaded", 4)
                for one in people:
                    ban = ("bans", "add", one.id, "--reason", "noise", *config)
                    status, said = await asyncio.to_thread(command, server, *ban)
                    assert status == 0, said
                    assert await one.closed(SOON) == CloseCode.BANNED
            server.excuse()  # of the settings that could not be read
            assert server.stop() == 0

    async def test_an_upgrade_rolls_through_all(self) -> None:
        """Nobody notices, and the parent becomes the new program at last."""
        with run_processes(3) as server:
            async with Clients(server) as clients:
                people = await clients.group(6)
                before = server.pids
                status, said = await asyncio.to_thread(command, server, "upgrade")
                assert status == 0, said
                assert "serves 6 connections as processes" in said
                assert not set(before) & set(server.pids)
                await people[0].send({"m": "a", "message": "after"})
                for one in people:
                    await one.expect("a", where=lambda it: it["a"] == "after")
                    assert one.log[-1]["a"] == "after"
                await asyncio.to_thread(server.until_logged, "all processes serve", 2)
                os.kill(server.pids[1], signal.SIGKILL)
                await asyncio.to_thread(server.until_logged, "listening", 7)
            server.excuse()
            assert server.stop() == 0

    async def test_an_upgrade_that_fails_stops_the_roll(self, tmp_path: Path) -> None:
        code = (
            "import os, sys\n"
            "def restore(*all): raise RuntimeError('it fails')\n"
            "if '--take-over' in sys.argv and '2,2,' in ' '.join(sys.argv):\n"
            "    import fortepiano.upgrade.new_process as new_process\n"
            "    new_process.restore = restore\n"
        )
        with run_processes(2, **patched(tmp_path, code)) as server:
            first, second = server.pids
            async with Clients(server) as clients:
                one, other = await clients.pair()
                status, said = await asyncio.to_thread(command, server, "upgrade")
                assert status == 2
                (line,) = said.splitlines()
                assert line.startswith("fortepiano: process 2: the new version fails")
                assert line.endswith("1 of 2 processes were upgraded before")
                assert server.pids[1] == second
                assert server.pids[0] != first
                await one.send({"m": "a", "message": "goes on"})
                await other.expect("a", where=lambda it: it["a"] == "goes on")
            server.excuse()
            assert server.stop() == 0

    async def test_the_parent_changes_its_program_and_keeps_all(self, tmp_path: Path) -> None:
        """The upgrades of the processes themselves are left out here."""
        code = (
            "import fortepiano.processes.commands as commands\n"
            "upgraded = {'version': '9', 'pid': 7, 'connections': 2, 'pause_ms': 1.0}\n"
            "real = commands.ask\n"
            "def ask(folder, line): return upgraded if line == 'upgrade' else real(folder, line)\n"
            "commands.ask = ask\n"
        )
        (tmp_path / "code").mkdir()
        with closing(Ear(tmp_path)) as ear:
            variables = patched(tmp_path / "code", code) | ear.variables
            with run_processes(2, **variables) as server, Comers(server) as comers:
                ear.until("READY=1\nSTATUS=2 of 2 processes serve")
                async with Clients(server) as clients:
                    people = [await clients.enter(address=new_address()) for _ in range(4)]
                    for times in (2, 3):
                        status, said = await asyncio.to_thread(command, server, "upgrade")
                        assert status == 0, said
                        assert "serves 4 connections as processes 7, 7" in said
                        await asyncio.to_thread(server.until_logged, "all processes serve", times)
                        ear.until("READY=1\nSTATUS=2 of 2 processes serve")
                        assert ear.last_pid == server.pid
                    for one in people:
                        await one.received()
                refused = {name for name in comers.answers if "101" not in name}
                assert refused == set()
                os.kill(server.pids[0], signal.SIGKILL)
                await asyncio.to_thread(server.until_logged, "listening", 3)
                status, said = await asyncio.to_thread(command, server, "reload")
                assert (status, said) == (0, "Nothing has changed.\n")
                server.excuse()
                assert server.stop() == 0
                ear.until("STOPPING=1")


class TestSystemd:
    def test_it_sees_one_service(self, tmp_path: Path) -> None:
        with (
            closing(Ear(tmp_path)) as ear,
            run_processes(2, WATCHDOG_USEC="2000000", **ear.variables) as server,
        ):
            first = ear.until("READY=1\nSTATUS=2 of 2 processes serve")
            assert not any("MAINPID" in text for text in first)
            ear.until("WATCHDOG=1")
            os.kill(server.pids[1], signal.SIGTERM)
            ear.until("STATUS=1 of 2 processes serve")
            heard = ear.until("STATUS=2 of 2 processes serve")
            assert "STOPPING=1" not in heard
            assert ear.last_pid == server.pid
            assert server.stop() == 0
            ear.until("STOPPING=1")
            assert ear.last_pid == server.pid
