"""How somebody is seen: `userset`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.shapes import Profile

__all__ = ["change", "userset"]


def userset(context: Context, session: Session, message: Profile) -> None:
    """Change one's name, colour, or both, in all rooms one is in.

    Each half counts for itself: a bad colour does not lose a good name.
    """
    user = session.user
    if user is None:
        return
    name = validate.text(message.set.get("name"), context.rules.name_length)
    if user.has_flag("freeze_name"):
        name = None
    change(context, user, name=name, color=validate.color(message.set.get("color")))


def change(context: Context, user: User, *, name: str | None, color: str | None) -> None:
    """Give a user another name, another colour, or both; None leaves one as it is."""
    name, color = name or user.name, color or user.color
    if (name, color) == (user.name, user.color):
        return
    user.name, user.color = name, color
    context.directory.remember(user, context.now())
    for participant in user.participations:
        context.outbound.update(participant)
