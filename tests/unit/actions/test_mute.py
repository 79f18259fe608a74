"""Mutes: by message and by the admin API, with the same checks."""

from __future__ import annotations

import pytest

from fortepiano.actions.mute import mute
from fortepiano.actions.refusal import RefusedError
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import Mute
from fortepiano.store.records import AuditQuery, TokenRecord
from support.dispatch_harness import START, DispatchHarness

ROOM = "duets"
ANN, BEA, CAT = "a" * 24, "b" * 24, "c" * 24
TOKEN = TokenRecord("token1", "", "moderate", "", START, None)


@pytest.fixture
def harness() -> DispatchHarness:
    """Ann holds the crown, and Bea is there."""
    made = DispatchHarness()
    made.enter(ROOM, user_id=ANN)
    made.enter(ROOM, user_id=BEA)
    return made


@pytest.mark.parametrize(
    ("user_id", "code"), [(ANN, Code.HOLDER_IS_SAFE), (CAT, Code.NOT_FOUND)], ids=["holder", "none"]
)
def test_who_cannot_be_muted(harness: DispatchHarness, user_id: str, code: Code) -> None:
    room = harness.context.directory.rooms[ROOM]
    with pytest.raises(RefusedError) as refused:
        mute(harness.context, TOKEN, room, user_id, Mute(notes=True, chat=False))
    assert refused.value.code is code
    assert room.mutes == {}
    assert harness.context.store.audit(AuditQuery()) == []


def test_nobody_is_muted_in_a_lobby(harness: DispatchHarness) -> None:
    harness.enter("lobby", user_id=CAT)
    lobby = harness.context.directory.rooms["lobby"]
    with pytest.raises(RefusedError) as refused:
        mute(harness.context, TOKEN, lobby, CAT, Mute(notes=True, chat=True))
    assert refused.value.code is Code.ONLY_OWNER


def test_a_mute_of_an_absent_user_can_only_end(harness: DispatchHarness) -> None:
    room = harness.context.directory.rooms[ROOM]
    room.mutes[CAT] = Mute(notes=True, chat=True)
    mute(harness.context, TOKEN, room, CAT, Mute(notes=False, chat=False), "enough")
    mute(harness.context, TOKEN, room, CAT, Mute(notes=False, chat=False))
    assert room.mutes == {}
    (act,) = harness.context.store.audit(AuditQuery())
    assert (act.action, act.subject, act.reason) == ("unmute", CAT, "enough")


def test_messages_about_the_holder_and_the_absent() -> None:
    harness = DispatchHarness()
    ann, bea = harness.enter(ROOM, user_id=ANN), harness.enter(ROOM, user_id=BEA)
    ann.send("coowner", id_=BEA, on=True)
    for client in (ann, bea):
        client.received()
        client.send("mute", id_=ANN, notes=True)
        client.send("mute", id_=CAT, notes=True)
    assert ann.received() == []
    (refusal,) = bea.received()
    assert refusal["code"] == "holder_is_safe"
