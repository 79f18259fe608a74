"""A reload of handlers: what the new ones are given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from fortepiano.config import Settings
from fortepiano.handlers.decode import shaped
from fortepiano.server import handler_reload
from fortepiano.server.reload import Reload
from support.dispatch_harness import DispatchHarness


class _Engine:
    """An engine of which only the handlers in force are of interest."""

    receive: Callable[..., object]
    ended: Callable[..., object]

    def rebind(
        self, receive: Callable[..., object], ended: Callable[..., object], _binary: object
    ) -> None:
        self.receive, self.ended = receive, ended


def running() -> dict[str, ModuleType]:
    """The modules of actions and handlers that are installed."""
    folders = ("fortepiano.actions", "fortepiano.handlers")
    return {name: module for name, module in sys.modules.items() if name.startswith(folders)}


def test_actions_are_imported_again_even_if_no_handler_needs_them() -> None:
    folder = Path(import_module("fortepiano.actions").__file__ or "").parent
    names = {f"fortepiano.actions.{file.stem}" for file in folder.glob("[!_]*.py")}
    for name in names:
        import_module(name)
    before = running()
    new = handler_reload.reloaded_modules()
    assert names < new.keys()
    assert [name for name in before if new[name] is before[name]] == []
    assert running() == before


def test_new_handlers_read_messages_by_new_shapes() -> None:
    old, new = import_module(handler_reload.DISPATCH), handler_reload.reloaded_modules()
    table = new[handler_reload.DISPATCH].TABLE
    assert [kind for kind in table if table[kind].shape is old.TABLE[kind].shape] == []
    assert import_module(handler_reload.DISPATCH).TABLE is old.TABLE


def test_the_first_message_of_a_type_is_read_while_a_reload_imports() -> None:
    """A reload runs on another thread, and modules that it imports lack their names at first."""
    new = handler_reload.reloaded_modules()
    table = new[handler_reload.DISPATCH].TABLE
    incoming = "fortepiano.protocol.incoming"
    half_imported = ModuleType(incoming)
    before = sys.modules[incoming]
    sys.modules[incoming] = half_imported
    try:
        assert shaped({"m": "userset", "set": {"name": "a"}}, table["userset"].shape) is not None
        assert shaped({"m": "a"}, table["a"].shape) is None
        assert table["a"].shape.misfit({"m": "a", "message": 7}) is not None
    finally:
        sys.modules[incoming] = before


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


async def test_new_handlers_report_activity_as_the_old_ones_did(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    harness, engine, activity = DispatchHarness(), _Engine(), list[str]()
    reload = Reload(
        lambda: settings,
        harness.context,
        cast("Any", engine),
        cast("Any", SimpleNamespace(limit_files=lambda *_: None)),
        harness.dispatch,
        lambda: activity.append("seen"),
        lambda: activity.append("all collected"),
    )
    monkeypatch.setattr(handler_reload, "fingerprint", lambda: b"edited")
    report = await reload()
    assert report.handlers
    assert activity == ["all collected"]  # nothing else would free the old modules
    activity.clear()
    client = harness.enter()
    engine.receive(client.session, b'{"m":"ch","_id":"room"}')
    engine.ended(client.session)
    assert client.session.participant is None
    assert activity == ["seen", "seen"]
