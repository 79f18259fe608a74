"""Names, colours and being away: `userset`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.rename import change
from fortepiano.model.notice_codes import Code
from fortepiano.model.tags import imitates
from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Profile

__all__ = ["userset"]


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
