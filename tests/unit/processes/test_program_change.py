"""The change of a parent's program, without the change itself."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fortepiano.errors import StartError
from fortepiano.observe.program import interpreter
from fortepiano.processes import program_change
from fortepiano.processes.program_change import ChildState, become_new_program, resumed, why_not


def test_nobody_else_starts_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("{}")
    for descriptor in (-1, 98765, os.open(file, os.O_RDONLY)):
        with pytest.raises(StartError, match="only a running"):
            resumed(descriptor)


def test_a_shared_listener_stays_one() -> None:
    with socket.socket() as shared, socket.socket() as one, socket.socket() as other:
        known: dict[int, socket.socket] = {}
        states = [
            ChildState(1, -1, 0, [shared.fileno()], internal.fileno(), [])
            for internal in (one, other)
        ]
        first, second = (state.listeners(known) for state in states)
        assert first.public[0] is second.public[0]
        assert first.internal is not second.internal
        for found in known.values():
            found.detach()


def test_the_program_that_is_installed_can_be_its_successor() -> None:
    assert why_not() == ""


def test_one_that_cannot_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setattr(program_change, "interpreter", lambda: [*interpreter()[:1], "-S", "-P"])
    assert "No module named 'fortepiano'" in why_not()


def test_a_program_that_is_not_there_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_change, "command", lambda **_: ["/nowhere/python"])
    with socket.socket() as notices:
        held = program_change.Held([], True, -1, notices.fileno(), -1)
        with pytest.raises(FileNotFoundError):
            become_new_program(held)
        assert not notices.get_inheritable()
