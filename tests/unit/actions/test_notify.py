"""Notices of the staff: their receivers, and their line in the audit log."""

from __future__ import annotations

import pytest

from fortepiano.actions.notify import EVERYBODY, Target, notify
from fortepiano.actions.refusal import RefusedError
from fortepiano.model.notice_codes import Code
from fortepiano.protocol.notices import notice
from fortepiano.store.records import AuditQuery, TokenRecord
from support.dispatch_harness import START, DispatchHarness

ANN = "a" * 24
TOKEN = TokenRecord("token1", "", "admin", "", START, None)
NOTICE = notice("We stop at eight.", Code.STAFF_NOTICE)


@pytest.fixture
def harness() -> DispatchHarness:
    """Ann has tabs in two rooms, and others are in "duets" and in "all"."""
    made = DispatchHarness()
    for room in ("duets", "solos"):
        made.enter(room, user_id=ANN)
    for room in ("duets", "all"):
        made.enter(room)
    return made


@pytest.mark.parametrize(
    ("target", "count"),
    [
        (Target(room="duets"), 2),
        (Target(user_id=ANN), 2),
        (Target(room="duets", user_id=ANN), 3),
        (Target(room="all"), 1),
        (EVERYBODY, 4),
        (Target(room="nowhere", user_id=ANN), 2),
    ],
)
def test_receivers(harness: DispatchHarness, target: Target, count: int) -> None:
    harness.outbound.sent.clear()
    assert notify(harness.context, TOKEN, target, NOTICE) == count
    assert [len(sent) for sent in harness.outbound.sent.values()] == [1] * count


def test_a_message_and_the_admin_api_leave_the_same_line(harness: DispatchHarness) -> None:
    assert notify(harness.context, TOKEN, Target(room="duets"), NOTICE) == 2
    inner = {"m": "notification", "text": NOTICE["text"], "targetChannel": "duets"}
    harness.staff().send("admin message", msg=inner)
    second, first = harness.context.store.audit(AuditQuery())
    assert (first.action, first.room, first.details["text"]) == ("notice", "duets", NOTICE["text"])
    assert (first.action, first.room, first.subject, first.details) == (
        second.action,
        second.room,
        second.subject,
        second.details,
    )


def test_a_notice_to_nobody_is_refused(harness: DispatchHarness) -> None:
    with pytest.raises(RefusedError) as refused:
        notify(harness.context, TOKEN, Target(room="nowhere"), NOTICE)
    assert refused.value.code is Code.NOT_FOUND
    assert harness.context.store.audit(AuditQuery()) == []


def test_everybody_may_be_nobody() -> None:
    assert notify(DispatchHarness().context, TOKEN, EVERYBODY, NOTICE) == 0


def test_a_room_of_that_name_is_not_everybody(harness: DispatchHarness) -> None:
    moderator = harness.staff("all", scope="moderate")
    harness.outbound.sent.clear()
    moderator.send("admin message", msg={"m": "notification", "text": "Hello"})
    assert len(harness.outbound.sent) == 2
    harness.outbound.sent.clear()
    harness.staff(scope="admin").send(
        "admin message", msg={"m": "notification", "text": "Hello", "targetChannel": "all"}
    )
    assert len(harness.outbound.sent) == 6


def test_a_room_without_people_is_a_room(harness: DispatchHarness) -> None:
    harness.context.directory.open_room("empty", {})
    assert notify(harness.context, TOKEN, Target(room="empty"), NOTICE) == 0


def test_the_audit_log_cuts_a_long_page(harness: DispatchHarness) -> None:
    message = {"m": "notification", "html": "x" * 100_000}
    notify(harness.context, TOKEN, EVERYBODY, message)
    (line,) = harness.context.store.audit(AuditQuery())
    assert line.details["text"] == "x" * 4096


def test_the_audit_log_has_the_whole_text(harness: DispatchHarness) -> None:
    notify(harness.context, TOKEN, EVERYBODY, notice("y" * 4000, Code.STAFF_NOTICE))
    (line,) = harness.context.store.audit(AuditQuery())
    assert line.details["text"] == "y" * 4000
