"""Settings that open the server to others more than is meant: salts, proxies, the internal port."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING

from fortepiano.config.finding import Finding
from fortepiano.config.known_networks import is_too_wide, missing_of_cloudflare, parsed
from fortepiano.config.section import UNIX
from fortepiano.config.sources import Keys, Origin

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["exposure_findings", "is_placeholder"]

MAPPED = "::ffff:"
"""The text before IPv4 addresses as Node has them, part of the first salt for ids made there."""

# Placeholders for secrets in examples and templates, also those of the server this one replaces.
_PLACEHOLDER = re.compile(
    r"(change_?me|replace_?me|your_.*|(some|another)_random_string|(your_)?salt(_?here)?"
    r"|secret|default|example|placeholder|todo|x+)_?\d*",
    re.IGNORECASE,
)

_LEAST_CHARACTERS = 16
_LEAST_BITS = 48

_SALTS: tuple[Keys, Keys] = ("salt1",), ("salt2",)


def is_placeholder(secret: str) -> bool:
    """Return whether a secret is one that stands in examples.

    Args:
        secret: A salt.
    """
    return _PLACEHOLDER.fullmatch(re.sub(r"[\s-]", "_", secret)) is not None


def exposure_findings(settings: "Settings", origins: Mapping[Keys, Origin]) -> Iterator[Finding]:
    """Yield what opens the server more than is meant.

    Args:
        settings: All settings.
        origins: Where each setting comes from.
    """
    yield from _salts(settings)
    yield from _salts_of_node(settings, origins)
    yield from _networks(settings)
    yield from _internal_host(settings.internal_host)


def _salts(settings: "Settings") -> Iterator[Finding]:
    """Yield a warning if the salts can be found by trying; together they are one secret."""
    salts = settings.salt1.get_secret_value(), settings.salt2.get_secret_value()
    if salts == ("", "") or settings.node_env == "development":
        return
    parts = [salt.removesuffix(MAPPED) for salt in salts]
    secret = "".join(part for part in parts if part != "undefined" and not is_placeholder(part))
    if _is_weak(secret):
        text = (
            "the salts are easily guessed, and then the address behind each user id is found by"
            f" trying; both together need {_LEAST_CHARACTERS} characters or more without a pattern,"
            " or leave both out and they are made. Other salts change all ids"
        )
        yield Finding(_SALTS, text)


def _is_weak(secret: str) -> bool:
    """Return whether a secret is short, or has few different characters or steps between them."""
    steps = [ord(after) - ord(before) for before, after in pairwise(secret)]
    bits = min(_bits(secret), _bits(steps))
    return len(secret) < _LEAST_CHARACTERS or bits < _LEAST_BITS


def _bits(sequence: Sequence[object]) -> float:
    """Return the entropy of a sequence by how often its members occur."""
    total = len(sequence)
    return sum(count * log2(total / count) for count in Counter(sequence).values())


def _salts_of_node(settings: "Settings", origins: Mapping[Keys, Origin]) -> Iterator[Finding]:
    """Yield a warning if the `.env` of quick-mpp-server is used as it is."""
    names = {origins[key].name for key in (("port",), *_SALTS) if key in origins}
    if names >= {"WS_PORT", "SALT1"} and not settings.salt1.get_secret_value().endswith(MAPPED):
        text = (
            "if these are the variables of quick-mpp-server, all ids change: it hashed"
            f" `{MAPPED}` before an IPv4 address, so write {MAPPED} at the end of SALT1"
            " (docs/moving.md)"
        )
        yield Finding((("salt1",),), text)


def _networks(settings: "Settings") -> Iterator[Finding]:
    key = ("proxy", "trusted")
    trusted = [parsed(text) for text in settings.proxy.trusted if not text.startswith(UNIX)]
    for network in filter(is_too_wide, trusted):
        text = (
            f"{network} is a good part of the internet: everybody there may claim to be any"
            " address, and so evades bans and limits; name the addresses of your proxies"
        )
        yield Finding((key,), text)
    missing = missing_of_cloudflare(trusted)
    if missing:
        text = (
            f"lacks {len(missing)} of Cloudflare's networks, such as {missing[0]}: all people"
            " behind those are one user"
        )
        yield Finding((key,), text)
    for network in filter(is_too_wide, map(parsed, settings.limits.exempt)):
        text = f"{network} is a good part of the internet, which then has no limits at all"
        yield Finding((("limits", "exempt"),), text)


def _internal_host(host: str) -> Iterator[Finding]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return  # a name or a Unix socket
    if address.is_unspecified or address.is_global:
        text = (
            f"{host} lets others reach metrics and administration, in plain HTTP: take 127.0.0.1"
            " and a tunnel or a proxy with TLS, or keep strangers away by a firewall"
        )
        yield Finding((("internal_host",),), text)
