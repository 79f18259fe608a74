"""Notices of processes to their parent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from fortepiano.observe.systemd import notify
from fortepiano.processes.notices import Notice, Notices


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notices]:
    with closing(Notices()) as found:
        monkeypatch.setenv("NOTIFY_SOCKET", found.address)
        yield found


def test_the_kernel_says_whose_a_notice_is(notices: Notices) -> None:
    notify("READY=1\nSTATUS=a = b")
    notify("STOPPING=1")
    pid = os.getpid()
    assert list(notices.received()) == [
        Notice(pid, "READY", "1"),
        Notice(pid, "STATUS", "a = b"),
        Notice(pid, "STOPPING", "1"),
    ]
    assert list(notices.received()) == []


def test_other_users_are_not_heard(notices: Notices, monkeypatch: pytest.MonkeyPatch) -> None:
    notify("READY=1")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert list(notices.received()) == []


def test_another_program_of_the_parent_goes_on_hearing(notices: Notices) -> None:
    with closing(Notices(notices.socket.dup())) as later:
        assert later.address == notices.address
        notify("WATCHDOG=1")
        assert [notice.name for notice in later.received()] == ["WATCHDOG"]
