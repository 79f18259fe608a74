"""The bounds of one port: its methods, bodies and hosts, and how many connections.

`HttpConnection` reads a request; this module says whether it is let in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fortepiano.native import Throttle
from fortepiano.net.authority import is_known_host
from fortepiano.net.client_address import plain_peer
from fortepiano.net.forwarded import is_loopback, reports_client
from fortepiano.net.refusal_codes import RefusalCode

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import Protocol

    from fortepiano.config import LimitSettings
    from fortepiano.net.admission import AdmissionControl
    from fortepiano.net.deadlines import Pending
    from fortepiano.net.forwarded import UntrustedProxies
    from fortepiano.net.request_head import RequestHead
    from fortepiano.net.stalled import StalledConnections, Written
    from fortepiano.net.visitor_state import VisitorState

    class Inside(Protocol):
        """A connection that speaks HTTP, or has yet to send its PROXY header."""

        transport: asyncio.Transport

        @property
        def is_owed(self) -> bool:
            """Whether it waits for a response, or for the rest of one."""
            ...

        def state(self) -> VisitorState | None:
            """Return what another process needs to go on with it; None while it cannot."""
            ...

    class Visitor(Pending, Inside, Protocol):
        """A connection that speaks HTTP.

        Attributes:
            peer: The address at the other end, or `unix:/path`.
            counted: The address that it is counted for; empty where it is not counted.
            is_forwarded: Whether a proxy that is not trusted has forwarded its last request.
        """

        peer: str
        counted: str
        is_forwarded: bool

    class Dismissed(Pending, Written, Protocol):
        """A connection that has a deadline, and something to write."""


__all__ = ["BUSY", "METHOD", "FrontDoor", "Objection"]


class Objection(NamedTuple):
    """The reason why a request is not answered as its client wishes.

    Attributes:
        status: The HTTP status of the answer.
        why: One line for people.
        retry_after: When to connect again; seconds, 0 where that would not help.
    """

    status: int
    why: str
    retry_after: int = 0


_ADMITTED, _CROWDED = Throttle.ADMITTED, Throttle.CROWDED

BUSY = Objection(503, "Too many connections at once.", 5)
_LONG_HEAD = Objection(431, "The request's head is too long.")
_LONG_API_HEAD = Objection(400, "The request's head is too long.")
METHOD = Objection(405, "Only GET and HEAD are answered here.")
_NO_BODY = Objection(413, "Nothing is taken here.")
_LONG_BODY = Objection(413, "The request's body is too long.")
_NO_LENGTH = Objection(411, "The length of the body must come first.")

_API_HEAD_BYTES = 65_536
_PUBLIC_METHODS = ("GET", "HEAD")
_OPEN_PATHS = ("/healthz", "/health", "/readyz")


@dataclass(slots=True)
class FrontDoor:
    """The bounds of one port for connections that speak HTTP.

    Attributes:
        admission: Decides which handshakes are accepted, and counts what is refused.
        stalled: Aborts connections whose peers take no answer.
        untrusted: Logs proxies that the settings do not name.
        unix_peer: Stands for the address of a peer on a Unix socket: `unix:/path`; empty for TCP.
        is_internal: Whether the port is for metrics and administration: there are all methods and
            no WebSockets, and only known hosts are answered.
        body_bytes: The longest body of a request; bytes.
        spare: How many connections this port may have when the others may have no more.
        inside: The connections that came through it and still speak HTTP.
        held: Handles requests that wait for the end of `hold`; None while requests are handled.
    """

    admission: AdmissionControl
    stalled: StalledConnections
    untrusted: UntrustedProxies
    unix_peer: str = ""
    is_internal: bool = False
    body_bytes: int = 0
    spare: int = 0
    inside: set[Inside] = field(default_factory=set["Inside"])
    held: list[Callable[[], None]] | None = None

    @property
    def limits(self) -> LimitSettings:
        """The limits in force."""
        return self.admission.live.limits

    @property
    def head_bytes(self) -> int:
        """The longest head; calls of the API may have long texts in their targets."""
        return _API_HEAD_BYTES if self.is_internal else self.limits.head_bytes

    @property
    def long_head(self) -> Objection:
        """The answer to a longer head: on the internal port, that which the API documents."""
        return _LONG_API_HEAD if self.is_internal else _LONG_HEAD

    def peer_of(self, transport: asyncio.Transport) -> str:
        """Return the address at the other end of a connection; empty where it is gone already."""
        peername = transport.get_extra_info("peername")
        if not peername:
            return self.unix_peer
        return plain_peer(peername[0])

    # An upgrade

    def hold(self) -> None:
        """Let requests wait from now on, so that soon no response is incomplete."""
        if self.held is None:
            self.held = []

    def is_holding(self) -> bool:
        """Return whether requests wait for `release`."""
        return self.held is not None

    def defer(self, handle: Callable[[], None]) -> None:
        """Handle a request in a later turn, or after `release`.

        Args:
            handle: Called once, in the order in which requests were deferred.
        """
        if self.held is None:
            self.admission.budget.defer(handle)
        else:
            self.held.append(handle)

    def release(self) -> None:
        """Handle requests again, beginning with those that wait."""
        held, self.held = self.held, None
        budget = self.admission.budget
        if held:
            budget.has_time()  # begins a turn's share if there is none, which deferred ones need
        for handle in held or ():
            budget.defer(handle)

    # Connections

    def enter(self, visitor: Visitor, seconds: float | None = None) -> Objection | None:
        """Count a new connection, and start the time for its request; return why it may not stay.

        Args:
            visitor: The connection; `leave` must be called when it ends or becomes a link.
            seconds: The time that another process has left it; None for the whole time.
        """
        admission = self.admission
        admission.visitors += 1
        self.inside.add(visitor)
        addresses, peer = admission.addresses, visitor.peer
        if not (addresses.any_trusted and addresses.trusts(peer)):
            refused = self._count(visitor, peer)
            if refused is not None:
                return refused
        if not self._has_place():
            return self._refuse(RefusalCode.SERVER_FULL, peer)
        return None if admission.await_request(visitor, seconds) else BUSY

    def _refuse(self, code: RefusalCode, address: str) -> Objection:
        """Count and log a refusal."""
        _, why = self.admission.refuse(code, address)
        return Objection(code.status, why, code.retry_after)

    def _has_place(self) -> bool:
        """Return whether a file is left; a connection that is slow to ask is evicted for it."""
        admission = self.admission
        count = len(admission.engine) + admission.visitors
        return count <= admission.most_files + self.spare or admission.pending.evict_slowest()

    def leave(self, visitor: Visitor) -> None:
        """Stop counting a connection that ends or becomes a link."""
        self.admission.visitors -= 1
        self.inside.discard(visitor)
        self._uncount(visitor)

    def _uncount(self, visitor: Visitor) -> None:
        counted, visitor.counted = visitor.counted, ""
        if counted:
            self.admission.throttle.hang_up(counted)

    def dismiss(self, visitor: Dismissed, response: bytes) -> None:
        """Answer a connection with a refusal, and end it once the peer has taken that."""
        self.admission.pending.discard(visitor)
        if not visitor.transport.is_closing():
            visitor.transport.write(response)
            visitor.transport.close()
            self.stalled.watch(visitor)

    # Requests

    def recount(self, visitor: Visitor, head: RequestHead) -> Objection | None:
        """Count a connection anew by what its request says about the client, if it says anything.

        Connections of a trusted proxy count for the address that it names, while the request lasts.
        Those of a proxy on this machine that is not trusted are not exempt.

        Args:
            visitor: The connection.
            head: The request.

        Returns:
            Why the request is not answered; None where it is.
        """
        addresses, peer = self.admission.addresses, visitor.peer
        reports = reports_client(head.headers)
        visitor.is_forwarded = False
        if not (reports or addresses.any_trusted):
            return None
        if addresses.trusts(peer):
            if addresses.any_trusted and addresses.header in head.headers:
                named = addresses.of(peer, head.raw_headers) or ""
                # Handshakes are counted by `AdmissionControl.admit`.
                return None if head.wants_websocket else self._count(visitor, named)
            if not (reports and addresses.any_trusted):
                return self._count(visitor, peer)
            self.untrusted.note(peer, addresses.header)
        elif reports:
            self.untrusted.note(peer)
        else:
            return None
        visitor.is_forwarded = is_loopback(peer)
        return self._count(visitor, peer, always=visitor.is_forwarded)

    def _count(self, visitor: Visitor, address: str, *, always: bool = False) -> Objection | None:
        """Count a connection for an address in place of the one before."""
        if visitor.counted == address:
            return None
        self._uncount(visitor)
        answer = self.admission.throttle.accept(address, always)
        if answer == _CROWDED:
            return self._refuse(RefusalCode.TOO_MANY_CONNECTIONS, address)
        if answer == _ADMITTED:
            visitor.counted = address
        return None

    def end_request(self, visitor: Visitor) -> None:
        """Stop counting a proxy's connection for the address that the request named."""
        if visitor.counted != visitor.peer:
            self._uncount(visitor)

    def objection(self, head: RequestHead) -> Objection | None:
        """Return why a request is not passed to the site of this port; None where it is."""
        if not self.is_internal:
            if head.method not in _PUBLIC_METHODS:
                return METHOD
            return _NO_BODY if head.is_chunked or head.body_bytes else None
        if head.is_chunked:
            return _NO_LENGTH
        if head.body_bytes > self.body_bytes:
            return _LONG_BODY
        return None if self._knows_host(head) else self._refuse(RefusalCode.WRONG_HOST, "")

    def _knows_host(self, head: RequestHead) -> bool:
        settings = self.admission.live.settings
        names = (*settings.internal_hosts, settings.internal_host.lower())
        # A page cannot reach a Unix socket, and always names a host.
        is_free = bool(self.unix_peer) or not head.host or head.path in _OPEN_PATHS
        return is_free or is_known_host(head.host, names)
