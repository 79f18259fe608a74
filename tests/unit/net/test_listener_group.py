"""The listeners of several processes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fortepiano.config import Settings
from fortepiano.errors import AddressError
from fortepiano.net import listener_group
from fortepiano.net.listener_group import ListenerGroup, opened_group, resumed_group
from fortepiano.net.listeners import Listeners
from fortepiano.net.socket_addresses import name_of, port_of
from support.server import free_port

ANY = {"host": "127.0.0.1", "port": 0, "internal_port": 0}


def test_each_has_its_own_listener_on_one_port() -> None:
    with opened_group(Settings(**ANY), 3) as group:
        assert group.is_balanced
        assert len({it.fileno() for it in group.public}) == 3
        assert len({port_of(it) for it in group.public}) == 1
        assert len({port_of(member.internal) for member in group.members}) == 3


def test_internal_ports_follow_each_other() -> None:
    first = free_port()
    with opened_group(Settings(**ANY | {"internal_port": first}), 2) as group:
        assert [port_of(member.internal) for member in group.members] == [first, first + 1]


def test_nobody_else_joins_a_group() -> None:
    with opened_group(Settings(**ANY), 2) as group:
        settings = Settings(**ANY | {"port": port_of(group.public[0])})
        with pytest.raises(AddressError, match="in use"), opened_group(settings, 2):
            pass


def test_an_internal_port_of_another_process_is_no_public_one() -> None:
    port = free_port()
    settings = Settings(**ANY | {"port": port + 1, "internal_port": port})
    with pytest.raises(AddressError, match="must differ"), opened_group(settings, 2):
        pass


def test_unix_sockets_are_shared_or_numbered_and_removed(tmp_path: Path) -> None:
    hosts = {"host": f"unix:{tmp_path}/public", "internal_host": f"unix:{tmp_path}/internal"}
    with opened_group(Settings(**hosts), 3) as group:
        assert not group.is_balanced
        assert len({it.fileno() for it in group.public}) == 1
        names = [name_of(member.internal) for member in group.members]
        assert names == [f"unix:{tmp_path}/internal{end}" for end in ("", ".2", ".3")]
        group.balance(["10.0.0.0/8"])  # does nothing
        # Another program goes on with them.
        members = [
            Listeners(tuple(it.dup() for it in some), one.dup(), own)
            for some, one, own in group.members
        ]
    assert not any(tmp_path.iterdir())
    for name in ("public", "internal"):
        (tmp_path / name).touch()
    with resumed_group(members, is_balanced=False):
        pass
    assert not any(tmp_path.iterdir())
    assert all(it.internal.fileno() < 0 for it in members)


def test_a_kernel_that_refuses_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(92, "Protocol not available")

    monkeypatch.setattr(listener_group, "attach", refuse)
    with opened_group(Settings(**ANY), 2) as group, capture_logs() as lines:
        group.balance([])
        group.balance([], [1])
    (line,) = lines
    assert line["why"] == "Protocol not available"


def test_where_none_serves_all_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    attached: list[int] = []
    monkeypatch.setattr(listener_group, "attach", lambda _, code: attached.append(len(code)))
    with socket.socket() as one:
        group = ListenerGroup([Listeners((one,), one)] * 2, is_balanced=True)
        group.balance(["unix:/path", "10.0.0.0/8"], [0, 1])
        group.balance(["10.0.0.0/8"])
    assert attached[0] == attached[1]
