"""Admission: which connections may become links, and how a connection gets its session."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import orjson

from fortepiano.model.network_lists import NetworkLists
from fortepiano.model.session import Session
from fortepiano.native import Throttle, frame_bytes, subscriber
from fortepiano.net.authority import is_permitted_origin
from fortepiano.net.client_address import plain_peer
from fortepiano.net.refusal_codes import RefusalCode
from fortepiano.observe.logs import logger
from fortepiano.protocol.outbound import HELLO_CODE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from fortepiano.config import LimitSettings
    from fortepiano.config.live import Live
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.identity import Identity
    from fortepiano.native import Engine
    from fortepiano.net.accept_budget import AcceptBudget
    from fortepiano.net.client_address import ClientAddresses
    from fortepiano.net.deadlines import Deadlines, Pending

__all__ = ["AdmissionControl", "Admitted", "Refusal"]

_TEXT = 1
_HELLO_FRAME = frame_bytes(_TEXT, orjson.dumps([HELLO_CODE]))

_ADMITTED, _EXEMPT = Throttle.ADMITTED, Throttle.EXEMPT
_CROWDED = Throttle.CROWDED

_THROTTLED = (RefusalCode.TOO_MANY_SOCKETS, RefusalCode.CONNECT_RATE)

_ADDRESSES = 4
"""How many addresses it takes, at the least, to use up all connections."""

_SECOND_MS = 1000

_log = logger(__name__)


class Admitted(NamedTuple):
    """An admission, which must become a link or be withdrawn.

    Attributes:
        address: The IP address of the client, or `unix:/path`; never stored.
        user_id: The id of the user at this address.
        is_limited: Whether the limits per address and per client apply.
    """

    address: str
    user_id: str
    is_limited: bool


class Refusal(NamedTuple):
    """The reason why a connection is not admitted.

    Attributes:
        code: The reason as a code.
        why: One line for people.
    """

    code: RefusalCode
    why: str


_RECENT_MS = 10_000
"""How long a refused client can ask for the reason."""

_MAX_RECENT = 4096


@dataclass(slots=True)
class AdmissionControl:
    """Decides which connections become links, and counts those that do not.

    Attributes:
        engine: Makes links of connections.
        live: The settings in force.
        identity: Gives users their ids by their addresses.
        bans: All bans.
        pending: Connections that have not sent a complete request yet.
        addresses: Finds the address of a client behind trusted proxies.
        throttle: The limits per subscriber and their use.
        budget: Limits the time that new requests may take in one turn of the loop.
        most_connections: How many links the limit of open files allows.
        most_files: How many connections it allows, those that speak HTTP included.
        visitors: The number of connections that speak HTTP.
        unix_peer: Stands for the address of a client on a Unix socket: `unix:/path`.
        is_draining: Whether the server is stopping; then no connection is admitted.
        refused: The number of refused connections by reason, for the metrics.
        last_logged: When each reason was last logged; milliseconds since 1970.
        networks: Lists of networks that may not enter.
        recent_refusals: The reason and the time (milliseconds since 1970) of each address's last
            refusal by the throttle; never stored.
    """

    engine: Engine
    live: Live
    identity: Identity
    bans: BanList
    pending: Deadlines
    addresses: ClientAddresses
    throttle: Throttle
    budget: AcceptBudget
    most_connections: int = 0
    unix_peer: str = "unix:"
    most_files: int = 0
    visitors: int = 0
    is_draining: bool = False
    refused: Counter[str] = field(default_factory=Counter[str])
    last_logged: dict[str, int] = field(default_factory=dict[str, int])
    networks: NetworkLists = field(default_factory=NetworkLists)
    recent_refusals: dict[str, tuple[RefusalCode, int]] = field(
        default_factory=dict[str, tuple[RefusalCode, int]]
    )

    def limit_files(self, most_connections: int, most_files: int) -> None:
        """Bound the number of connections by the limit of open files.

        Args:
            most_connections: The most links; no address gets more than a quarter of this number.
            most_files: The most connections, those that speak HTTP included.
        """
        self.most_connections, self.most_files = most_connections, most_files
        self.throttle.limit_connections(max(1, most_connections // _ADDRESSES))

    @property
    def limits(self) -> LimitSettings:
        """The limits per client and per address in force."""
        return self.live.limits

    @property
    def most_sockets(self) -> int:
        """The largest number of links."""
        return self.live.limits.sockets or self.most_connections

    def await_request(self, connection: Pending, seconds: float | None = None) -> bool:
        """Set the deadline by which a new connection must send its request.

        Where too many connections are pending, the one that has been pending longest is evicted, so
        that a few silent clients cannot keep out all others. In a storm of honest clients all are
        too young to be evicted, and the new one is refused instead.

        Args:
            connection: The new connection.
            seconds: The time that another process has left it; None for the whole time.

        Returns:
            Whether the connection may stay.
        """
        if len(self.pending) >= self.limits.handshakes:
            self.refused["too_many_handshakes"] += 1
            if not self.pending.evict_slowest():
                return False
        self.pending.add(connection, seconds)
        return True

    def origin_refusal(self, origin: str | None, host: str, peer: str) -> Refusal | None:
        """Return why a page may not open a WebSocket; None where it may, and for programs.

        Args:
            origin: The value of `Origin`; None where there is none.
            host: The host that the request names.
            peer: The address at the other end of the socket.
        """
        permitted = self.live.settings.origins
        if origin is None or is_permitted_origin(origin, host, permitted):
            return None
        return self.refuse(RefusalCode.FOREIGN_ORIGIN, peer)

    def admit(
        self, peer: str, headers: Iterable[tuple[str, str]], *, always: bool = False
    ) -> Admitted | Refusal:
        """Decide whether a client that sent a handshake may connect.

        Args:
            peer: The address at the other end of the socket; empty for a Unix socket.
            headers: Names and values of the request as sent; read only where a proxy is trusted.
            always: Whether limits apply to an exempt address too.

        Returns:
            An admission, counted by the throttle; or a refusal, counted in `refused`.
        """
        if self.is_draining:
            return self.refuse(RefusalCode.DRAINING, peer)
        if len(self.engine) >= self.most_sockets:
            return self.refuse(RefusalCode.SERVER_FULL, peer)
        address = self._address(peer, headers)
        if address is None:
            return self.refuse(RefusalCode.BAD_PROXY_HEADER, peer)
        answer = self.throttle.connect(address, always)
        if answer != _ADMITTED and answer != _EXEMPT:
            return self.refuse(_throttled(answer), address)
        admitted = Admitted(address, self.identity.user_id(address), answer == _ADMITTED)
        if self.bans.refuses(admitted.user_id, address, self.engine.owner.now_ms()):
            self.withdraw(admitted)
            return self.refuse(RefusalCode.SITE_BAN, address)
        text = self._network_refusal(address)
        if text is not None:
            self.withdraw(admitted)
            return self.refuse(RefusalCode.LISTED_NETWORK, address, text)
        return admitted

    def _address(self, peer: str, headers: Iterable[tuple[str, str]]) -> str | None:
        """Return the client's address; None where a trusted proxy does not name it."""
        address = plain_peer(peer or self.unix_peer)
        return self.addresses.of(address, headers) if self.addresses.any_trusted else address

    def _network_refusal(self, address: str) -> str | None:
        """Return the refusal text of a listed network whose client was notified before, or None.

        A client that comes for the first time is admitted, gets a notice upon `hi`, and is closed
        with 4005.
        """
        lists = self.networks
        listed = lists.refusing(address)
        if listed is None:
            return None
        was_refused = lists.was_refused(subscriber(address), self.engine.owner.now_ms())
        return listed.refusal_text if was_refused else None

    def refusal_for(self, peer: str, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return why a client would be refused, or was refused a moment ago; count nothing.

        Args:
            peer: The address at the other end of the socket; empty for a Unix socket.
            headers: Names and values of the request as sent.

        Returns:
            `code`, the reason as a `RefusalCode`; `you`, its older name; and `words`, a text for
            people: for a listed network the network list's. Empty for a client that would be
            admitted.
        """
        address = self._address(peer, headers)
        if address is None:
            return {}
        code = self._refusal_code(address)
        if code is None:
            return {}
        listed = self.networks.refusing(address)
        words = code.words or ("" if listed is None else listed.refusal_text)
        return {"you": code.you, "words": words, "code": code.value}

    def _refusal_code(self, address: str) -> RefusalCode | None:
        """Return why the client at an address would be refused, or was a moment ago."""
        now = self.engine.owner.now_ms()
        if self.bans.refuses(self.identity.user_id(address), address, now):
            return RefusalCode.SITE_BAN
        if self.networks.refusing(address) is not None:
            return RefusalCode.LISTED_NETWORK
        if len(self.engine) >= self.most_sockets:
            return RefusalCode.SERVER_FULL
        recent, when = self.recent_refusals.get(address, (None, 0))
        if now - when < _RECENT_MS:
            return recent
        answer = self.throttle.peek(address)
        return None if answer in (_ADMITTED, _EXEMPT) else _throttled(answer)

    def withdraw(self, admitted: Admitted) -> None:
        """Withdraw an admission that does not become a link."""
        if admitted.is_limited:
            self.throttle.release(admitted.address)

    def refuse(self, code: RefusalCode, address: str, why: str = "") -> Refusal:
        """Count a refusal, and log it at most once a second for each reason.

        Args:
            code: The reason.
            address: The client's address; empty where the refusal is not about the client.
            why: One line for people; empty for that of the code.
        """
        reason = code.value
        self.refused[reason] += 1
        now = self.engine.owner.now_ms()
        if code in _THROTTLED:
            if address not in self.recent_refusals and len(self.recent_refusals) >= _MAX_RECENT:
                self.recent_refusals.clear()
            self.recent_refusals[address] = code, now
        if now - self.last_logged.get(reason, 0) >= _SECOND_MS:
            self.last_logged[reason] = now
            shown = {"address": address} if self.live.settings.privacy.keep_ips else {}
            count = self.refused[reason]
            if code is RefusalCode.SERVER_FULL:
                _log.warning("the server is full", sockets=len(self.engine), refused=count, **shown)
            else:
                _log.info("refused", reason=reason, refused=count, **shown)
        return Refusal(code, why or code.why)

    def open(
        self,
        transport: asyncio.Transport,
        admitted: Admitted,
        response: bytes,
        rest: bytes,
        *,
        is_bot: bool,
    ) -> None:
        """Make a link with a session of a connection whose handshake is accepted.

        Args:
            transport: The connection's transport, with an empty write buffer.
            admitted: The admission.
            response: The response to the handshake.
            rest: Bytes that the same read returned after the request.
            is_bot: Whether the headers name a program that no person uses directly.
        """
        link = self.engine.open(transport, response + _HELLO_FRAME)
        address, user_id, is_limited = admitted
        link.session = Session(
            link.client,
            link,
            user_id,
            address=address,
            is_bot=is_bot,
            is_limited=is_limited,
        )
        if is_limited:
            self.engine.owner.meter(link.client, address)
        transport.set_protocol(link)  # type: ignore[arg-type]  # a BufferedProtocol by its methods
        if rest:
            link.feed(rest)


def _throttled(answer: int) -> RefusalCode:
    """Return the code for an answer of the throttle that admits nobody."""
    return RefusalCode.TOO_MANY_SOCKETS if answer == _CROWDED else RefusalCode.CONNECT_RATE
