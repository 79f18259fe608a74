"""Profiles of users that another node of the cluster has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.rename import change
from fortepiano.actions.rooms import refresh_quota
from fortepiano.actions.tag import broadcast_tag
from fortepiano.actions.vanish import set_hidden

if TYPE_CHECKING:
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.user_profile import UserProfile

__all__ = ["adopt_profile"]


def adopt_profile(context: Context, user: User, profile: UserProfile) -> bool:
    """Give a user the profile that another node has, and broadcast what has changed.

    Args:
        context: The context.
        user: The user.
        profile: The user's profile at the other node.

    Returns:
        False if this node has a later profile, so that nothing has changed.
    """
    if profile.version < user.version:
        return False
    is_afk = profile.is_afk
    if user.version == profile.version and user.sessions:
        is_afk = user.is_afk  # a node where the user had no connection may not know it
    user.version = profile.version
    user.since = min(user.since, profile.since)
    name, color = profile.name, profile.color
    change(context, user, name=name, color=color, is_afk=is_afk, is_stored=False)
    if user.tag != profile.tag:
        user.tag = profile.tag
        broadcast_tag(context, user)
    if user.flags != profile.flags:
        user.flags = profile.flags
        for participant in user.participations:
            refresh_quota(context, participant)
    set_hidden(context, user, is_hidden=profile.is_hidden)
    return True
