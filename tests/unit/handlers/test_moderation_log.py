"""The log of moderation: actor, action, subject, room, time and reason."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.store.base import AuditQuery, AuditRecord
from support.dispatch_harness import START, DispatchHarness

ROOM = "duets"
VICTIM = "f" * 24
HOUR = 3_600_000


@pytest.fixture
def world() -> DispatchHarness:
    return DispatchHarness()


def acts(world: DispatchHarness) -> list[AuditRecord]:
    return world.context.store.audit(AuditQuery())[::-1]


class TestByTheHolder:
    def test_acts_of_a_holder_on_others(self, world: DispatchHarness) -> None:
        holder, other = world.enter(ROOM), world.enter(ROOM, user_id=VICTIM)
        holder.send("mute", id_=VICTIM, chat=True)
        holder.send("mute", id_=VICTIM)
        world.wait(1)
        holder.send("kickban", id_=VICTIM, ms=HOUR)
        holder.send("unban", id_=VICTIM)
        assert other.room == "test/awkward"
        found = acts(world)
        assert [act.action for act in found] == ["mute", "unmute", "kickban", "unban"]
        assert {(act.actor, act.subject, act.room) for act in found} == {(holder.id, VICTIM, ROOM)}
        assert [act.at - START for act in found] == [0, 0, 1000, 1000]
        assert found[0].details == {"notes": False, "chat": True}
        assert found[2].details == {"name": "Anonymous", "until": START + HOUR + 1000}

    def test_what_rules_nobody_is_not_written_down(self, world: DispatchHarness) -> None:
        holder, other = world.enter(ROOM), world.enter(ROOM)
        holder.send("chset", set={"color": "#112233"})
        holder.send("chown", id=other.id)
        holder.send("kickban", id_=other.id, ms=HOUR)
        holder.send("mute", id_=other.id, chat=True)
        other.send("unban", id_=VICTIM)
        other.send("userset", set={"name": "Clara"})
        assert acts(world) == []


ADMIN: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"m": "siteban", "id": VICTIM, "duration": HOUR, "reason": "spam", "note": "again"},
        "siteban",
        {"until": START + HOUR, "note": "again"},
    ),
    ({"m": "setname", "_id": VICTIM, "name": "Bob"}, "setname", {"before": "Vic", "after": "Bob"}),
    (
        {"m": "setcolor", "_id": VICTIM, "color": "#112233"},
        "setcolor",
        {"before": "#ffffff", "after": "#112233"},
    ),
    ({"m": "clearchat"}, "clearchat", {}),
    ({"m": "v", "vanish": True}, "vanish", {}),
    ({"m": "chset", "set": {"color": "#112233"}}, "chset", {"color": "#112233"}),
    ({"m": "chown", "id": VICTIM}, "chown", {"before": "{holder}"}),
    ({"m": "move", "_id": VICTIM, "ch": "elsewhere"}, "move", {"name": "Vic"}),
    ({"m": "name", "_id": VICTIM, "name": "Bob"}, "setname", {"before": "Vic", "after": "Bob"}),
    (
        {"m": "color", "_id": VICTIM, "color": "#112233"},
        "setcolor",
        {"before": "#ffffff", "after": "#112233"},
    ),
    ({"m": "clear_chat"}, "clearchat", {}),
    (
        {"m": "user_flag", "_id": VICTIM, "key": "cant_chat", "value": True},
        "user_flag",
        {"key": "cant_chat", "value": "True"},
    ),
    (
        {"m": "tag", "_id": VICTIM, "tag": {"text": "BOT", "color": "#112233"}},
        "tag",
        {"text": "BOT"},
    ),
    ({"m": "remove_tag", "_id": VICTIM}, "remove_tag", {"text": None}),
    ({"m": "forceload", "_id": ROOM}, "forceload", {}),
    (
        {"m": "ch_flag", "key": "owner_id", "value": VICTIM},
        "owner_id",
        {"before": None, "after": VICTIM},
    ),
    ({"m": "ch_flag", "key": "limit", "value": 5}, "limit", {"before": None, "after": 5}),
    (
        {"m": "ch_flag", "key": "no_crown", "value": True},
        "chown",
        {"before": "{holder}", "after": None},
    ),
    ({"m": "rename_channel", "_id": "solos"}, "rename_channel", {"after": "solos"}),
    ({"m": "restart"}, "restart", {}),
]
ORDINARY = {"siteban", "setname", "setcolor", "clearchat", "v", "chset", "chown"}


class TestByTheStaff:
    @pytest.mark.parametrize(
        ("message", "action", "details"), ADMIN, ids=[message["m"] for message, _, _ in ADMIN]
    )
    def test_each_act_is_one_line(
        self, world: DispatchHarness, message: dict[str, Any], action: str, details: dict[str, Any]
    ) -> None:
        holder = world.enter(ROOM)
        victim = world.enter(ROOM, user_id=VICTIM)
        victim.send("userset", set={"name": "Vic"})
        admin = world.staff(ROOM)
        if message["m"] in ORDINARY:
            admin.send(message["m"], **{key: one for key, one in message.items() if key != "m"})
        else:
            admin.send("admin message", msg=message)
        (act,) = acts(world)
        expected = {
            key: holder.id if value == "{holder}" else value for key, value in details.items()
        }
        assert (act.actor, act.action) == (admin.id, action)
        assert act.details == expected | {"scope": "admin"}
        if VICTIM in (message.get("_id"), message.get("id")):
            assert act.subject == VICTIM
        if action in ("clearchat", "chset", "chown", "limit", "owner_id", "forceload"):
            assert act.room == ROOM
        if action == "siteban":
            assert act.reason == "spam"

    @pytest.mark.parametrize("scope", ["read", None])
    def test_what_is_refused_is_not_written_down(self, world: DispatchHarness, scope: Any) -> None:
        world.enter(ROOM)
        world.enter(ROOM, user_id=VICTIM)
        client = world.staff(ROOM, scope=scope) if scope else world.enter(ROOM)
        for message, _, _ in ADMIN:
            client.send(message["m"], **{key: one for key, one in message.items() if key != "m"})
            client.send("admin message", msg=message)
        assert acts(world) == []

    def test_who_watches_is_told(self, world: DispatchHarness) -> None:
        watched: list[dict[str, Any]] = []
        world.context.events.watch(watched.append)
        admin = world.staff()
        watched.clear()
        admin.send("siteban", id=VICTIM, permanent=True, reason="spam")
        assert watched == [
            {
                "kind": "siteban",
                "actor": admin.id,
                "room": "",
                "subject": VICTIM,
                "reason": "spam",
                "details": {"until": None, "note": "", "scope": "admin"},
            }
        ]
