"""Notices of the staff to users."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body
from pydantic import BeforeValidator, Field

from fortepiano.http.admin.calls import Moderator, Settled, UserId, View, Wish, problems, whole
from fortepiano.http.problem import ProblemError
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code
from fortepiano.model.session import Session
from fortepiano.protocol import validate
from fortepiano.protocol.context import Context
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
    receivers = _receivers(context, wish)
    title = validate.name(wish.title, _LONGEST) or "Notice"
    message = notice(text, Code.STAFF_NOTICE, title=title, style=None)
    message["duration"] = wish.seconds * 1000
    for receiver in receivers:
        context.outbound.send(receiver, [message])
    room = wish.room if isinstance(wish, NoticeToRoom) else ""
    user_id = wish.user_id if isinstance(wish, NoticeToUser) else ""
    context.audit(at.token, AuditAction.NOTICE, room=room, subject=user_id, text=text)
    return Told(connections=len(receivers))


def _receivers(context: Context, wish: NoticeToAll | NoticeToRoom | NoticeToUser) -> list[Session]:
    directory = context.directory
    if isinstance(wish, NoticeToRoom):
        room = directory.rooms.get(wish.room)
        if room is None:
            raise ProblemError(404, "There is no such room.")
        return [tab for participant in room.participants.values() for tab in participant.tabs]
    if isinstance(wish, NoticeToUser):
        user = directory.online(wish.user_id)
        if user is None:
            raise ProblemError(404, "That user is not here.")
        return list(user.sessions)
    return [tab for user in directory.users.values() for tab in user.sessions]
