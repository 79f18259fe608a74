"""Notices of the staff to users."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body
from pydantic import BeforeValidator, Field

from fortepiano.actions.notify import EVERYBODY, Target, notify
from fortepiano.http.admin.calls import (
    Moderator,
    RequestModel,
    ResponseModel,
    Settled,
    UserId,
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

_LONGEST_MS = 60_000
_LONGEST = 4000


class _Notice(RequestModel):
    text: str = Field(min_length=1, max_length=2000, description="What it says; shown as text.")
    title: str = Field(default="Notice", max_length=100, description="Its title.")
    duration_ms: Annotated[int, Field(ge=1000, le=_LONGEST_MS), BeforeValidator(whole)] = Field(
        default=7000, description="How long it is shown."
    )


class NoticeToAllRequest(_Notice):
    """A notice to everybody."""

    to: Literal["all"]


class NoticeToRoomRequest(_Notice):
    """A notice to all in a room."""

    to: Literal["room"]
    room: Annotated[str, Settled] = Field(max_length=4096, description="The room's name.")


class NoticeToUserRequest(_Notice):
    """A notice to all tabs of a user."""

    to: Literal["user"]
    subject: UserId


_AnyRequest = NoticeToAllRequest | NoticeToRoomRequest | NoticeToUserRequest


class NoticeResponse(ResponseModel):
    """The number of connections to which a notice was sent."""

    connections: int


@router.post(
    "/notices",
    summary="Tell a user, a room, or everybody",
)
async def send_notice(
    caller: Moderator,
    body: Annotated[_AnyRequest, Body(discriminator="to")],
) -> NoticeResponse:
    """Show a notice to a user, to a room, or to everybody (for which the scope must be `admin`)."""
    context = caller.server.context
    if body.to == "all" and caller.token.scope != "admin":
        raise ProblemError(403, "Only a token of the scope admin may tell everybody.")
    text = validate.text(body.text, _LONGEST)
    if text is None:
        raise ProblemError(409, "No notice can say that.")
    title = validate.name(body.title, _LONGEST) or "Notice"
    message = notice(text, Code.STAFF_NOTICE, title=title, style=None)
    message["duration"] = body.duration_ms
    with refusals():
        return NoticeResponse(connections=notify(context, caller.token, _target(body), message))


def _target(body: _AnyRequest) -> Target:
    if isinstance(body, NoticeToRoomRequest):
        return Target(room=body.room)
    return Target(user_id=body.subject) if isinstance(body, NoticeToUserRequest) else EVERYBODY
