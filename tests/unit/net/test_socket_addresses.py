"""Which addresses of listeners are the same one."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from fortepiano.net.socket_addresses import name_of, overlap, url_of

INET, INET6 = socket.AF_INET, socket.AF_INET6


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (("127.0.0.1", 1), ("127.0.0.1", 1), True),
        (("127.0.0.1", 1), ("127.0.0.1", 2), False),
        (("0.0.0.0", 1), ("127.0.0.1", 1), True),
        (("::", 1), ("127.0.0.1", 1), True),
        (("0.0.0.0", 1), ("::1", 1), True),
        (("::1", 1), ("127.0.0.1", 1), True),
        (("127.0.0.2", 1), ("127.0.0.1", 1), True),
        (("192.0.2.1", 1), ("127.0.0.1", 1), False),
        (("192.0.2.1", 1), ("192.0.2.1", 1), True),
        (("::ffff:192.0.2.1", 1), ("192.0.2.1", 1), True),
        (("2001:db8::1", 1), ("192.0.2.1", 1), False),
    ],
)
def test_addresses_of_tcp(one: tuple[str, int], other: tuple[str, int], is_same: bool) -> None:
    first, second = ((INET6 if ":" in host else INET, (host, port)) for host, port in (one, other))
    assert overlap(first, second) == is_same
    assert overlap(second, first) == is_same


def test_addresses_of_unix_sockets(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    def at(path: Any) -> tuple[int, Any]:
        return socket.AF_UNIX, path

    assert overlap(at(f"{tmp_path}/real/s"), at(f"{tmp_path}/link/s"))
    assert overlap(at(f"{tmp_path}/real/../real/s"), at(f"{tmp_path}/real/s"))
    assert not overlap(at(f"{tmp_path}/real/s"), at(f"{tmp_path}/real/t"))
    assert not overlap(at(f"{tmp_path}/s"), (INET, ("127.0.0.1", 1)))
    assert overlap(at(b"\0name"), at(b"\0name"))
    assert not overlap(at(b"\0name"), at("name"))


def test_names_for_people(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=INET6) as listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"
        assert name_of(listener) == ""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/s")
        assert url_of(listener) == name_of(listener) == f"unix:{tmp_path}/s"
