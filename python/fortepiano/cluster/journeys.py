"""The ways of sessions into rooms of other nodes, or of nodes that have to be found first.

Meanwhile the session stays where it is, and what its client sends waits. So a client sees the same
order as on one node: all of the old room, then the answer to its `ch`, then the new room.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fortepiano.cluster.messages import Join
from fortepiano.cluster.node_state import JourneyState
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import AWKWARD
from fortepiano.protocol.notices import notice
from fortepiano.protocol.user_profile import SessionFacts, profile_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fortepiano.cluster.homes import Homes
    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.registry import Home
    from fortepiano.cluster.stays import OwnStay, Stays
    from fortepiano.model.elsewhere import Postponed
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["Journeys"]

_PATIENCE_SECONDS = 10
"""How long a session waits for a room's home: longer than it takes to declare a node dead.

Counted by seconds, so that the time in which this node stands still counts little.
"""

_PAUSE_SECONDS = 0.25
"""The time after which a home that was not found is looked for again."""

_ROUNDS = 2
"""How often a home is looked for again without a pause, when a node was not the home any more."""


@dataclass(eq=False, slots=True)
class _Journey:
    """The way of one session.

    Attributes:
        session: The session.
        room: The room to enter.
        wanted: Settings for the room, if it has to be created.
        is_placed: Whether the session enters in any case.
        is_return: Whether the session is in the room, and only its home is another one now.
        stay: The stay of which the home has been asked.
        rounds: How often a node was not the home.
        refuge: The room into which the session was put meanwhile, if it may not enter.
        waiting: What the session's client sent meanwhile.
    """

    session: Session
    room: str
    wanted: Any
    is_placed: bool
    is_return: bool = False
    stay: OwnStay | None = None
    rounds: int = 0
    refuge: tuple[str, Any] = (AWKWARD, None)
    waiting: list[Postponed] = field(default_factory=list["Postponed"])


class Journeys:
    """The sessions that are on their way into a room.

    Args:
        context: The context.
        homes: Finds homes.
        stays: The stays of this node's sessions.
        mail: Posts messages to other nodes.
        handlers: Returns the handlers in force.
        settle: Called with the name of each room that a session has entered here, or could have.
        is_together: Tells whether other nodes can be asked; else rooms open here.
    """

    def __init__(
        self,
        context: Context,
        homes: Homes,
        stays: Stays,
        mail: Mail,
        handlers: Callable[[], NodeHandlers],
        settle: Callable[[str], None],
        is_together: Callable[[], bool],
    ) -> None:
        self._context = context
        self._homes = homes
        self._stays = stays
        self._mail = mail
        self._handlers = handlers
        self._settle = settle
        self._is_together = is_together
        self._journeys: dict[Session, _Journey] = {}
        self._is_held = False
        self._held: list[_Journey] = []

    def start(self, session: Session, room: str, wanted: Any, *, is_placed: bool) -> None:
        """Let a session go into a room.

        Args:
            session: The session. If it is on its way already, it goes there only if it may not
                enter the room to which it is going.
            room: The room's name.
            wanted: Settings for the room, if it has to be created.
            is_placed: Whether the session enters in any case.
        """
        journey = self._journeys.get(session)
        if journey is not None:
            journey.refuge = room, wanted
            return
        self._context.hub.hold(session.client)
        self._begin(_Journey(session, room, wanted, is_placed))

    def follow(self, session: Session, room: str) -> None:
        """Let a session go over to the new home of the room in which it is.

        Until it is there, it plays in the room as it is here.
        """
        if session not in self._journeys:
            self._begin(_Journey(session, room, None, is_placed=True, is_return=True))

    @property
    def has_returns(self) -> bool:
        """Whether sessions are on their way to the new home of their room."""
        return any(journey.is_return for journey in self._journeys.values())

    def _begin(self, journey: _Journey) -> None:
        self._journeys[journey.session] = journey
        self._wait(journey, _PATIENCE_SECONDS)
        self._look(journey)

    def _wait(self, journey: _Journey, seconds: int) -> None:
        """Give up a journey that is not over after some seconds."""
        if seconds == 0:
            self._give_up(journey)
        elif self._is_current(journey):
            self._context.clock.later(1.0, partial(self._wait, journey, seconds - 1))

    def look_again_for(self, stay: OwnStay) -> None:
        """Look for the home of a room again, as the home that was asked is none any more."""
        journey = self._asked(stay)
        if journey is not None:
            journey.stay = None
            self._look(journey)

    def look_again(self) -> None:
        """Look for the homes of all rooms again, as the homes that were asked cannot answer."""
        for journey in list(self._journeys.values()):
            stay, journey.stay = journey.stay, None
            if stay is not None:
                self._stays.leave(stay)
            self._look(journey)

    def __contains__(self, session: Session) -> bool:
        """Tell whether a session is on its way."""
        return session in self._journeys

    def postpone(self, session: Session, message: Postponed) -> bool:
        """Keep a message of a session that is on its way; return False if it is not."""
        journey = self._journeys.get(session)
        if journey is not None:
            journey.waiting.append(message)
        return journey is not None

    def discard(self, session: Session) -> None:
        """Forget the way of a session whose connection has ended."""
        journey = self._journeys.pop(session, None)
        if journey is not None and journey.stay is not None:
            self._stays.leave(journey.stay, has_ended=True)

    def _is_current(self, journey: _Journey) -> bool:
        return self._journeys.get(journey.session) is journey

    # An upgrade

    def hold(self) -> None:
        """Look for no more homes until `let_go`: another process may do so."""
        self._is_held = True

    def let_go(self) -> None:
        """Look for all homes again."""
        self._is_held = False
        held, self._held = self._held, []
        for journey in held:
            self._look(journey)

    def states(self, indexes: Mapping[Session, int]) -> list[JourneyState]:
        """Return all journeys for another process.

        Args:
            indexes: The indexes of sessions.
        """
        return [
            JourneyState(
                session=indexes[journey.session],
                room=journey.room,
                wanted=journey.wanted,
                is_placed=journey.is_placed,
                is_return=journey.is_return,
                stay=None if journey.stay is None else journey.stay.number,
                rounds=journey.rounds,
                refuge=journey.refuge,
                waiting=[(message.raw, message.is_binary) for message in journey.waiting],
            )
            for journey in self._journeys.values()
        ]

    def restore(
        self,
        states: Iterable[JourneyState],
        sessions: Sequence[Session],
        postponed: Callable[[Session, bytes, bool], Postponed],
    ) -> None:
        """Go on with journeys of another process.

        Args:
            states: The journeys.
            sessions: The sessions by their indexes.
            postponed: Returns a message of a session that waits, which may be binary.
        """
        for state in states:
            session = sessions[state.session]
            journey = _Journey(session, state.room, state.wanted, state.is_placed, state.is_return)
            journey.stay = None if state.stay is None else self._stays.get(state.stay)
            journey.rounds, journey.refuge = state.rounds, state.refuge or journey.refuge
            journey.waiting = [postponed(session, *message) for message in state.waiting]
            if not journey.is_return:
                self._context.hub.hold(session.client)
            self._journeys[session] = journey
            self._wait(journey, _PATIENCE_SECONDS)
            if journey.stay is None:
                self._look(journey)

    # The way

    def _look(self, journey: _Journey) -> None:
        """Find the home of the room."""
        if not self._is_current(journey):
            return
        stay = journey.session.stay
        if self._is_held:
            self._held.append(journey)
        elif stay is not None and stay.room == journey.room and not journey.is_return:
            self._arrive(journey)  # a full lobby has led to the room where the session is
        else:
            self._homes.find(journey.room, partial(self._on_home, journey))

    def _look_later(self, journey: _Journey) -> None:
        self._context.clock.later(_PAUSE_SECONDS, partial(self._look, journey))

    def _on_home(self, journey: _Journey, home: Home | None) -> None:
        if not self._is_current(journey) or journey.stay is not None:
            self._settle(journey.room)  # the journey is over, or another look has found a home
        elif home is not None and home.nid != self._homes.nid:
            self._ask(journey, home)
        elif home is not None or self._homes.is_alone or not self._is_together():
            self._arrive(journey)
            self._settle(journey.room)
        else:
            self._look_later(journey)

    def _ask(self, journey: _Journey, home: Home) -> None:
        """Ask the home to let the session in."""
        session = journey.session
        if session.user is None:  # never before `hi`
            return
        stay = journey.stay = self._stays.begin(session, journey.room, home)
        join = Join(
            stay.number,
            journey.room,
            home.epoch,
            SessionFacts.of(session),
            profile_of(session.user),
            journey.wanted,
            journey.is_placed,
            stay.replica.is_new,
        )
        stay.replica.is_new = False
        self._mail.post(home.nid, join)

    def _arrive(self, journey: _Journey) -> None:
        """Let the session enter a room of this node, or be sent its room again."""
        session = journey.session
        del self._journeys[session]
        if journey.is_return and session.participant is not None:
            self._go_on(journey)  # the room is one of this node now
            return
        handlers = self._handlers()
        enter = handlers.place if journey.is_placed else handlers.enter
        enter(session, journey.room, journey.wanted)
        self._go_on(journey)

    def _go_on(self, journey: _Journey) -> None:
        """Handle what the client sent meanwhile, unless the session is on its way once more."""
        session = journey.session
        if session not in self._journeys:
            self._context.hub.release(session.client)
        for message in journey.waiting:
            message.handle()  # waits again, if the one before began another journey

    # Answers of the home

    def on_entered(self, stay: OwnStay, participant: int) -> None:
        """Let a session go over into the room, in which it is a participant's tab from now on."""
        participating = stay.session.participant
        is_apart = participating is not None and participating.room.name == stay.room
        self._handlers().leave(stay.session, is_quiet=is_apart)
        self._stays.enter(stay, participant)

    def on_admitted(self, stay: OwnStay) -> None:
        """End the way of a session that is in the room, and has got all about it."""
        journey = self._asked(stay)
        if journey is not None:
            del self._journeys[stay.session]
            self._go_on(journey)

    def on_refused(self, stay: OwnStay, *, may_stay: bool) -> None:
        """End the way of a session that may not enter the room."""
        journey = self._asked(stay)
        self._stays.end(stay)
        if journey is None:
            return
        session = stay.session
        del self._journeys[session]
        if not (may_stay and session.is_in_room):
            self._handlers().place(session, *journey.refuge)
        self._go_on(journey)

    def on_redirected(self, stay: OwnStay, room: str) -> None:
        """Let a session go to another room instead."""
        journey = self._asked(stay)
        if journey is None:
            self._handlers().enter(stay.session, room, None)
            return
        self._stays.end(stay)
        journey.stay, journey.room, journey.is_placed = None, room, False
        self._look(journey)

    def on_not_home(self, stay: OwnStay) -> None:
        """Look for the home of a room again."""
        journey = self._asked(stay)
        self._homes.forget(stay.room)
        self._stays.end(stay)
        self._try_again(journey)

    def _try_again(self, journey: _Journey | None) -> None:
        """Look for the home of a room again, after some rounds with pauses."""
        if journey is not None:
            journey.stay = None
            journey.rounds += 1
            (self._look if journey.rounds <= _ROUNDS else self._look_later)(journey)

    def on_lost(self, stay: OwnStay) -> None:
        """Let a session enter its room once more: the home does not know it, or is gone."""
        self._homes.forget(stay.room)
        journey = self._asked(stay)
        session = stay.session
        if session.stay is stay:
            self.follow(session, stay.room)
            return
        self._stays.end(stay)
        self._try_again(journey)

    def _asked(self, stay: OwnStay) -> _Journey | None:
        """Return the journey on which a home was asked for a stay; None without one."""
        journey = self._journeys.get(stay.session)
        return journey if journey is not None and journey.stay is stay else None

    def _give_up(self, journey: _Journey) -> None:
        """End the way of a session for which no home has answered."""
        if not self._is_current(journey):
            return
        session = journey.session
        del self._journeys[session]
        if journey.stay is not None:
            self._stays.leave(journey.stay)
        self._homes.forget(journey.room)
        if journey.is_return:
            self._begin(replace(journey, stay=None, rounds=0))
            return
        if session.is_in_room:
            text = "That room does not answer at the moment."
            self._context.outbound.send(session, [notice(text, Code.UNREACHABLE)])
            self._go_on(journey)
        else:
            session.connection.close(CloseCode.INTERNAL_ERROR)
