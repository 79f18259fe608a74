"""The section `proxy`: the proxies that report the addresses of clients."""

from typing import Literal

from pydantic import Field

from fortepiano.config.section import Proxies, Section

__all__ = ["ProxySettings"]


class ProxySettings(Section):
    """The section `proxy`: the proxies that report the addresses of clients."""

    trusted: Proxies = Field(
        default=(),
        description="Networks of proxies, and Unix sockets as `unix:/path`, that report the address"
        " of the client. No other peer is believed, loopback included.",
    )
    header: Literal["x-forwarded-for", "forwarded", "x-real-ip", "none"] = Field(
        default="x-forwarded-for",
        description="The one header in which proxies report the address. They pass on the others as"
        " any client wrote them, so those are ignored.",
    )
    protocol: bool = Field(
        default=False,
        description="Whether connections of trusted proxies begin with the PROXY protocol, 1 or 2.",
    )
