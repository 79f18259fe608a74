"""The question who is online: asked only for a message that names a user who is not here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fortepiano.cluster.messages import Presence, WhoIs
from fortepiano.protocol.user_profile import profile_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.waits import Waits
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["Presences"]

_PATIENCE_SECONDS = 0.5
"""How long all other nodes may take to answer; then the user counts as absent."""


@dataclass(eq=False, slots=True)
class _Question:
    """A user who is looked for.

    Attributes:
        session: The session whose message names the user.
        user_id: The user.
        call: Handles the message.
        silent: The nodes that have not answered.
    """

    session: Session
    user_id: str
    call: Callable[[], None]
    silent: set[int]


class Presences:
    """Finds users who have no connection to this node, and answers other nodes.

    Args:
        context: The context.
        mail: Posts messages to other nodes.
        waits: The sessions whose messages wait.
        handlers: Returns the handlers in force.
        nodes: The numbers of the other nodes that live.
    """

    def __init__(
        self,
        context: Context,
        mail: Mail,
        waits: Waits,
        handlers: Callable[[], NodeHandlers],
        nodes: set[int],
    ) -> None:
        self._context = context
        self._mail = mail
        self._waits = waits
        self._handlers = handlers
        self._nodes = nodes
        self._numbers = itertools.count(1)
        self._questions: dict[int, _Question] = {}
        self._found = ""
        self._networks: list[str] = []
        self._is_hurried = False

    def look_for(self, session: Session, user_id: str, call: Callable[[], None]) -> None:
        """Look for a user; see `model.elsewhere.Elsewhere.when_online`."""
        if not self._nodes or self._is_hurried:
            call()
            return
        number = next(self._numbers)
        self._questions[number] = _Question(session, user_id, call, set(self._nodes))
        self._waits.begin(session)
        self._mail.post_all(WhoIs(number, user_id))
        self._context.clock.later(_PATIENCE_SECONDS, partial(self._end, number))

    def is_online(self, user_id: str) -> bool:
        """Tell whether a user was found, while the message that names them is handled."""
        return bool(user_id) and user_id == self._found

    def networks_of(self, user_id: str) -> list[str]:
        """Return the networks around a user who was found, for that time too."""
        return self._networks if self.is_online(user_id) else []

    def on_who_is(self, nid: int, message: WhoIs) -> None:
        """Answer whether a user has a connection to this node."""
        user = self._context.directory.users.get(message.user_id)
        tabs = [] if user is None else user.sessions
        own = [tab for tab in tabs if self._context.elsewhere.is_own(tab)]
        if user is None or not own:
            self._mail.post(nid, Presence(message.number))
            return
        found = (one for tab in own for one in self._context.identity.network_ids(tab.address))
        networks = list(dict.fromkeys(found))
        self._mail.post(nid, Presence(message.number, profile_of(user), networks))

    def on_presence(self, nid: int, message: Presence) -> None:
        """Go on with the message that waits, if the answer is yes, or the last one."""
        question = self._questions.get(message.number)
        if question is None:
            return
        question.silent.discard(nid)
        if message.user is not None:
            self._handlers().adopt_profile(message.user)
            self._end(message.number, question.user_id, message.networks)
        elif not question.silent:
            self._end(message.number)

    def hurry(self, *, is_hurried: bool) -> None:
        """Wait for no answers: everybody counts as absent of whom nothing is known yet."""
        self._is_hurried = is_hurried
        if is_hurried:
            for number in list(self._questions):
                self._end(number)

    def next_number(self, least: int = 0) -> int:
        """Return the number of the next question, which is not below another number."""
        number = max(next(self._numbers), least)
        self._numbers = itertools.count(number)
        return number

    def on_node_gone(self, nid: int) -> None:
        """Wait for no answer of a node that is gone."""
        for number, question in list(self._questions.items()):
            question.silent.discard(nid)
            if not question.silent:
                self._end(number)

    def _end(self, number: int, found: str = "", networks: list[str] | None = None) -> None:
        question = self._questions.pop(number, None)
        if question is not None:
            self._waits.end(question.session, partial(self._call, question, found, networks or []))

    def _call(self, question: _Question, found: str, networks: list[str]) -> None:
        """Handle the message; for that time the user counts as online."""
        self._found, self._networks = found, networks
        try:
            question.call()
        finally:
            self._found, self._networks = "", []
