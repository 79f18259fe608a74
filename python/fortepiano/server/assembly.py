"""Builds the parts of a server from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fortepiano.config.live import Live
from fortepiano.config.parts import Part, settings_of
from fortepiano.model.ban_bounds import BanBounds
from fortepiano.model.ban_list import BanList
from fortepiano.model.directory import Directory
from fortepiano.model.identity import Identity
from fortepiano.model.rates import Rates
from fortepiano.model.tokens import TokenWatch
from fortepiano.model.world import World
from fortepiano.native import (
    Bans,
    Hub,
    HubSettings,
    MessageRates,
    Throttle,
    ThrottleSettings,
    subscriber,
)
from fortepiano.observe.events import Events
from fortepiano.protocol.audit_log import AuditLog
from fortepiano.protocol.chat_archive import Archive
from fortepiano.protocol.clock import Clock
from fortepiano.protocol.context import Context
from fortepiano.protocol.outbound import Outbound
from fortepiano.protocol.output_budget import OutputBudget
from fortepiano.protocol.room_list import RoomList
from fortepiano.protocol.store_migration import respell
from fortepiano.protocol.text_filter import TextFilter
from fortepiano.protocol.waiting_messages import WaitingMessages

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config import Settings
    from fortepiano.store.base import Store
    from fortepiano.store.keyring import KeyRing

__all__ = [
    "Foundation",
    "context_on",
    "make_context",
    "make_foundation",
    "make_hub",
    "make_hub_settings",
    "make_throttle",
    "make_throttle_settings",
    "salts_of",
]


def make_hub_settings(settings: Settings) -> HubSettings:
    """Return what the hub takes of the settings.

    Raises:
        ValueError: The hub takes other settings than those that are marked as its own.
    """
    return HubSettings(**settings_of(Part.HUB, settings))


def make_throttle_settings(settings: Settings) -> ThrottleSettings:
    """Return what the throttle takes of the settings.

    Raises:
        ValueError: The throttle takes other settings than those that are marked as its own.
    """
    return ThrottleSettings(**settings_of(Part.THROTTLE, settings))


def make_hub(settings: Settings) -> Hub:
    """Return a hub without connections."""
    return Hub(make_hub_settings(settings))


def make_throttle(settings: Settings) -> Throttle:
    """Return a throttle that has counted nothing yet."""
    return Throttle(make_throttle_settings(settings))


def salts_of(settings: Settings, store: Store) -> tuple[str, str]:
    """Return the salts of user ids: those of the settings or, without those, of the store."""
    salts = settings.salt1.get_secret_value(), settings.salt2.get_secret_value()
    return salts if any(salts) else store.salts()


def _make_identity(settings: Settings, store: Store, keys: KeyRing) -> Identity:
    """Return the identities."""
    return Identity(
        settings.identity_mode,
        *salts_of(settings, store),
        subscriber,
        keys=keys.keys,
        token_days=settings.identity.token_days,
    )


def _ban_bounds(live: Live) -> BanBounds:
    return BanBounds(live.limits.bans_per_room, live.limits.room_bans)


class Foundation(NamedTuple):
    """The parts of a context that take the longer to make the more the store holds.

    Attributes:
        live: The settings in force.
        store: What survives a restart.
        identity: Makes user ids.
        bans: The bans in force.
    """

    live: Live
    store: Store
    identity: Identity
    bans: BanList


def make_foundation(
    settings: Settings, store: Store, keys: KeyRing, *, identity: Identity | None = None
) -> Foundation:
    """Return what a context rests on, and bring the store's texts into their present form.

    Args:
        settings: All settings.
        store: What survives a restart; it may only be read yet.
        keys: The signing keys of browsers' tokens.
        identity: The identities; None to make them of the settings.
    """
    live = Live(settings)
    respell(store)
    identity = identity or _make_identity(settings, store, keys)
    bans = BanList(Bans(), store, identity.network_ids, lambda: _ban_bounds(live))
    return Foundation(live, store, identity, bans)


def make_context(
    settings: Settings,
    store: Store,
    keys: KeyRing,
    later: Callable[[float, Callable[[], None]], object],
    stop: Callable[[], None],
    *,
    identity: Identity | None = None,
    **parts: Any,
) -> Context:
    """Return the context of a server: the world as the store describes it, and ways to change it.

    Args:
        settings: All settings.
        store: What survives a restart.
        keys: The signing keys of browsers' tokens.
        later: Calls a function after a number of seconds.
        stop: Stops the server.
        identity: The identities; None to make them of the settings.
        parts: See `context_on`.
    """
    foundation = make_foundation(settings, store, keys, identity=identity)
    return context_on(foundation, later, stop, **parts)


def context_on(
    foundation: Foundation,
    later: Callable[[float, Callable[[], None]], object],
    stop: Callable[[], None],
    *,
    hub: Hub | None = None,
    throttle: Throttle | None = None,
    outbound: type[Outbound] = Outbound,
) -> Context:
    """Return the context of a server on its foundation.

    Args:
        foundation: The store and what is made of it.
        later: Calls a function after a number of seconds.
        stop: Stops the server.
        hub: The hub; None to make one of the settings. Tests give this part and the next two.
        throttle: The throttle; None to make one of the settings.
        outbound: The class that sends messages to clients.
    """
    live, store, identity, bans = foundation
    settings, events = live.settings, Events()
    hub = make_hub(settings) if hub is None else hub
    clock = Clock(hub.now_ms, later)
    directory = Directory(hub, store, live)
    archive = Archive(store, live)
    archive.restore(directory.rooms.values())
    sender, shared = outbound(hub, live, clock), MessageRates()
    budget = OutputBudget(live, shared)
    return Context(
        live=live,
        clock=clock,
        hub=hub,
        directory=directory,
        world=World(hub, directory, live),
        bans=bans,
        identity=identity,
        throttle=make_throttle(settings) if throttle is None else throttle,
        store=store,
        archive=archive,
        outbound=sender,
        room_list=RoomList(sender, live, bans, clock),
        filter=TextFilter(settings.words_file),
        events=events,
        audit=AuditLog(store, events, clock),
        budget=budget,
        waiting=WaitingMessages(budget, clock, subscriber),
        stop=stop,
        tokens=TokenWatch(store),
        rates=Rates(shared),
    )
