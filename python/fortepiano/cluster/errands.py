"""Messages of staff about rooms of other nodes, in which the sender need not be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fortepiano.cluster.messages import Errand
from fortepiano.model.notice_codes import Code
from fortepiano.protocol.notices import notice
from fortepiano.protocol.user_profile import SessionFacts, profile_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.homes import Homes
    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.messages import ErrandDone
    from fortepiano.cluster.registry import Home
    from fortepiano.cluster.stays import Stays
    from fortepiano.cluster.waits import Waits
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context

__all__ = ["Errands"]

_PATIENCE_SECONDS = 3.0
"""How long the home of a room may take to answer."""

_ROUNDS = 3
"""How often the home of a room is looked for."""


@dataclass(eq=False, slots=True)
class _Errand:
    """A message on its way.

    Attributes:
        session: The session that sent the message.
        room: The room's name.
        raw: The message.
        call: Handles the message, if this node is the home.
        stay: The number by which the answers come back; 0 before the home is asked.
        rounds: How often a home was looked for.
    """

    session: Session
    room: str
    raw: bytes
    call: Callable[[], None]
    stay: int = 0
    rounds: int = 0


class Errands:
    """Sends messages to the homes of the rooms that they are about.

    Args:
        context: The context.
        homes: Finds homes.
        stays: The stays of this node's sessions.
        mail: Posts messages to other nodes.
        waits: The sessions whose messages wait.
        settle: Called with the name of each room of which this node may have become the home.
    """

    def __init__(
        self,
        context: Context,
        homes: Homes,
        stays: Stays,
        mail: Mail,
        waits: Waits,
        settle: Callable[[str], None],
    ) -> None:
        self._context = context
        self._homes = homes
        self._stays = stays
        self._mail = mail
        self._waits = waits
        self._settle = settle
        self._open: dict[_Errand, None] = {}
        self._asked: dict[int, _Errand] = {}
        self._is_hurried = False

    def start(self, session: Session, room: str, raw: bytes, call: Callable[[], None]) -> None:
        """Let the home of a room handle a message; see `model.elsewhere.Elsewhere.at_home`."""
        errand = _Errand(session, room, raw, call)
        self._open[errand] = None
        self._waits.begin(session)
        if self._is_hurried:
            self._give_up(errand)
            return
        self._context.clock.later(_PATIENCE_SECONDS, partial(self._give_up, errand))
        self._look(errand)

    def _look(self, errand: _Errand) -> None:
        errand.rounds += 1
        self._homes.find(errand.room, partial(self._on_home, errand))

    def _on_home(self, errand: _Errand, home: Home | None) -> None:
        if errand not in self._open:
            self._settle(errand.room)
        elif home is not None and home.nid != self._homes.nid:
            self._ask(errand, home)
        elif home is None and self._homes.nid is not None:
            self._give_up(errand)
        else:
            self._end(errand, errand.call)
            self._settle(errand.room)

    def _ask(self, errand: _Errand, home: Home) -> None:
        session = errand.session
        if session.user is None:  # the session has ended
            return
        errand.stay = self._stays.open_number(session)
        self._asked[errand.stay] = errand
        message = Errand(
            errand.stay,
            errand.room,
            home.epoch,
            SessionFacts.of(session),
            profile_of(session.user),
            errand.raw,
        )
        self._mail.post(home.nid, message)

    def hurry(self, *, is_hurried: bool) -> None:
        """Wait for no answers."""
        self._is_hurried = is_hurried
        if is_hurried:
            for errand in list(self._open):
                self._give_up(errand)

    def on_done(self, message: ErrandDone) -> None:
        """Go on with the next messages of a session, whose answers have come."""
        errand = self._asked.get(message.stay)
        if errand is None:
            return
        self._close_number(errand)
        if message.is_home:
            self._end(errand, _nothing)
            return
        self._homes.forget(errand.room)
        (self._look if errand.rounds < _ROUNDS else self._give_up)(errand)

    def _give_up(self, errand: _Errand) -> None:
        """End an errand whose room has no home that answers, unless it is over."""
        self._end(errand, partial(self._refuse, errand.session))

    def _end(self, errand: _Errand, call: Callable[[], object]) -> None:
        """Call a function, and go on with the next messages of the session."""
        if errand in self._open:
            del self._open[errand]
            self._close_number(errand)
            self._waits.end(errand.session, call)

    def _close_number(self, errand: _Errand) -> None:
        if self._asked.pop(errand.stay, None) is not None:
            self._stays.close_number(errand.stay)

    def _refuse(self, session: Session) -> None:
        if session.user is not None:
            text = "That room does not answer at the moment."
            self._context.outbound.send(session, [notice(text, Code.UNREACHABLE)])


def _nothing() -> None:
    """Handle nothing: the home has done so."""
