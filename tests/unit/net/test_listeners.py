"""Listening means listening: at once, on one address for one server, with the setting's name."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fortepiano.config import Settings
from fortepiano.errors import AddressError
from fortepiano.net import socket_addresses
from fortepiano.net.listeners import listening, opened_listeners
from support.server import free_port


def refusal(host: str, port: int, prefix: str = "", **options: Any) -> str:
    """Return why an address is refused, as people see it."""
    with pytest.raises(AddressError) as caught, listening(host, port, prefix, **options):
        pass
    return str(caught.value)


def test_a_bound_port_listens_and_a_second_server_is_refused() -> None:
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        why = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        assert refusal("127.0.0.1", port) == f"port: {why}"
        assert refusal("127.0.0.1", port, "internal_") == f"internal_port: {why}"
        assert "Address already in use" in refusal("0.0.0.0", port)


@pytest.mark.parametrize("host", ["256.0.0.1", "no-such-host.invalid", "192.0.2.1", "a..b", "\0"])
def test_hosts_that_are_not_here(host: str) -> None:
    assert refusal(host, 0).startswith(f"host: cannot listen on {host}:0: ")


def test_a_name_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    silence = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: silence.wait())
    monkeypatch.setattr(socket_addresses, "_RESOLVE_SECONDS", 0.05)
    began = time.monotonic()
    assert "name server" in refusal("piano.example.org", 80)
    assert time.monotonic() - began < 5
    silence.set()


@pytest.mark.parametrize("internal", ["127.0.0.1", "0.0.0.0", "localhost", "::1", "::"])
@pytest.mark.parametrize("public", ["127.0.0.1", "0.0.0.0", "localhost", "::1", "::"])
def test_public_and_internal_port_differ(public: str, internal: str) -> None:
    port = free_port()
    settings = Settings(host=public, port=port, internal_host=internal, internal_port=port)
    with pytest.raises(AddressError) as caught, opened_listeners(settings):
        pass
    assert str(caught.value).startswith("internal_port: cannot listen on ")
    assert str(caught.value).endswith(": port and internal_port must differ")


def test_free_ports_differ_by_themselves() -> None:
    with opened_listeners(Settings(host="127.0.0.1", port=0, internal_port=0)) as opened:
        assert len({one.getsockname() for one in (*opened.public, opened.internal)}) == 2
        assert opened.own == ()


class TestUnixSockets:
    def test_one_path_for_both(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(".")
        host, other = f"unix:{tmp_path}/s", f"unix:{tmp_path}/link/s"
        settings = Settings(host=host, internal_host=other)
        with pytest.raises(AddressError) as caught, opened_listeners(settings):
            pass
        assert str(caught.value).startswith("internal_host: cannot listen on unix:")
        assert str(caught.value).endswith(": host and internal_host must differ")
        assert not (tmp_path / "s").exists()

    def test_in_use_and_then_removed(self, tmp_path: Path) -> None:
        host, path = f"unix:{tmp_path}/s", tmp_path / "s"
        with opened_listeners(Settings(host=host, internal_port=0)) as opened:
            assert opened.own == (host,)
            assert refusal(host, 0) == f"host: cannot listen on {host}: Address already in use"
            assert path.is_socket()
        assert not path.exists()

    def test_the_queue_of_a_server_that_hangs_is_full(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as hanging, socket.socket(socket.AF_UNIX) as waiting:
            hanging.bind(str(path))
            hanging.listen(0)
            waiting.connect(str(path))
            assert "in use" in refusal(f"unix:{path}", 0)

    def test_two_at_once_over_one_left_behind(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(tmp_path / "s"))
        outcomes: list[str] = []
        barrier, ended = threading.Barrier(4), threading.Event()

        def start() -> None:
            barrier.wait()
            try:
                with listening(f"unix:{tmp_path}/s", 0):
                    outcomes.append("listens")
                    ended.wait(10)
            except AddressError:
                outcomes.append("refused")
            if len(outcomes) == 4:
                ended.set()

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(outcomes) == ["listens", "refused", "refused", "refused"]

    @pytest.mark.parametrize("path", ["nowhere/s", "x" * 200])
    def test_paths_that_cannot_be(self, tmp_path: Path, path: str) -> None:
        assert refusal(f"unix:{tmp_path}/{path}", 0).startswith("host: cannot listen on unix:")
