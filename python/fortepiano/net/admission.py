"""The gate: who may pass to the engine, and how a connection becomes a link with a session."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import orjson

from fortepiano.model.network_lists import NetworkLists
from fortepiano.model.session import Session
from fortepiano.native import Throttle, frame_bytes
from fortepiano.net.client_address import canonical
from fortepiano.observe.logs import logger
from fortepiano.protocol.outbound import HELLO_CODE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from fortepiano.config import LimitSettings, Settings
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.identity import Identity
    from fortepiano.native import Engine
    from fortepiano.net.accept_budget import AcceptBudget
    from fortepiano.net.client_address import ClientAddresses
    from fortepiano.net.deadlines import Awaited, Deadlines

__all__ = ["AdmissionControl", "Admitted", "Refusal"]

_TEXT = 1
_HELLO_FRAME = frame_bytes(_TEXT, orjson.dumps([HELLO_CODE]))

_ADMITTED, _EXEMPT = Throttle.ADMITTED, Throttle.EXEMPT
_CROWDED = Throttle.CROWDED

_SECOND_MS = 1000

_log = logger(__name__)


class Admitted(NamedTuple):
    """Leave to pass; it must become a link, or be withdrawn.

    Attributes:
        address: The IP address of who asks, or `unix:/path`; never written down.
        user_id: The id of the user at this address.
        is_limited: Whether the limits of addresses and clients hold for it.
    """

    address: str
    user_id: str
    is_limited: bool


class Refusal(NamedTuple):
    """Why a connection may not pass.

    Attributes:
        reason: For metrics.
        status: The HTTP status that it gets.
        why: One line for people.
        retry_after: When to come again; seconds, 0 where that would not help.
    """

    reason: str
    status: int
    why: str
    retry_after: int = 0


_DRAINING = Refusal("draining", 503, "The server is stopping.", 5)
_FULL = Refusal("server_full", 503, "The server is full.", 30)
_UNTOLD = Refusal("bad_proxy_header", 400, "The proxy does not tell who connects.")
_TOO_MANY = Refusal("too_many_sockets", 429, "Too many connections from your address.", 10)
_TOO_FAST = Refusal("connect_rate", 429, "Too many new connections from your address.", 1)
_BANNED = Refusal("site_ban", 403, "You are banned from this site.")
_LISTED = Refusal("listed_network", 403, "")

_WORDS = {
    "banned": "You are banned from this server",
    "too_many": "Too many people from your network are here",
    "full": "The server is full",
}
"""Why somebody may not connect, as the page says it, in its reader's language if it knows that."""

_LATELY_MS = 10_000
"""How long a refusal is remembered, for them to ask why."""

_LATELY_MOST = 4096


@dataclass(slots=True)
class AdmissionControl:
    """What the front door knows.

    Attributes:
        engine: What takes connections over.
        limits: What one client may cost.
        identity: Who comes from which address.
        bans: Who is banned from the site.
        awaited: Connections whose request has not come yet.
        addresses: Who connects, where a proxy stands in between.
        throttle: What each address has cost.
        budget: The time that new requests may take in one turn of the loop.
        most_sockets: Links at once.
        name: What a peer without an address is called: `unix:` and the path that is listened on.
        is_draining: Whether the server is stopping, and lets nobody in.
        refused: How many connections were refused, by reason, for metrics.
        keeps_ips: Whether the log names addresses.
        told: When it was last logged why somebody was refused, by reason; milliseconds since 1970.
        networks: Lists of networks whose people may not enter.
        lately: Who was refused lately, why, and when; never written down.
    """

    engine: Engine
    limits: LimitSettings
    identity: Identity
    bans: BanList
    awaited: Deadlines
    addresses: ClientAddresses
    throttle: Throttle
    budget: AcceptBudget
    most_sockets: int
    name: str = "unix:"
    is_draining: bool = False
    refused: Counter[str] = field(default_factory=Counter[str])
    keeps_ips: bool = False
    told: dict[str, int] = field(default_factory=dict[str, int])
    networks: NetworkLists = field(default_factory=NetworkLists)
    lately: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    def apply(self, settings: Settings, addresses: ClientAddresses, most_sockets: int) -> None:
        """Go by other settings from now on.

        Args:
            settings: The settings.
            addresses: Finds the client's address behind the proxies that the settings trust.
            most_sockets: How many connections the limit of open files allows.
        """
        self.addresses = addresses
        self.limits = settings.limits
        self.keeps_ips = settings.privacy.keep_ips
        self.awaited.seconds = settings.limits.head_seconds
        self.most_sockets = settings.limits.sockets or most_sockets

    def expect(self, newcomer: Awaited) -> bool:
        """Wait for the request of somebody who has just connected.

        Of too many who are waited for, the one who has been slow for longest gives way, so that a
        few who never ask cannot keep out all others. An honest storm is refused instead.

        Args:
            newcomer: The connection.

        Returns:
            Whether there is a place for him.
        """
        if len(self.awaited) >= self.limits.handshakes:
            self.refused["too_many_handshakes"] += 1
            if not self.awaited.give_way():
                return False
        self.awaited.add(newcomer)
        return True

    def admit(self, peer: str, headers: Iterable[tuple[str, str]]) -> Admitted | Refusal:
        """Say whether a connection that asks for an upgrade may pass.

        Args:
            peer: The address at the other end of the socket; empty for a Unix socket.
            headers: Names and values of the request as sent; looked at only where a proxy is
                trusted.

        Returns:
            An admission, which has been counted; or a refusal, which has been too.
        """
        if self.is_draining:
            return self._refuse(_DRAINING, peer)
        if len(self.engine) >= self.most_sockets:
            return self._refuse(_FULL, peer)
        address = self._address(peer, headers)
        if address is None:
            return self._refuse(_UNTOLD, peer)
        answer = self.throttle.connect(address)
        if answer != _ADMITTED and answer != _EXEMPT:
            return self._refuse(_TOO_MANY if answer == _CROWDED else _TOO_FAST, address)
        admission = Admitted(address, self.identity.user_id(address), answer == _ADMITTED)
        if self.bans.refuses(admission.user_id, address, self.engine.owner.now_ms()):
            self.withdraw(admission)
            return self._refuse(_BANNED, address)
        listed = self._listed(address)
        if listed is not None:
            self.withdraw(admission)
            return self._refuse(_LISTED._replace(why=listed), address)
        return admission

    def _address(self, peer: str, headers: Iterable[tuple[str, str]]) -> str | None:
        """Return the address of who asks; None where a trusted proxy does not tell it."""
        address = peer or self.name
        if address.startswith("::ffff:") or "%" in address:
            # What the kernel writes is canonical but for mapped IPv4, and zones.
            address = canonical(address) or address
        return self.addresses.of(address, headers) if self.addresses.any_trusted else address

    def _listed(self, address: str) -> str | None:
        """Return why somebody's network is not let in, if they have been told in due form before.

        Those who come for the first time pass, are told upon `hi`, and are closed with 4005.
        """
        lists = self.networks
        listed = lists.keeping_out(address)
        if listed is None:
            return None
        return (
            listed.refusal_text if lists.was_refused(address, self.engine.owner.now_ms()) else None
        )

    def refusal_for(self, peer: str, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Say why a connection from there would be refused, or was a moment ago; count nothing.

        Args:
            peer: As of `admit`.
            headers: As of `admit`.

        Returns:
            `you`: `banned`, `too_many`, `full` or `network_refused`, and `words` for people, of the
            last the operator's; nothing where all is well.
        """
        you, words = self._refusal_for(peer, headers)
        return {"you": you, "words": words or _WORDS[you]} if you else {}

    def _refusal_for(self, peer: str, headers: Iterable[tuple[str, str]]) -> tuple[str, str]:
        """Return a verdict, empty where all is well, and the operator's words on it."""
        address = self._address(peer, headers)
        if address is None:
            return "", ""
        now = self.engine.owner.now_ms()
        listed = self.networks.keeping_out(address)
        if self.bans.refuses(self.identity.user_id(address), address, now):
            return "banned", ""
        if listed is not None:
            return "network_refused", listed.refusal_text
        if len(self.engine) >= self.most_sockets:
            return "full", ""
        reason, when = self.lately.get(address, ("", 0))
        was_throttled = reason in ("too_many_sockets", "connect_rate") and now - when < _LATELY_MS
        if was_throttled or self.throttle.peek(address) not in (_ADMITTED, _EXEMPT):
            return "too_many", ""
        return "", ""

    def withdraw(self, admission: Admitted) -> None:
        """Take back an admission that does not become a link."""
        if admission.is_limited:
            self.throttle.release(admission.address)

    def _refuse(self, refusal: Refusal, address: str) -> Refusal:
        """Count a refusal, and log it at most once a second for each reason."""
        reason = refusal.reason
        self.refused[reason] += 1
        now = self.engine.owner.now_ms()
        if address not in self.lately and len(self.lately) >= _LATELY_MOST:
            self.lately.clear()
        self.lately[address] = reason, now
        if now - self.told.get(reason, 0) >= _SECOND_MS:
            self.told[reason] = now
            who = {"address": address} if self.keeps_ips else {}
            count = self.refused[reason]
            if refusal is _FULL:
                _log.warning("the server is full", sockets=len(self.engine), refused=count, **who)
            else:
                _log.info("refused", reason=reason, refused=count, **who)
        return refusal

    def open(
        self,
        transport: asyncio.Transport,
        admission: Admitted,
        response: bytes,
        tail: bytes,
        *,
        is_bot: bool,
    ) -> None:
        """Turn an upgraded connection into a link with a session.

        Args:
            transport: The connection's transport, with nothing left to write.
            admission: Who it is.
            response: The answer to the upgrade request.
            tail: Bytes that came behind the request in the same read.
            is_bot: Whether no person looks at what is at the other end, as far as it says.
        """
        link = self.engine.open(transport, response + _HELLO_FRAME)
        address, user_id, is_limited = admission
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
        if tail:
            link.feed(tail)
