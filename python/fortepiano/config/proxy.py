"""Whose word is taken for who connects."""

from typing import Literal

from pydantic import Field

from fortepiano.config.section import Proxies, Section

__all__ = ["ProxySettings"]


class ProxySettings(Section):
    """The section `proxy`: whose word is taken for who connects."""

    trusted: Proxies = Field(
        default=(),
        description="Networks of proxies, and Unix sockets as `unix:/path`, that tell the real"
        " address. Nobody else is believed, loopback included.",
    )
    header: Literal["x-forwarded-for", "forwarded", "x-real-ip", "none"] = Field(
        default="x-forwarded-for",
        description="The one header in which they tell it. A proxy passes on the others as any"
        " client wrote them, so they are not looked at.",
    )
    protocol: bool = Field(
        default=False,
        description="Whether connections of trusted proxies begin with the PROXY protocol, 1 or 2.",
    )
