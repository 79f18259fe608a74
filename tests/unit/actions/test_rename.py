"""Names, colours and tags that staff give to others."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.rename import rename
from fortepiano.actions.tag import remove_tag, set_tag
from fortepiano.model.notice_codes import Code
from fortepiano.model.user import User
from fortepiano.store.records import AuditQuery, TokenRecord
from support.dispatch_harness import START, DispatchHarness

ANN = "a" * 24
TOKEN = TokenRecord("token1", "", "admin", "", START, None)


@pytest.fixture
def harness() -> DispatchHarness:
    made = DispatchHarness()
    made.enter("duets", user_id=ANN)
    return made


@pytest.fixture
def user(harness: DispatchHarness) -> User:
    return harness.context.directory.users[ANN]


def actions(harness: DispatchHarness) -> list[str]:
    return [act.action for act in harness.context.store.audit(AuditQuery())[::-1]]


def test_a_name_and_a_colour_are_two_acts(harness: DispatchHarness, user: User) -> None:
    rename(harness.context, TOKEN, user, name=" Ann\u200b", color="#112233")
    assert (user.name, user.color) == ("Ann", "#112233")
    assert actions(harness) == ["setname", "setcolor"]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"name": "\u202e"}, Code.BAD_NAME),
        ({"name": 5}, Code.BAD_NAME),
        ({"name": "Ann", "color": "red"}, Code.BAD_COLOR),
    ],
)
def test_nothing_changes_if_a_part_is_not_valid(
    harness: DispatchHarness, user: User, wanted: dict[str, Any], code: Code
) -> None:
    before = (user.name, user.color)
    with pytest.raises(RefusedError) as refused:
        rename(harness.context, TOKEN, user, **wanted)
    assert refused.value.code is code
    assert ((user.name, user.color), actions(harness)) == (before, [])


@pytest.mark.parametrize("wanted", [{}, {"name": None}, {"name": 5}, {"color": None}])
@pytest.mark.parametrize("kind", ["name", "color"])
def test_a_message_without_a_valid_value_is_refused(
    harness: DispatchHarness, user: User, wanted: dict[str, Any], kind: str
) -> None:
    before, admin = (user.name, user.color), harness.staff()
    admin.received()
    admin.send("admin message", msg={"m": kind, "_id": ANN} | wanted)
    assert [one["code"] for one in admin.received()] == [f"bad_{kind}"]
    assert ((user.name, user.color), actions(harness)) == (before, [])


def test_tags(harness: DispatchHarness, user: User) -> None:
    set_tag(harness.context, TOKEN, user, "BOT")
    assert user.tag == {"text": "BOT", "color": "#777777"}
    set_tag(harness.context, TOKEN, user, " GUEST", "#55f")
    assert user.tag == {"text": "GUEST", "color": "#5555ff"}
    for text, color, code in ((None, None, Code.BAD_MESSAGE), ("X", "blue", Code.BAD_COLOR)):
        with pytest.raises(RefusedError) as refused:
            set_tag(harness.context, TOKEN, user, text, color)
        assert refused.value.code is code
    assert user.tag == {"text": "GUEST", "color": "#5555ff"}
    remove_tag(harness.context, TOKEN, user)
    assert user.tag is None
    assert actions(harness) == ["tag", "tag", "remove_tag"]
