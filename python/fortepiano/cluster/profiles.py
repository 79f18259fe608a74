"""The profiles of users, which all nodes that know a user have alike."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fortepiano.cluster.messages import Errand, Join, Profile
from fortepiano.protocol.user_profile import profile_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from fortepiano.cluster.mail import Mail
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["Profiles"]


class Profiles:
    """Tells other nodes of changes of users, and adopts theirs.

    Args:
        context: The context.
        mail: Posts messages to other nodes.
        handlers: Returns the handlers in force.
    """

    def __init__(self, context: Context, mail: Mail, handlers: Callable[[], NodeHandlers]) -> None:
        self._context = context
        self._mail = mail
        self._handlers = handlers
        self._is_adopting = False

    def note(self, user: User) -> None:
        """Tell all nodes that a user has changed, unless another node has told so."""
        if not self._is_adopting:
            user.version = max(self._context.now(), user.version + 1)
            self._mail.post_all(Profile(profile_of(user)))

    def adopt(self, message: Profile) -> None:
        """Give a user the profile that another node has."""
        with self._adopting():
            self._handlers().adopt_profile(message.user)

    def arrive(self, session: Session, nid: int, message: Join | Errand) -> None:
        """Give a session of another node its user; tell that node if its profile is outdated.

        Args:
            session: The session.
            nid: The number of the node.
            message: The message by which the session joins a room, or that is about one.
        """
        with self._adopting():
            is_current = self._handlers().arrive(session, message.session, message.user)
        if not is_current and session.user is not None:
            self._mail.post(nid, Profile(profile_of(session.user)))

    @contextmanager
    def _adopting(self) -> Generator[None]:
        """Note no changes while the context lasts."""
        self._is_adopting = True
        try:
            yield
        finally:
            self._is_adopting = False
