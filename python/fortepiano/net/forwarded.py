"""Proxies that report their clients although the settings do not name them.

Such a proxy is a mistake of the settings: all people behind it have its address, and are one user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.config.section import UNIX
from fortepiano.model.addresses import parsed_address
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.config.live import Live

__all__ = ["UntrustedProxies", "is_loopback", "reports_client"]

_HEADERS = frozenset(
    {
        *("forwarded", "x-forwarded-for", "x-real-ip", "x-client-ip", "client-ip"),
        *("x-forwarded", "forwarded-for", "x-forwarded-by", "x-original-forwarded-for"),
        *("x-cluster-client-ip", "x-proxyuser-ip", "x-originating-ip", "x-remote-addr"),
        *("cf-connecting-ip", "cf-connecting-ipv6", "cf-pseudo-ipv4", "true-client-ip"),
        *("fastly-client-ip", "fly-client-ip", "do-connecting-ip", "x-nf-client-connection-ip"),
        *("x-azure-clientip", "x-azure-socketip", "x-appengine-user-ip", "x-vercel-forwarded-for"),
        *("cloudfront-viewer-address", "x-envoy-external-address", "x-sucuri-clientip"),
    }
)
"""The headers in which proxies and their hosts report the address of a client."""

_log = logger(__name__)


def reports_client(headers: Iterable[str]) -> bool:
    """Return whether one of some headers reports a client.

    Args:
        headers: The names of the headers, in lower case.
    """
    return not _HEADERS.isdisjoint(headers)


def is_loopback(address: str) -> bool:
    """Return whether an address is one of this machine's own, of which no limit is expected."""
    return address.startswith("127.") or address == "::1"


class UntrustedProxies:
    """Counts requests with reports that are ignored, and logs once how to trust the proxy.

    Peers on the internet may write such headers as they like. The log has one line for them, and
    one for proxies on this machine or in its network, so that neither hides the other.

    Args:
        live: The settings in force.

    Attributes:
        count: The number of such requests.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._logged: set[tuple[object, str]] = set()
        self.count = 0

    def note(self, peer: str, header: str = "") -> None:
        """Count a request, and log it if it is the first of its kind with these settings.

        Args:
            peer: The proxy's address, or `unix:/path`.
            header: The header that the settings name, where the proxy is trusted and sends another.
        """
        self.count += 1
        proxy = self._live.settings.proxy
        kind = "header" if header else "near" if _is_near(peer) else "far"
        if (proxy, kind) in self._logged:
            return
        self._logged = {one for one in self._logged if one[0] == proxy} | {(proxy, kind)}
        if header:
            _log.warning("forwarded: a trusted proxy does not send proxy.header", missing=header)
        elif kind == "near":
            _log.warning(
                "forwarded: a proxy reports clients, but is not in proxy.trusted; all people behind"
                " it are one user",
                add=f'[proxy] trusted = ["{peer}"]',
                unset="proxy.trusted",
            )
        else:
            shown = peer if self._live.settings.privacy.keep_ips else "its address"
            _log.info(
                "forwarded: a peer on the internet reports a client; if it is your proxy, name it",
                add=f'[proxy] trusted = ["{shown}"]',
                unset="proxy.trusted",
            )


def _is_near(peer: str) -> bool:
    """Return whether a peer is on this machine or in its network."""
    if peer.startswith(UNIX):
        return True
    try:
        return parsed_address(peer).is_private
    except ValueError:
        return False
