"""The section `store`: where the data that survives a restart is stored."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from fortepiano.config.section import Section

__all__ = ["ONE_REDIS", "StoreSettings", "require_redis_url"]

ONE_REDIS = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
"""The schemes of URLs of one Redis, whose channels and scripts everybody sees alike."""

_SCHEMES = (*ONE_REDIS, "redis+cluster", "rediss+cluster")


def require_redis_url(url: str, schemes: Collection[str], others: str = "") -> None:
    """Refuse a text that is no URL of a Redis.

    Args:
        url: The text.
        schemes: The schemes that are allowed.
        others: Other values that are allowed, for the message.

    Raises:
        ValueError: The text is no such URL.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in schemes or not rest or re.search(r"\s", rest):
        # The message does not show the value, which may hold a password.
        raise ValueError(
            f"must be empty, {others}or begin with one of {', '.join(schemes)}, then `://`"
        )
    try:
        _ = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None


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
        description="Prefix of all keys in Redis; one server or one cluster at a time uses it.",
    )

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url not in ("", "memory:"):
            require_redis_url(url, _SCHEMES, "`memory:`, ")
        return url
