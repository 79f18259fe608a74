"""`fortepiano serve` as a command: its settings, its complaints, its start and its end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from support.server import Server, environment, free_port, run_server
from support.websocket_clients import Clients, new_address, new_room


@pytest.fixture
def stopped() -> Iterator[Server]:
    """A server that a test starts by itself, or that must not start at all."""
    server = Server()
    yield server
    server.close()


def refused(server: Server, *more: str, **settings: str) -> str:
    """Run a server that must not start; return what it says, which is one line on stderr."""
    done = subprocess.run(
        [*server.command, *more],
        cwd=server.folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2, done
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize("which", ["port", "internal_port"])
def test_a_port_in_use_is_one_line(stopped: Server, which: str) -> None:
    port = getattr(stopped, which)
    with socket.create_server(("127.0.0.1", port)):
        assert str(port) in refused(stopped)


BAD_VALUES: dict[str, tuple[Sequence[str], dict[str, str], str]] = {
    "port in words": (["--port", "eighty"], {}, "port"),
    "port too large": (["--port", "70000"], {}, "port"),
    "negative port": (["--internal-port", "-1"], {}, "internal-port"),
    "log level": (["--log-level", "shout"], {}, "log-level"),
    "unknown flag": (["--prot", "8080"], {}, "--prot"),
    "preset": ([], {"FORTEPIANO_RULES__PRESET": "slow"}, "FORTEPIANO_RULES__PRESET"),
    "limit": ([], {"FORTEPIANO_LIMITS__PING_SECONDS": "soon"}, "FORTEPIANO_LIMITS__PING_SECONDS"),
    "misspelt": ([], {"FORTEPIANO_LIMITS__PIN_SECONDS": "1"}, "FORTEPIANO_LIMITS__PIN_SECONDS"),
    "host": (["--host", "256.0.0.1"], {}, "256.0.0.1"),
    "no such file": (["-c", "nowhere.toml"], {}, "nowhere.toml"),
    "placeholder": ([], {"SALT1": "change_me"}, "SALT1"),
}


@pytest.mark.parametrize(("flags", "settings", "named"), BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_a_bad_value_is_one_line_that_names_it(
    stopped: Server, flags: Sequence[str], settings: dict[str, str], named: str
) -> None:
    assert named in refused(stopped, *flags, **settings)


def test_a_bad_file_is_one_line(stopped: Server) -> None:
    (stopped.folder / "fortepiano.toml").write_text("port = [")
    assert "fortepiano.toml" in refused(stopped)


def test_an_unwritable_folder_is_one_line(stopped: Server) -> None:
    # Not by its mode: tests may run as root, who may write everywhere. Below a file nobody may.
    (stopped.folder / "file").touch()
    assert "file/data" in refused(stopped, "--data-dir", "file/data")


def test_a_damaged_store_is_one_line(stopped: Server) -> None:
    data = stopped.folder / "data"
    stopped.start()
    stopped.stop()
    (database,) = [path for path in data.iterdir() if path.read_bytes()[:6] == b"SQLite"]
    for path in data.glob(f"{database.name}*"):
        path.write_bytes(b"this is no database\n" * 100)
    assert database.name in refused(stopped)


@pytest.mark.case(11)
async def test_sigterm_closes_4000_and_exits_0(room: str) -> None:
    address = new_address()
    with run_server(FORTEPIANO_LIMITS__DRAIN_SECONDS="1") as server:
        async with Clients(server) as clients:
            people = [await clients.enter(room, address=new_address()) for _ in range(20)]
            clara = await clients.enter(room, address=address)
            await clara.send({"m": "userset", "set": {"name": "Clara"}})
            await clara.expect("p")
            ended = asyncio.create_task(asyncio.to_thread(server.stop))
            codes = await asyncio.gather(*(client.closed() for client in [*people, clara]))
            assert set(codes) == {4000}
            assert await ended == 0
        server.start()
        async with Clients(server) as clients:
            assert (await clients.enter(address=address)).user["name"] == "Clara"


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_an_empty_server_stops_at_once(stopped: Server, which: signal.Signals) -> None:
    stopped.start()
    begin = time.monotonic()
    assert stopped.stop(which) == 0
    assert time.monotonic() - begin < 3


async def test_the_second_signal_ends_the_drain() -> None:
    with run_server(FORTEPIANO_LIMITS__DRAIN_SECONDS="60") as server:
        async with Clients(server) as clients:
            people = [await clients.enter(new_room(), address=new_address()) for _ in range(5)]
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            # The first close shows that the drain has begun.
            pending = {asyncio.create_task(client.closed(30)) for client in people}
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            begin = time.monotonic()
            await asyncio.to_thread(server.stop)
            assert time.monotonic() - begin < 2
            await asyncio.gather(*pending)


def test_it_says_where_it_listens(server: Server) -> None:
    server.moment("listening")  # the line may be due yet
    lines = [json.loads(line) for line in server.log.splitlines()]
    (listening,) = [line for line in lines if line["event"] == "listening"]
    assert str(server.port) in listening["url"]


def test_every_line_of_the_log_is_json(server: Server) -> None:
    for line in server.log.splitlines():
        assert isinstance(json.loads(line), dict)


async def test_names_cannot_forge_lines_of_the_log(server: Server, clients: Clients) -> None:
    forged = '\\n{"event":"forged"}'
    client = await clients.enter("test/[31m" + forged)
    await client.send({"m": "userset", "set": {"name": "[2J" + forged}}, {"m": forged})
    await client.received()
    assert "\x1b" not in server.log
    for line in server.log.splitlines():
        assert json.loads(line)["event"] != "forged"


def test_it_raises_its_limit_of_open_files() -> None:
    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))

    with run_server(before_exec=lower) as server:
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        assert (soft, hard) == (1024, 1024)
        assert "1024" in server.log


def test_the_kernel_never_stops_it_for_a_larger_table_of_files(server: Server) -> None:
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    (table,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("FDSize")]
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    assert table >= min(hard, 1 << 16)


class TestSettings:
    """Each way of setting something works, and the names of the server before this one do."""

    @pytest.fixture
    def folder(self, stopped: Server) -> Path:
        return stopped.folder

    def serve(self, server: Server, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start `fortepiano serve` with nothing but these."""
        command = [*server.command[:4], *arguments]
        with (server.folder / "log").open("ab") as log:
            server.process = subprocess.Popen(
                command, cwd=server.folder, env=environment(**settings), stdout=log, stderr=log
            )
        return server.process

    def answers(self, server: Server, port: int) -> bool:
        """Wait until the server answers on `port`."""
        server.port = port
        deadline = time.monotonic() + 30
        while not server.is_ready():
            assert server.process is not None
            assert server.process.poll() is None, server.log
            assert time.monotonic() < deadline, server.log
            time.sleep(0.02)
        return True

    def test_ws_port(self, stopped: Server) -> None:
        port = free_port()
        self.serve(stopped, WS_PORT=str(port), FORTEPIANO_INTERNAL_PORT="0")
        assert self.answers(stopped, port)

    def test_environment(self, stopped: Server) -> None:
        port, internal = free_port(), free_port()
        settings = {"FORTEPIANO_PORT": str(port), "FORTEPIANO_INTERNAL_PORT": str(internal)}
        self.serve(stopped, FORTEPIANO_HOST="127.0.0.1", **settings)
        assert self.answers(stopped, port)
        assert httpx.get(f"http://127.0.0.1:{internal}/healthz").status_code == 200

    def test_dotenv(self, stopped: Server, folder: Path) -> None:
        port = free_port()
        (folder / ".env").write_text(
            f"WS_PORT={port}\nNODE_ENV=development\nFORTEPIANO_INTERNAL_PORT=0\n"
        )
        self.serve(stopped)
        assert self.answers(stopped, port)

    def test_toml(self, stopped: Server, folder: Path) -> None:
        port = free_port()
        (folder / "other.toml").write_text(f'port = {port}\ninternal_port = 0\nmotd = "Welcome"\n')
        self.serve(stopped, "-c", "other.toml")
        assert self.answers(stopped, port)

    def test_flags_are_stronger_than_the_environment(self, stopped: Server) -> None:
        port = free_port()
        settings = {"FORTEPIANO_PORT": str(free_port()), "WS_PORT": str(free_port())}
        self.serve(stopped, "--port", str(port), "--internal-port", "0", **settings)
        assert self.answers(stopped, port)

    def test_the_data_is_below_the_current_folder(self, stopped: Server) -> None:
        stopped.start()
        assert any((stopped.folder / "data").iterdir())

    async def test_salts_of_the_dotenv_file(self, stopped: Server, folder: Path) -> None:
        (folder / ".env").write_text("NODE_ENV=production\nSALT1='oak and ash'\nSALT2=thorn\n")
        stopped.start()
        address = new_address()
        async with Clients(stopped) as clients:
            client = await clients.enter(address=address)
        digest = hashlib.sha256(f"oak and ash{address}thorn".encode()).hexdigest()
        assert client.id == digest[:24]

    async def test_motd(self) -> None:
        with run_server(FORTEPIANO_MOTD="Welcome") as server:
            async with Clients(server) as clients:
                client = await clients.open()
                assert (await client.hello())["motd"] == "Welcome"
