"""The list of rooms: one for all who ask at a time, and exact for each of them."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.config import RuleSettings, Settings
from fortepiano.protocol import room_list
from fortepiano.protocol.outbound import Outbound
from support.dispatch_harness import DispatchHarness, FakeClient


@pytest.fixture
def harness() -> DispatchHarness:
    return DispatchHarness()


def listed(client: FakeClient) -> dict[str, Any]:
    """Ask for the list; return the entries by name."""
    client.send("+ls")
    (answer,) = [it for it in client.received() if it["m"] == "ls" and it["c"]]
    return {entry["_id"]: entry for entry in answer["u"]}


def test_a_new_room_is_in_the_list_at_once(harness: DispatchHarness) -> None:
    assert "two" not in listed(harness.enter("one"))
    harness.enter("two")
    assert listed(harness.enter())["two"]["count"] == 1


def test_a_change_of_settings_is_in_the_list_at_once(harness: DispatchHarness) -> None:
    holder = harness.enter("two")
    listed(harness.enter())
    holder.send("chset", set={"color": "#123456"})
    assert listed(harness.enter())["two"]["settings"]["color"] == "#123456"
    holder.send("chset", set={"visible": False})
    assert "two" not in listed(harness.enter())
    holder.send("chset", set={"visible": True})
    assert "two" in listed(harness.enter())


def test_a_room_that_has_ended_is_not_in_the_list(harness: DispatchHarness) -> None:
    guest = harness.enter("two")
    assert "two" in listed(harness.enter())
    harness.end(guest)
    for _, call in harness.planned:
        call()
    assert "two" not in listed(harness.enter())


def test_a_room_that_began_and_ended_meanwhile_is_not_in_the_list(harness: DispatchHarness) -> None:
    listed(harness.enter())
    harness.end(harness.enter("two"))
    for _, call in harness.planned:
        call()
    assert "two" not in listed(harness.enter())


def test_each_user_sees_their_own_bans(harness: DispatchHarness) -> None:
    holder, banned = harness.enter("one"), harness.enter("one")
    tabs = [harness.enter(user_id=banned.id) for _ in range(3)]
    assert "banned" not in listed(tabs[0])["one"]
    holder.send("kickban", id_=banned.id, ms=60_000)
    assert listed(tabs[1])["one"]["banned"] is True
    assert "banned" not in listed(harness.enter())["one"]
    holder.send("unban", id_=banned.id)
    assert "banned" not in listed(tabs[2])["one"]


def test_only_entries_that_have_changed_are_made_anew(
    harness: DispatchHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    original = room_list.channel

    def counted(room: Any, rules: Any) -> Any:
        made.append(room.name)
        return original(room, rules)

    readers = [harness.enter(f"room {number}") for number in range(20)]
    harness.wait(1)
    monkeypatch.setattr(room_list, "channel", counted)
    lengths = {len(listed(reader)) for reader in readers}
    assert lengths == {len(made)}
    made.clear()
    harness.wait(60)
    readers[7].send("chset", set={"color": "#123456"})
    assert listed(readers[0])["room 7"]["settings"]["color"] == "#123456"
    # Once for the change that those get who have the list open, and once for the list.
    assert made == ["room 7"] * 2


def test_new_rules_make_all_entries_anew(harness: DispatchHarness) -> None:
    holder = harness.enter("one")
    holder.send("chown")
    assert listed(holder)["one"]["crown"]["rest"] == harness.context.rules.crown_idle_ms
    harness.context.live.settings = Settings(rules=RuleSettings(crown_idle_ms=77_000))
    assert listed(holder)["one"]["crown"]["rest"] == 77_000


def test_a_client_that_is_behind_gets_one_list_for_all_its_requests(
    harness: DispatchHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = harness.enter("one")
    monkeypatch.setattr(Outbound, "is_behind", lambda _self, _session: True)
    for _ in range(4):
        reader.send("+ls")
    assert reader.received() == []
    monkeypatch.undo()
    harness.enter("two")
    for _, call in harness.planned:
        call()
    answers = [it for it in reader.received() if it["m"] == "ls" and it["c"]]
    assert len(answers) == 1
    assert "two" in {entry["_id"] for entry in answers[0]["u"]}
