"""The state of every client, compared with the model; the tabs of a user are on three nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.cluster import run_cluster
from support.protocol_machine import PATIENT, ProtocolMachine, drive
from support.protocol_model import HOUR


@pytest.fixture(params=[True, False], ids=["idle crowns", "fresh crowns"], scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[type[ProtocolMachine]]:
    """The machine on three nodes; a dropped crown may be taken at once, or not for an hour."""
    idle_ms = 0 if request.param else HOUR
    with run_cluster(3, FORTEPIANO_RULES__CROWN_IDLE_MS=str(idle_ms), **PATIENT) as running:

        class Here(ProtocolMachine):
            server = running
            is_crown_idle = request.param

        yield Here


@pytest.mark.timeout(120)
def test_a_hundred_steps_and_no_difference(machine: type[ProtocolMachine]) -> None:
    drive(machine, programs=2, steps=50)


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_a_thousand_steps_and_no_difference(machine: type[ProtocolMachine]) -> None:
    drive(machine, programs=20, steps=50)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_steps_and_no_difference(machine: type[ProtocolMachine]) -> None:
    drive(machine, programs=100, steps=100)
