"""Settings that contradict each other: pairs of which both cannot be meant."""

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from fortepiano.config.finding import Finding
from fortepiano.config.limits import SHARED, LimitSettings
from fortepiano.config.rules import Rules
from fortepiano.config.section import UNIX
from fortepiano.config.sources import Keys

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["pair_findings"]

_CLOCK_MS = 20_000
"""How often clients send `t` (docs/protocol.md); milliseconds."""

_QUOTAS: Final = ("quota_lobby", "quota_normal", "quota_holder")


def pair_findings(settings: "Settings") -> Iterator[Finding]:
    """Yield the contradictions in settings.

    Args:
        settings: All settings.
    """
    for check in _CHECKS:
        yield from check(settings)


def _more(
    settings: "Settings",
    few: Keys,
    many: Keys,
    why: str,
    *,
    is_error: bool = False,
) -> Iterator[Finding]:
    """Yield a finding if the first setting is greater than the second, which bounds it."""
    low, high = _value(settings, few), _value(settings, many)
    if low > high:
        text = f"{low} is more than {'.'.join(many)}, {high}: {why}"
        yield Finding((few, many), text, is_error)


def _value(settings: "Settings", keys: Keys) -> float:
    found: object = settings
    for key in keys:
        found = getattr(found, key)
    assert isinstance(found, int | float)  # noqa: S101 - for the type checker
    return found


def _ports(settings: "Settings") -> Iterator[Finding]:
    """Yield an error if both ports are one."""
    keys = (("internal_port",), ("port",), ("internal_host",), ("host",))
    here, there = settings.host, settings.internal_host
    if here.startswith(UNIX) or there.startswith(UNIX):
        if here == there:
            text = f"{there} is the public socket too: the internal one needs another path"
            yield Finding((("internal_host",), ("host",)), text, is_error=True)
    elif settings.port == settings.internal_port != 0 and _overlap(here, there):
        text = (
            f"{settings.port} is the public port too: metrics and administration need another one"
        )
        yield Finding(keys, text, is_error=True)


def _overlap(one: str, other: str) -> bool:
    """Return whether two hosts can be one address; `::` takes the addresses of IPv4 as well."""
    names = {"localhost": "127.0.0.1"}
    try:
        first = ipaddress.ip_address(names.get(one, one))
        second = ipaddress.ip_address(names.get(other, other))
    except ValueError:
        return True  # a name may be any address
    if first == second or any(it.version == 6 and it.is_unspecified for it in (first, second)):
        return True
    return first.version == second.version and (first.is_unspecified or second.is_unspecified)


def _lag(settings: "Settings") -> Iterator[Finding]:
    soft, hard = ("limits", "lag_soft_bytes"), ("limits", "lag_hard_bytes")
    why = "a reader would be closed before it is spared"
    yield from _more(settings, soft, hard, why, is_error=True)


def _sockets(settings: "Settings") -> Iterator[Finding]:
    """Yield limits of sockets that a narrower limit makes pointless."""
    of_address = ("limits", "sockets_per_address")
    limits = [
        (("limits", "sockets_per_48"), "an address of IPv6 cannot have so many"),
        (("limits", "connections_per_address"), "a socket is a connection, too"),
    ]
    for limit, why in limits:
        yield from _more(settings, of_address, limit, why)
    if settings.limits.sockets:
        why = "the server takes no more"
        yield from _more(settings, of_address, ("limits", "sockets"), why)
    why = "one room could hold more bans than all rooms together"
    yield from _more(settings, ("limits", "bans_per_room"), ("limits", "room_bans"), why)


def _sizes(settings: "Settings") -> Iterator[Finding]:
    """Yield messages that are allowed by one limit and forbidden by another."""
    limits = settings.limits
    longest = ("limits", "message_bytes")
    if limits.message_bytes > limits.bytes_per_second * limits.burst_seconds:
        keys = (longest, ("limits", "bytes_per_second"), ("limits", "burst_seconds"))
        text = (
            f"{limits.message_bytes} is more than may come at once,"
            f" {limits.bytes_per_second * limits.burst_seconds:g}"
            " (limits.bytes_per_second times burst_seconds): so long a message ends with 4002"
        )
        yield Finding(keys, text)
    why = "so much cannot come in one message"
    yield from _more(settings, ("rules", "custom_bytes"), longest, why)


def _shared(settings: "Settings") -> Iterator[Finding]:
    """Yield limits that are set to less than `people_per_address` needs."""
    people = settings.limits.people_per_address
    if not people:
        return
    needed = LimitSettings(people_per_address=people)
    small = [
        ("limits", name)
        for name in SHARED
        if getattr(settings.limits, name) < getattr(needed, name)
    ]
    key = ("limits", "people_per_address")
    if small:
        names = ", ".join(name for _, name in small)
        text = f"{people} people need more than what is set for {names}: remove those lines"
        yield Finding((key, *small), text)
    if people > 1 and settings.identity_mode == "ip":
        text = 'all who share an address are one participant, unless identity.mode is "token"'
        yield Finding((key, ("identity", "mode")), text)


def _quotas(settings: "Settings") -> Iterator[Finding]:
    why = "so many cannot be saved up, and the rest is lost"
    for name in _QUOTAS:
        yield from _more(settings, ("rules", name, "allowance"), ("rules", name, "max"), why)


def _rules(settings: "Settings") -> Iterator[Finding]:
    rules: Rules = settings.rules
    usual, ceiling = ("rules", "kickban_usual_ms"), ("rules", "kickban_ceiling_ms")
    yield from _more(settings, usual, ceiling, "bans without a time end at the ceiling")
    if 0 < rules.silence_ms <= _CLOCK_MS:
        text = (
            f"clients send a `t` every {_CLOCK_MS} ms, so all of them are closed with 4004;"
            f" 60000 leaves room, 0 switches it off"
        )
        yield Finding((("rules", "silence_ms"),), text)


def _proxies(settings: "Settings") -> Iterator[Finding]:
    """Yield settings of proxies that have no effect by themselves."""
    proxy = settings.proxy
    trusted, header, protocol = ("proxy", "trusted"), ("proxy", "header"), ("proxy", "protocol")
    if proxy.trusted and proxy.header == "none" and not proxy.protocol:
        text = "trusts proxies, but no header of theirs is read: all people behind one are one user"
        yield Finding((trusted, header), text)
    if not proxy.trusted and proxy.protocol:
        yield Finding((protocol, trusted), "no proxy is trusted, so nobody may send the header")
    if not proxy.trusted and proxy.header not in ("x-forwarded-for", "none"):
        yield Finding((header, trusted), "no proxy is trusted, so the header is not read")
    paths = [text for text in proxy.trusted if text.startswith(UNIX)]
    host = settings.host if settings.host.startswith(UNIX) else ""
    if host and host not in paths:
        text = f"{host} is not in it: all people behind that socket are one user"
        yield Finding((trusted, ("host",)), text)
    for path in paths:
        if path != host:
            text = f"{path} has no effect, since the server does not listen on it by host"
            yield Finding((trusted, ("host",)), text)


def _stores(settings: "Settings") -> Iterator[Finding]:
    """Yield settings of what is stored that the store has no use for."""
    url = settings.store.url
    if settings.store.prefix != "fortepiano" and url in ("", "memory:"):
        text = "has no effect: only keys in Redis have a prefix"
        yield Finding((("store", "prefix"), ("store", "url")), text)
    if settings.chat.keep != "none" and url == "memory:":
        text = "no chat survives a restart in memory"
        yield Finding((("chat", "keep"), ("store", "url")), text)


def _clusters(settings: "Settings") -> Iterator[Finding]:
    """Yield settings without which the nodes of a cluster would not be one server."""
    cluster, url = settings.cluster, ("cluster", "url")
    if cluster.url and settings.store.url in ("", "memory:"):
        text = "must be a Redis that all nodes of the cluster share: they have one store"
        yield Finding((("store", "url"), url), text, is_error=True)
    if cluster.processes != 1 and not cluster.url:
        text = "needs cluster.url, a Redis: several processes are nodes of a cluster"
        yield Finding((("cluster", "processes"), url), text, is_error=True)
    if not cluster.url:
        plain = type(cluster)()
        for name in ("node", "gap_ms", "lease_seconds"):
            if getattr(cluster, name) != getattr(plain, name):
                yield Finding((("cluster", name), url), "has no effect: a server alone is no node")


_CHECKS: Final = (
    *(_ports, _lag, _sockets, _sizes, _shared, _quotas, _rules, _proxies, _stores),
    _clusters,
)
