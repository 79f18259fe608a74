"""The section `cluster`: several servers that act as one."""

from pydantic import Field, field_validator

from fortepiano.config.section import Section
from fortepiano.config.store import ONE_REDIS, require_redis_url

__all__ = ["ClusterSettings"]


class ClusterSettings(Section):
    """The section `cluster`: several servers, its nodes, that act as one. Experimental."""

    url: str = Field(
        default="",
        description=(
            "Experimental. The Redis (7 or later) or Valkey over which the nodes of a cluster talk:"
            " `redis://`, `rediss://`, `unix://` or `redis+sentinel://`. It may be that of"
            " store.url, or one of its own, which need store nothing. Empty for a server alone."
        ),
    )
    node: str = Field(
        default="",
        max_length=100,
        pattern=r"^[!-~]*$",
        description=(
            "The name of this node, which no other node of the cluster has. Empty for the host name"
            " and the port."
        ),
    )
    gap_ms: float = Field(
        default=2.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description=(
            "The shortest time between two messages about a busy room to the other nodes; ms. What"
            " comes meanwhile goes into one message, so that the broker has 500 a second of a room"
            " at most."
        ),
    )
    lease_seconds: float = Field(
        default=6.0,
        ge=3,
        le=60,
        allow_inf_nan=False,
        description=(
            "How long a node that renews its lease no more, as it does three times within it, may"
            " stay in the cluster; seconds. Shorter ones bury nodes that only paused; longer ones"
            " keep people who are gone in their rooms."
        ),
    )

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if "+cluster://" in url:
            raise ValueError("must be one Redis, not a Redis Cluster")
        if url:
            require_redis_url(url, ONE_REDIS)
        return url
