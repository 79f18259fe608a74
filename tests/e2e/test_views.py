"""The state of every client, compared with a model of the protocol in plain Python.

Five users do anything in any order, some of them in several tabs. Each tab updates the state of a
classic client, which must always equal that of the model.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.protocol_machine import PATIENT, ProtocolMachine, drive
from support.protocol_model import HOUR
from support.server import run_server


@pytest.fixture(params=[True, False], ids=["idle crowns", "fresh crowns"], scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[type[ProtocolMachine]]:
    """The machine on a server where a dropped crown may be taken at once, or not for an hour."""
    idle_ms = 0 if request.param else HOUR
    with run_server(
        FORTEPIANO_RULES__CROWN_IDLE_MS=str(idle_ms),
        **PATIENT,
    ) as running:

        class Here(ProtocolMachine):
            server = running
            is_crown_idle = request.param

        yield Here


@pytest.mark.timeout(120)
def test_four_hundred_steps_and_no_difference(machine: type[ProtocolMachine]) -> None:
    drive(machine, programs=8, steps=50)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_steps_and_no_difference(machine: type[ProtocolMachine]) -> None:
    drive(machine, programs=100, steps=100)
