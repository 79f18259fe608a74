"""Names, colours and being away: `userset`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.model.directory import ANONYMOUS
from fortepiano.model.looks import are_alike
from fortepiano.model.notice_codes import Code
from fortepiano.model.tags import imitates
from fortepiano.protocol import validate
from fortepiano.protocol.appearance import is_of_staff

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Profile

__all__ = ["change", "mark_look_alikes", "userset"]


def userset(context: Context, session: Session, message: Profile) -> None:
    """Change the sender's name, colour, or whether they are away, in all their rooms.

    Each part is checked alone: a name counts even if the colour is not valid.
    """
    user = session.user
    if user is None:
        return
    name = validate.name(message.set.get("name"), context.rules.name_length)
    if name is not None and user.has_flag("freeze_name"):
        name = None
        context.outbound.notify_once(session, Code.NOT_ALLOWED, "You may not change your name.")
    if name is not None and imitates(name, context.outbound.appearance.tags):
        context.outbound.notify_once(
            session, Code.BAD_NAME, "Only the staff of this site give tags."
        )
        name = None
    color, is_afk = message.set.get("color"), message.set.get("afk")
    change(
        context,
        user,
        name=name,
        color=validate.color(color),
        is_afk=validate.switch(is_afk),
    )


def change(
    context: Context,
    user: User,
    *,
    name: str | None,
    color: str | None,
    is_afk: bool | None = None,
) -> None:
    """Change a user's name, colour, or whether they are away; None leaves a part as it is.

    Name and colour are stored. Being away ends with the user's last session.
    """
    before = user.name
    name, color = name or user.name, color or user.color
    is_changed = (name, color) != (user.name, user.color)
    if not is_changed and is_afk in (None, user.is_afk):
        return
    if is_changed:
        user.name, user.color = name, color
        context.directory.remember(user, context.now())
    if is_afk is not None:
        user.is_afk = is_afk
    for participant in user.participations:
        context.outbound.update(participant)
        if name != before and participant.room.holder is participant:
            context.outbound.refresh(participant.room, is_sent=True)
    if name != before and is_of_staff(user):
        mark_look_alikes(context, user, before)


def mark_look_alikes(context: Context, user: User, before: str = ANONYMOUS) -> None:
    """Update all participants whose names look like the name of a member of staff.

    Args:
        context: The context.
        user: The user who is staff, or has ceased to be.
        before: The name that this user had before.
    """
    outbound = context.outbound
    outbound.appearance.track_staff(user)
    for other in context.directory.users.values():
        if are_alike(other.name, user.name) or are_alike(other.name, before):
            for participant in other.participations:
                if participant.appearance != outbound.appearance.of(participant):
                    outbound.update(participant)
