"""The parts of a user and of a session that a process passes to another one or to a node.

Fields have names and defaults, so that two versions of the server understand each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fortepiano.model.user import User
from fortepiano.store.records import Scope

if TYPE_CHECKING:
    from fortepiano.model.session import Session

__all__ = ["SessionFacts", "UserProfile", "made_user", "profile_of"]


class SessionFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The facts of a session that handlers know, without its address; see `Session`."""

    user_id: str
    is_bot: bool = False
    is_known_by_token: bool = False
    scope: Scope | None = None

    @classmethod
    def of(cls, session: Session) -> SessionFacts:
        """Return the facts of a session."""
        return SessionFacts(
            user_id=session.user_id,
            is_bot=session.is_bot,
            is_known_by_token=session.is_known_by_token,
            scope=session.scope,
        )


class UserProfile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The parts of a user that others see, and those that staff have set; see `model.user.User`."""

    id: str
    name: str
    color: str
    since: int
    tag: dict[str, str] | None = None
    is_hidden: bool = False
    is_afk: bool = False
    flags: dict[str, Any] | None = None
    version: int = 0


def profile_of(user: User) -> UserProfile:
    """Return the profile of a user."""
    return UserProfile(
        id=user.id,
        name=user.name,
        color=user.color,
        since=user.since,
        tag=user.tag,
        is_hidden=user.is_hidden,
        is_afk=user.is_afk,
        flags=user.flags,
        version=user.version,
    )


def made_user(profile: UserProfile, quota: int) -> User:
    """Return a user without sessions that has a profile.

    Args:
        profile: The profile.
        quota: The number of the user's quota in the hub.
    """
    return User(
        profile.id,
        profile.name,
        profile.color,
        quota,
        profile.since,
        tag=profile.tag,
        is_hidden=profile.is_hidden,
        is_afk=profile.is_afk,
        flags=profile.flags,
        version=profile.version,
    )
