"""The report of a wall clock that was set: once for each step, and none for small ones."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from fortepiano.observe.clock_steps import ClockSteps

START = 1_700_000_000


class Clocks:
    """A server's clock and a wall clock that can be set."""

    def __init__(self) -> None:
        self.server = START
        self.wall = START
        self._watch = ClockSteps(lambda: self.server * 1000, lambda: self.wall * 1000)

    def wait(self, seconds: int) -> list[object]:
        """Let both go on for a while; return the differences that were logged."""
        with capture_logs() as logged:
            for _ in range(seconds):
                self.server += 1
                self.wall += 1
                self._watch.check()
        assert {line["event"] for line in logged} <= {"the clock of this machine was set"}
        return [line["seconds"] for line in logged]


@pytest.mark.parametrize("step", [3600, -3600, 31, -86_400 * 365])
def test_a_step_is_logged_once(step: int) -> None:
    clocks = Clocks()
    assert clocks.wait(10) == []
    clocks.wall += step
    assert clocks.wait(100) == [step]
    clocks.wall -= step
    assert clocks.wait(100) == [0]


def test_small_steps_are_not_logged() -> None:
    clocks = Clocks()
    for step in (1, -2, 20, -25):
        clocks.wall += step
        assert clocks.wait(10) == []


def test_a_wrong_clock_is_logged_again_only_if_it_goes_on_drifting() -> None:
    clocks = Clocks()
    clocks.server -= 3600  # a new process continues the clock of the old one
    assert clocks.wait(10) == [3600]
    clocks.wall += 20
    assert clocks.wait(10) == []
    clocks.wall += 20
    assert clocks.wait(10) == [3640]
