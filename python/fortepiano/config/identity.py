"""Who is who."""

from typing import Literal, TypeAlias

from pydantic import Field

from fortepiano.config.section import Section

__all__ = ["IdentityMode", "IdentitySettings"]

IdentityMode: TypeAlias = Literal["ip", "token", "random"]
"""What makes somebody the same user again: his address, a token in his browser, or nothing."""


class IdentitySettings(Section):
    """The section `identity`: who is who."""

    mode: IdentityMode | None = Field(
        default=None,
        description="What makes a user: his address (`ip`), a token that his browser keeps"
        " (`token`), nothing (`random`). Unset for `ip`, or `random` with NODE_ENV=development.",
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
