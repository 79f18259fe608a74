"""Nodes that die, freeze and are cut off, and a broker that forgets: in the end all agree.

Failures that were found are programs at the end of this file.
"""

from __future__ import annotations

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from support.interleaved import Interleaved
from support.nodes import Node


class Simulation(Interleaved):
    """A cluster of which everything may fail."""

    @rule(node=st.integers(0, 2))
    def freeze(self, node: int) -> None:
        victim = self.some(node)
        note(f"node {victim.nid} stands still")
        self.is_healthy = False
        victim.pause()

    @rule(node=st.integers(0, 2))
    def thaw(self, node: int) -> None:
        victim = self.some(node)
        if victim.is_paused:
            note(f"node {victim.nid} goes on")
            victim.resume()

    @rule(node=st.integers(0, 2))
    def cut(self, node: int) -> None:
        victim = self.some(node)
        if not victim.is_paused:
            note(f"node {victim.nid} is cut off")
            self.is_healthy = False
            self.fabric.cut(victim)

    @rule(node=st.integers(0, 2))
    def mend(self, node: int) -> None:
        victim = self.some(node)
        if not victim.is_paused:
            note(f"node {victim.nid} is connected")
            self.fabric.mend(victim)

    @rule()
    def lose_the_broker(self) -> None:
        note("the broker is gone")
        self.is_healthy = False
        self.fabric.cut(*[node for node in self.alive() if not node.is_paused])

    @rule()
    def empty_the_broker(self) -> None:
        note("the broker forgets everything")
        self.is_healthy = False
        self.fabric.empty()

    @rule()
    def remember(self) -> None:
        self.fabric.remember()

    @rule()
    def roll_back_the_broker(self) -> None:
        note("the broker forgets the last changes")
        self.is_healthy = False
        connected = [node for node in self.alive() if not node.is_paused]
        self.fabric.cut(*connected)
        self.fabric.roll_back()
        self.fabric.mend(*connected)

    @rule(seconds=st.sampled_from([0.5, 1.5, 12.0]))
    def let_time_pass(self, seconds: float) -> None:
        note(f"{seconds} s")
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
