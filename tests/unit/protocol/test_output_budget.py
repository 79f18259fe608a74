"""The output budget of subscribers, at a clock that tests advance."""

import pytest

from fortepiano.config import LimitSettings, Settings
from fortepiano.config.live import Live
from fortepiano.model.session import Session
from fortepiano.native import MessageRates
from fortepiano.protocol.output_budget import OutputBudget
from support.dispatch_harness import START, DispatchHarness

RATE = 1_000_000


@pytest.fixture
def table() -> MessageRates:
    return MessageRates()


@pytest.fixture
def budget(table: MessageRates) -> OutputBudget:
    limits = LimitSettings(caused_bytes_per_second=RATE)
    return OutputBudget(Live(Settings(limits=limits)), table)


@pytest.fixture
def session() -> Session:
    return DispatchHarness().open(address="192.0.2.1").session


def test_a_second_of_traffic_at_once_is_free(budget: OutputBudget, session: Session) -> None:
    budget.charge(session, RATE, START)
    assert budget.wait_ms(session.address, START) == 0
    assert not budget.is_strained(START)


def test_more_must_wait_until_it_is_paid_for(budget: OutputBudget, session: Session) -> None:
    budget.charge(session, 3 * RATE, START)
    assert budget.is_strained(START)
    assert budget.wait_ms(session.address, START) == 2000
    assert budget.wait_ms(session.address, START + 1500) == 500
    assert budget.wait_ms(session.address, START + 2000) == 0


def test_no_message_waits_for_longer_than_five_seconds(
    budget: OutputBudget, session: Session
) -> None:
    budget.charge(session, 1000 * RATE, START)
    assert budget.wait_ms(session.address, START) == 5000


def test_a_subnet_of_ipv6_is_one_subscriber(budget: OutputBudget) -> None:
    harness = DispatchHarness()
    budget.charge(harness.open(address="2001:db8::1").session, 2 * RATE, START)
    assert budget.wait_ms("2001:db8::ffff", START) == 1000
    assert budget.wait_ms("2001:db8:0:1::1", START) == 0


def test_subscribers_with_a_full_budget_are_forgotten(
    budget: OutputBudget, table: MessageRates
) -> None:
    harness = DispatchHarness()
    for number in range(3000):
        session = harness.open(address=f"10.0.{number // 256}.{number % 256}").session
        budget.charge(session, 1000, START + 10 * number)
    assert len(table) < 1100
