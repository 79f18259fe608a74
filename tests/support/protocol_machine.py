"""Random programs of five users, compared step by step with a model of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from support.presets import UNHURRIED
from support.protocol_model import HOUR, ROOMS, SETS, TABS, USERS, ProtocolModel, Tab
from support.server import Server
from support.websocket_clients import Message

__all__ = ["PATIENT", "ProtocolMachine", "drive"]

BATCH = 4
"""Steps between two comparisons."""

NAMES = ["Ann", "Bea", "é🎹", "x" * 40, "", "x" * 41, " ", None]
COLORS = ["#102030", "#ABCDEF", "red", None]
AWAY = [True, False, None, 1]

BANS = [0, 0.7, 1, HOUR, 1e300]
"""Milliseconds: none, over in a moment, and longer than any test."""

any_user = st.integers(0, USERS - 1)
any_tab = st.integers(0, TABS - 1)
any_room = st.integers(0, len(ROOMS) - 1)
likely = st.sampled_from([True, True, False])
any_set = st.sampled_from(SETS)


class ProtocolMachine(RuleBasedStateMachine):
    """Any steps in any order."""

    model: ProtocolModel
    server: Server
    is_crown_idle: bool

    @initialize(rooms=st.lists(any_room, min_size=USERS, max_size=USERS))
    def open(self, rooms: list[int]) -> None:
        self.runner = asyncio.Runner()
        self.model = ProtocolModel(self.server, is_crown_idle=self.is_crown_idle)
        self.steps = 0
        self.differs = False
        self.run(self.model.open())
        for user, room in enumerate(rooms):
            self.run(self.model.arrive(user, self.model.names[room], SETS[-1]))

    def run(self, step: Coroutine[Any, Any, None]) -> None:
        try:
            self.runner.run(step)
        except BaseException:
            self.differs = True
            raise

    def step(self, index: int, *, moderates: bool = False) -> Iterator[Tab]:
        """Yield a tab, if possible one that `moderates` its room; then compare, if it is time."""
        rulers = (
            [tab for tab in self.model.tabs if self.model.can_moderate(tab)] if moderates else []
        )
        tabs = rulers or self.model.tabs
        if tabs:
            yield tabs[index % len(tabs)]
        self.steps += 1
        if self.steps % BATCH == 0:
            self.run(self.model.compare())

    @rule(user=any_user, room=any_room, wanted=any_set)
    def arrive(self, user: int, room: int, wanted: tuple[Message, Message]) -> None:
        self.run(self.model.arrive(user, self.model.names[room], wanted))

    @rule(tab=any_tab, room=any_room, wanted=any_set)
    def go(self, tab: int, room: int, wanted: tuple[Message, Message]) -> None:
        for who in self.step(tab):
            self.run(self.model.go(who, self.model.names[room], wanted))

    @rule(tab=any_tab, politely=st.booleans())
    def leave(self, tab: int, politely: bool) -> None:
        for who in self.step(tab):
            self.run(self.model.leave(who, politely=politely))

    @rule(
        tab=any_tab,
        name=st.sampled_from(NAMES),
        color=st.sampled_from(COLORS),
        afk=st.sampled_from(AWAY),
    )
    def rename(self, tab: int, name: str | None, color: str | None, afk: object) -> None:
        for who in self.step(tab):
            self.run(self.model.rename(who, name, color, afk))

    @rule(tab=any_tab, text=st.sampled_from(["hello", "é🎹", "x" * 512]), answers=st.booleans())
    def chat(self, tab: int, text: str, answers: bool) -> None:
        for who in self.step(tab):
            self.run(self.model.chat(who, text, answers=answers))

    @rule(tab=any_tab, x=st.integers(1, 9999), y=st.floats(1, 100))
    def move(self, tab: int, x: int, y: float) -> None:
        for who in self.step(tab):
            self.run(self.model.move(who, x / 100, y))

    @rule(tab=any_tab, moderates=likely, wanted=any_set)
    def furnish(self, tab: int, moderates: bool, wanted: tuple[Message, Message]) -> None:
        for who in self.step(tab, moderates=moderates):
            self.run(self.model.furnish(who, wanted))

    @rule(tab=any_tab, moderates=likely, heir=st.none() | any_user)
    def crown(self, tab: int, moderates: bool, heir: int | None) -> None:
        for who in self.step(tab, moderates=moderates):
            self.run(self.model.crown(who, heir))

    @rule(tab=any_tab)
    def pick_up(self, tab: int) -> None:
        for who in self.step(tab):
            self.run(self.model.crown(who, who.user))

    @rule(tab=any_tab, moderates=likely, user=any_user, on=likely)
    def share(self, tab: int, moderates: bool, user: int, on: bool) -> None:
        for who in self.step(tab, moderates=moderates):
            self.run(self.model.share(who, user, on=on))

    @rule(
        tab=any_tab,
        moderates=likely,
        user=any_user,
        ms=st.sampled_from(BANS),
        returns=st.booleans(),
    )
    def ban(self, tab: int, moderates: bool, user: int, ms: float, returns: bool) -> None:
        for who in self.step(tab, moderates=moderates):
            room = who.room
            self.run(self.model.ban(who, user, ms))
            back = [other for other in self.model.tabs if other.user == user]
            if returns and back and room is not None:
                self.run(self.model.go(back[0], room.name, SETS[-1]))

    @rule(tab=any_tab, moderates=likely, user=any_user)
    def unban(self, tab: int, moderates: bool, user: int) -> None:
        for who in self.step(tab, moderates=moderates):
            self.run(self.model.unban(who, user))

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            if not self.differs:
                self.run(self.model.compare())
        finally:
            self.runner.run(self.model.close())
            self.runner.close()


PATIENT = UNHURRIED | {
    "FORTEPIANO_RULES__CROWN_RETURN_MS": str(HOUR),
    "FORTEPIANO_FLUSH__MOVE_MS": "5",
}
"""Settings under which nothing is too fast, and crowns wait long enough for the model."""


def drive(machine: type[ProtocolMachine], programs: int, steps: int) -> None:
    """Run random programs of this many steps."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=programs,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
