"""Messages of a subscriber that has made the server send too much: they wait, and none is lost."""

from __future__ import annotations

import pytest

from support.dispatch_harness import DispatchHarness, FakeClient

ADDRESS = "192.0.2.1"


class Strain:
    """Clients of one address whose output budget is used up for three seconds."""

    def __init__(self) -> None:
        self.harness = DispatchHarness()
        self.first, self.second = self.enter(), self.enter()
        self.other = self.harness.enter("duets")
        self.other.received()

    def enter(self, address: str = ADDRESS) -> FakeClient:
        client = self.harness.open(address=address, is_limited=True)
        client.send("hi")
        client.send("ch", id_="duets", set={})
        client.received()
        return client

    def use_up(self, seconds: float = 3) -> None:
        context = self.harness.context
        size = int((1 + seconds) * context.limits.caused_bytes_per_second)
        context.budget.charge(self.first.session, size, context.now())

    def pass_time(self, seconds: float) -> None:
        """Advance the clock, and make the planned calls of that time."""
        self.harness.wait(seconds)
        due, self.harness.planned = self.harness.planned, []
        for after, call in due:
            if after <= seconds:
                call()
            else:
                self.harness.planned.append((after - seconds, call))

    def lines(self) -> list[str]:
        """Return the lines of chat that the room has received since the last call."""
        broadcasts = self.harness.outbound.broadcasts.pop("duets", [])
        return [message["a"] for message in broadcasts if message["m"] == "a"]


@pytest.fixture
def strain() -> Strain:
    strain = Strain()
    strain.use_up()
    return strain


def test_a_message_waits_and_is_handled_when_the_budget_allows(strain: Strain) -> None:
    strain.first.send("a", message="late")
    strain.pass_time(2.9)
    assert strain.lines() == []
    strain.pass_time(0.2)
    assert strain.lines() == ["late"]


def test_messages_of_a_session_are_handled_in_order(strain: Strain) -> None:
    for number in range(5):
        strain.first.send("a", message=str(number))
    strain.pass_time(3.1)
    assert strain.lines() == ["0", "1", "2", "3", "4"]


def test_sessions_take_turns(strain: Strain) -> None:
    for number in range(3):
        strain.first.send("a", message=f"first {number}")
    strain.second.send("a", message="second")
    strain.pass_time(3.1)
    assert strain.lines() == ["first 0", "second", "first 1", "first 2"]


def test_other_addresses_do_not_wait(strain: Strain) -> None:
    strain.other.send("a", message="prompt")
    assert strain.lines() == ["prompt"]


def test_hello_never_waits(strain: Strain) -> None:
    client = strain.harness.open(address=ADDRESS, is_limited=True)
    client.send("hi")
    assert client.received()[0]["m"] == "hi"


def test_the_newest_of_several_lists_wins(strain: Strain) -> None:
    for _ in range(5):
        strain.first.send("+ls")
    strain.pass_time(3.1)
    assert [message["m"] for message in strain.first.received()] == ["ls"]


def test_the_newest_of_several_rooms_wins(strain: Strain) -> None:
    for number in range(5):
        strain.first.send("ch", id_=f"room {number}")
    strain.pass_time(3.1)
    assert strain.first.room == "room 4"
    assert "room 0" not in strain.harness.context.directory.rooms


def test_a_line_between_two_rooms_goes_to_the_first(strain: Strain) -> None:
    strain.first.send("a", message="here")
    strain.first.send("ch", id_="elsewhere")
    strain.first.send("a", message="there")
    strain.pass_time(3.1)
    assert strain.lines() == ["here"]
    assert [it["a"] for it in strain.harness.outbound.broadcasts["elsewhere"]] == ["there"]


def test_too_many_waiting_messages_are_refused_with_a_notice(strain: Strain) -> None:
    for number in range(70):
        strain.first.send("dm", _id=strain.other.id, message=str(number))
    notices = [it for it in strain.first.received() if it["m"] == "notification"]
    assert [notice["code"] for notice in notices] == ["too_fast"]


def test_messages_of_an_ended_session_are_forgotten(strain: Strain) -> None:
    strain.first.send("a", message="nobody hears this")
    strain.harness.end(strain.first)
    assert len(strain.harness.context.waiting) == 0
    strain.pass_time(3.1)
    assert strain.lines() == []


def test_an_upgrade_handles_what_waits(strain: Strain) -> None:
    strain.first.send("a", message="before the upgrade")
    strain.harness.context.waiting.flush()
    assert strain.lines() == ["before the upgrade"]
    assert len(strain.harness.context.waiting) == 0


def test_staff_do_not_wait(strain: Strain) -> None:
    strain.first.session.scope = "admin"
    strain.first.send("a", message="order")
    assert strain.lines() == ["order"]


def test_a_message_after_the_wait_is_handled_at_once(strain: Strain) -> None:
    strain.first.send("a", message="one")
    strain.pass_time(3.1)
    strain.first.send("a", message="two")
    assert strain.lines() == ["one", "two"]


def test_what_waits_is_paid_for_before_more_is_handled(strain: Strain) -> None:
    strain.first.send("a", message="one")
    strain.second.send("a", message="two")
    first_lines = strain.harness.context.waiting

    strain.pass_time(2.9)
    assert len(first_lines) == 2
    strain.use_up(1)
    strain.pass_time(0.2)
    assert strain.lines() == []
    strain.pass_time(4)
    assert strain.lines() == ["one", "two"]
