"""The section `identity`: how users are recognised."""

from typing import Literal, TypeAlias

from pydantic import Field

from fortepiano.config.section import Section

__all__ = ["IdentityMode", "IdentitySettings"]

IdentityMode: TypeAlias = Literal["ip", "token", "random"]
"""The mark by which a user is recognised: their address, a token in their browser, or nothing."""


class IdentitySettings(Section):
    """The section `identity`: how users are recognised."""

    mode: IdentityMode | None = Field(
        default=None,
        description="How a user is recognised: by address (`ip`), by a token that the browser"
        " stores (`token`), not at all (`random`). Unset for `ip`, or `random` with"
        " NODE_ENV=development.",
    )
    token_days: int = Field(
        default=365, ge=1, le=36_500, description="How long a browser's token lasts; days."
    )
    keys_kept: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Signing keys that are accepted, the newest included; keys.",
    )
