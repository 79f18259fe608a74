"""The section `store`: where the data that survives a restart is stored."""

import re
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from fortepiano.config.section import Section

__all__ = ["StoreSettings"]

_SCHEMES = (
    *("redis", "rediss", "unix"),
    *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
)


class StoreSettings(Section):
    """The section `store`: where the data that survives a restart is stored."""

    url: str = Field(
        default="",
        description=(
            "Empty for SQLite in the data folder; `redis://`, `rediss://`, `unix://`,"
            " `redis+sentinel://` or `redis+cluster://` for Redis or Valkey;"
            " `memory:` keeps nothing."
        ),
    )
    prefix: str = Field(
        default="fortepiano",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_.:/-]+$",
        description="Prefix of all keys in Redis; one server at a time uses a prefix.",
    )

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url in ("", "memory:"):
            return url
        scheme, _, rest = url.partition("://")
        if scheme not in _SCHEMES or not rest or re.search(r"\s", rest):
            # The message does not show the value, which may hold a password.
            raise ValueError(
                f"must be empty, `memory:`, or begin with one of {', '.join(_SCHEMES)}, then `://`"
            )
        try:
            _ = urlsplit(url)
        except ValueError as error:
            raise ValueError(f"is no URL: {error}") from None
        return url
