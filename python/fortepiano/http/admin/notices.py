"""Notices of the staff to users."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body
from pydantic import BeforeValidator, Field

from fortepiano.actions.notify import EVERYBODY, Target, notify
from fortepiano.http.admin.calls import (
    Moderator,
    Settled,
    UserId,
    View,
    Wish,
    problems,
    refusals,
    whole,
)
from fortepiano.http.problem import ProblemError
from fortepiano.model.notice_codes import Code
from fortepiano.protocol import validate
from fortepiano.protocol.notices import notice

__all__ = ["router"]

router = APIRouter(tags=["notices"], responses=problems(404, 409))

_LONGEST_SECONDS = 60
_LONGEST = 4000


class _Notice(Wish):
    text: str = Field(min_length=1, max_length=2000, description="What it says; shown as text.")
    title: str = Field(default="Notice", max_length=100, description="Its title.")
    seconds: Annotated[int, Field(ge=1, le=_LONGEST_SECONDS), BeforeValidator(whole)] = Field(
        default=7, description="How long it is shown."
    )


class NoticeToAll(_Notice):
    """A notice to everybody."""

    to: Literal["all"]


class NoticeToRoom(_Notice):
    """A notice to all in a room."""

    to: Literal["room"]
    room: Annotated[str, Settled] = Field(max_length=4096, description="The room's name.")


class NoticeToUser(_Notice):
    """A notice to all tabs of a user."""

    to: Literal["user"]
    user_id: UserId


class Told(View):
    """The number of connections to which a notice was sent."""

    connections: int


@router.post(
    "/api/notices",
    summary="Tell a user, a room, or everybody",
    operation_id="tell_api_notices_post",
)
async def send_notice(
    at: Moderator,
    wish: Annotated[NoticeToAll | NoticeToRoom | NoticeToUser, Body(discriminator="to")],
) -> Told:
    """Show a notice to a user, to a room, or to everybody (for which the scope must be `admin`)."""
    context = at.server.context
    if wish.to == "all" and at.token.scope != "admin":
        raise ProblemError(403, "Only a token of the scope admin may tell everybody.")
    text = validate.text(wish.text, _LONGEST)
    if text is None:
        raise ProblemError(409, "No notice can say that.")
    title = validate.name(wish.title, _LONGEST) or "Notice"
    message = notice(text, Code.STAFF_NOTICE, title=title, style=None)
    message["duration"] = wish.seconds * 1000
    with refusals():
        return Told(connections=notify(context, at.token, _target(wish), message))


def _target(wish: NoticeToAll | NoticeToRoom | NoticeToUser) -> Target:
    if isinstance(wish, NoticeToRoom):
        return Target(room=wish.room)
    return Target(user_id=wish.user_id) if isinstance(wish, NoticeToUser) else EVERYBODY
