"""Changes of rooms by staff: the crown, the chat, and whether a room is permanent."""

from __future__ import annotations

import pytest

from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.room_changes import (
    clear_chat,
    drop_crown,
    give_crown,
    override_settings,
    set_permanent,
)
from fortepiano.model.notice_codes import Code
from fortepiano.store.records import AuditQuery, AuditRecord, TokenRecord
from support.dispatch_harness import START, DispatchHarness

ROOM = "duets"
ANN, BEA = "a" * 24, "b" * 24
TOKEN = TokenRecord("token1", "", "admin", "", START, None)


@pytest.fixture
def harness() -> DispatchHarness:
    """Ann holds the crown, and Bea is there."""
    made = DispatchHarness()
    made.enter(ROOM, user_id=ANN)
    made.enter(ROOM, user_id=BEA)
    return made


def acts(harness: DispatchHarness) -> list[AuditRecord]:
    return harness.context.store.audit(AuditQuery())[::-1]


def test_the_crown(harness: DispatchHarness) -> None:
    room = harness.context.directory.rooms[ROOM]
    give_crown(harness.context, TOKEN, room, room.participants[BEA])
    give_crown(harness.context, TOKEN, room, room.participants[BEA])
    assert harness.holder(ROOM) == BEA
    drop_crown(harness.context, TOKEN, room)
    assert harness.holder(ROOM) is None
    with pytest.raises(RefusedError):
        drop_crown(harness.context, TOKEN, room)
    found = [(act.action, act.subject, act.details["before"]) for act in acts(harness)]
    assert found == [("chown", BEA, ANN), ("chown", "", BEA)]


def test_the_settings(harness: DispatchHarness) -> None:
    room = harness.context.directory.rooms[ROOM]
    room.change({"limit": 5})
    wanted = {"chat": False, "visible": True, "limit": None, "slowMode": -1, "x": 1}
    override_settings(harness.context, TOKEN, room, wanted)
    assert room.settings["chat"] is False
    assert "limit" not in room.settings
    (act,) = acts(harness)
    assert (act.action, act.room) == ("chset", ROOM)
    assert act.details == {"chat": False, "limit": None, "scope": "admin"}


def test_staff_change_settings_by_the_same_act(harness: DispatchHarness) -> None:
    harness.enter(ROOM, user_id="c" * 24).send("chset", set={"chat": False})
    assert acts(harness) == []
    staff = harness.staff(scope="admin")
    staff.send("ch", _id=ROOM)
    staff.send("chset", set={"chat": False})
    (act,) = acts(harness)
    assert (act.action, act.room) == ("chset", ROOM)
    assert act.details == {"chat": False, "scope": "admin"}


def test_the_chat(harness: DispatchHarness) -> None:
    room = harness.context.directory.rooms[ROOM]
    room.history.append({"m": "a"})
    clear_chat(harness.context, TOKEN, room)
    assert list(room.history) == []
    assert harness.outbound.broadcasts[ROOM] == [{"m": "c", "c": []}]
    assert [act.action for act in acts(harness)] == ["clearchat"]


def test_only_a_change_is_an_act(harness: DispatchHarness) -> None:
    for is_permanent in (False, True, True, False, False):
        set_permanent(harness.context, TOKEN, ROOM, is_permanent=is_permanent)
        assert harness.context.directory.rooms[ROOM].is_permanent is is_permanent
    assert [act.action for act in acts(harness)] == ["forceload", "unforceload"]


def test_a_permanent_room_is_created(harness: DispatchHarness) -> None:
    set_permanent(harness.context, TOKEN, " trios\u200b", is_permanent=True)
    assert harness.context.directory.rooms["trios"].is_permanent


@pytest.mark.parametrize(
    ("name", "is_permanent", "code"),
    [
        ("nowhere", False, Code.NOT_FOUND),
        ("\u202e", True, Code.BAD_ROOM),
        (None, True, Code.BAD_ROOM),
        (["x"], True, Code.BAD_ROOM),
    ],
)
def test_no_such_room(
    harness: DispatchHarness, name: object, is_permanent: bool, code: Code
) -> None:
    with pytest.raises(RefusedError) as refused:
        set_permanent(harness.context, TOKEN, name, is_permanent=is_permanent)
    assert refused.value.code is code
    assert acts(harness) == []
