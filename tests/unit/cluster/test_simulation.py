"""Nodes that die, freeze and are cut off, and a broker that forgets: in the end all agree.

Failures that were found are programs at the end of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from support.interleaved import Interleaved
from support.nodes import Node


class Simulation(Interleaved):
    """A cluster of which everything may fail."""

    @rule(node=st.integers(0, 2))
    def freeze(self, node: int) -> None:
        victim = self.some(node)
        self.remark(f"node {victim.nid} stands still")
        self.is_healthy = False
        victim.pause()

    @rule(node=st.integers(0, 2))
    def thaw(self, node: int) -> None:
        victim = self.some(node)
        if victim.is_paused:
            self.remark(f"node {victim.nid} goes on")
            victim.resume()

    @rule(node=st.integers(0, 2))
    def cut(self, node: int) -> None:
        victim = self.some(node)
        if not victim.is_paused:
            self.remark(f"node {victim.nid} is cut off")
            self.is_healthy = False
            self.fabric.cut(victim)

    @rule(node=st.integers(0, 2))
    def mend(self, node: int) -> None:
        victim = self.some(node)
        if not victim.is_paused:
            self.remark(f"node {victim.nid} is connected")
            self.fabric.mend(victim)

    @rule()
    def lose_the_broker(self) -> None:
        self.remark("the broker is gone")
        self.is_healthy = False
        self.fabric.cut(*[node for node in self.alive() if not node.is_paused])

    @rule()
    def empty_the_broker(self) -> None:
        self.remark("the broker forgets everything")
        self.is_healthy = False
        self.fabric.empty()

    @rule()
    def remember(self) -> None:
        self.fabric.remember()

    @rule()
    def roll_back_the_broker(self) -> None:
        self.remark("the broker forgets the last changes")
        self.is_healthy = False
        self.fabric.cut(*self.alive())
        self.fabric.roll_back()
        self.fabric.mend(*[node for node in self.alive() if not node.is_paused])

    @rule(seconds=st.sampled_from([0.5, 1.5, 12.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.remark(f"{seconds} s")
        self.fabric.wait(seconds)

    def some(self, node: int) -> Node:
        nodes = self.alive()
        return nodes[node % len(nodes)]

    def heal(self) -> None:
        for node in self.alive():
            if node.is_paused:
                node.resume()
        self.fabric.mend(*self.alive())
        self.fabric.wait(6.0)


TestSimulation = Simulation.TestCase
TestSimulation.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


class Program(Simulation):
    """A simulation that a test drives by itself."""

    def __init__(self, count: int, empty_room_ms: int = 0) -> None:
        super().__init__()
        self.begin(count=count, empty_room_ms=empty_room_ms)

    def remark(self, text: str) -> None:
        """Do nothing: the program says it itself."""

    def by(self, letter: str, **message: object) -> None:
        """Send a message of a user."""
        client = next(one for one in self.clients() if one.id[0] == letter)
        self.send(client, dict(message))


@pytest.fixture
def programs() -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def make(*values: int) -> Program:
        made.append(Program(*values))
        return made[-1]

    yield make
    for program in made:
        program.teardown()


def test_a_room_whose_people_here_have_left_is_not_claimed(
    programs: Callable[..., Program],
) -> None:
    program = programs(2)
    program.agree()
    program.lose_the_broker()
    program.by("a", m="ch", _id="one")
    program.by("b", m="ch", _id="two")
    program.agree()


def test_a_name_that_changed_before_the_promotion_is_shown(
    programs: Callable[..., Program],
) -> None:
    program = programs(2)
    program.agree()
    program.freeze(node=0)
    program.lose_the_broker()
    program.empty_the_broker()
    program.by("b", m="userset", set={"name": "Bob"})
    program.agree()


def test_a_node_that_stood_still_gives_nobody_up(programs: Callable[..., Program]) -> None:
    program = programs(2, 5000)
    program.freeze(node=2)
    program.let_time_pass(12.0)
    program.remember()
    program.let_time_pass(12.0)
    program.thaw(node=2)
    program.let_time_pass(1.5)
    program.roll_back_the_broker()
    program.agree()


def test_a_broker_that_forgets_a_home(programs: Callable[..., Program]) -> None:
    program = programs(2)
    program.remember()
    program.agree()
    program.roll_back_the_broker()
    program.agree()


def test_a_node_whose_leaving_was_not_heard_is_told_all_about_the_room(
    programs: Callable[..., Program],
) -> None:
    program = programs(2)
    program.agree()
    program.wait(seconds=0.2)
    program.cut(node=1)
    program.answer(node=1)
    program.cut(node=0)
    program.agree()


def test_a_session_is_not_held_whose_admission_was_lost(
    programs: Callable[..., Program],
) -> None:
    program = programs(2)
    program.answer(node=1)
    program.agree()
    program.open(node=0, user="a" * 24)
    edge, home = program.fabric.nodes
    for sender, receiver in ((edge, home), (home, edge)):
        program.fabric.broker.deliver((sender, receiver))
    program.cut(node=1)
    program.agree()
