"""Moves between rooms and ends of connections, by staff."""

from __future__ import annotations

import pytest

from fortepiano.actions.move import close_connection, close_room, kick_user, move_user
from fortepiano.actions.refusal import RefusedError
from fortepiano.model.notice_codes import Code
from fortepiano.store.records import AuditQuery, AuditRecord, TokenRecord
from support.dispatch_harness import START, DispatchHarness, FakeClient

ROOM = "duets"
ANN = "a" * 24
TOKEN = TokenRecord("token1", "", "moderate", "", START, None)


@pytest.fixture
def harness() -> DispatchHarness:
    return DispatchHarness()


@pytest.fixture
def tabs(harness: DispatchHarness) -> list[FakeClient]:
    """Two tabs of Ann, in two rooms."""
    made = [harness.enter(room, user_id=ANN) for room in (ROOM, "solos")]
    for tab in made:
        tab.received()
    return made


def notices(client: FakeClient) -> list[str]:
    return [message["text"] for message in client.received() if message["m"] == "notification"]


def last_act(harness: DispatchHarness) -> AuditRecord:
    return harness.context.store.audit(AuditQuery(1))[0]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (None, []),
        ("", ['You were put into "trios".']),
        ("noise", ['You were put into "trios": noise']),
    ],
)
def test_a_move(
    harness: DispatchHarness, tabs: list[FakeClient], reason: str | None, text: list[str]
) -> None:
    user = harness.context.directory.users[ANN]
    move_user(harness.context, TOKEN, user, " trios", settings={"limit": 5}, reason=reason)
    assert [(tab.room, notices(tab)) for tab in tabs] == [("trios", text)] * 2
    assert harness.context.directory.rooms["trios"].settings["limit"] == 5
    act = last_act(harness)
    assert (act.action, act.room, act.subject, act.reason) == ("move", "trios", ANN, reason or "")
    with pytest.raises(RefusedError) as refused:
        move_user(harness.context, TOKEN, user, "\u202e")
    assert refused.value.code is Code.BAD_ROOM


def test_a_kick_from_a_room_leaves_other_tabs(
    harness: DispatchHarness, tabs: list[FakeClient]
) -> None:
    kick_user(harness.context, TOKEN, harness.context.directory.users[ANN], ROOM, "out")
    assert [tab.room for tab in tabs] == ["test/awkward", "solos"]
    assert [notices(tab) for tab in tabs] == [['You were put out of "duets": out'], []]
    act = last_act(harness)
    assert (act.action, act.room, act.subject, act.reason) == ("kick", ROOM, ANN, "out")


def test_a_kick_from_the_site_closes_all_tabs(
    harness: DispatchHarness, tabs: list[FakeClient]
) -> None:
    kick_user(harness.context, TOKEN, harness.context.directory.users[ANN], None, "")
    assert [(tab.closed, tab.room) for tab in tabs] == [(1000, None)] * 2
    assert [notices(tab) for tab in tabs] == [["Your connection was closed."]] * 2


def test_one_connection_is_closed(harness: DispatchHarness, tabs: list[FakeClient]) -> None:
    close_connection(harness.context, TOKEN, tabs[0].session, "one is enough")
    assert [tab.closed for tab in tabs] == [1000, None]
    assert last_act(harness).action == "close_connection"


def test_a_room_is_closed(harness: DispatchHarness, tabs: list[FakeClient]) -> None:
    close_room(harness.context, TOKEN, harness.context.directory.rooms[ROOM], "too loud")
    assert [tab.room for tab in tabs] == ["lobby", "solos"]
    assert notices(tabs[0]) == ['"duets" was closed: too loud']
    assert last_act(harness).action == "close_room"
