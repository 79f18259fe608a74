"""The section `cluster`: several servers that act as one."""

import os

from pydantic import Field, field_validator

from fortepiano.config.section import Section
from fortepiano.config.store import ONE_REDIS, require_redis_url

__all__ = ["ClusterSettings"]


class ClusterSettings(Section):
    """The section `cluster`: several servers, its nodes, that act as one."""

    url: str = Field(
        default="",
        description=(
            "The Redis (7 or later) or Valkey over which the nodes of a cluster talk:"
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
    processes: int = Field(
        default=1,
        ge=0,
        le=64,
        description=(
            "How many processes `fortepiano serve` runs on its port, each of them a node; 0 for as"
            " many as there are cores. More than one need cluster.url. Their names are that of"
            " cluster.node with `/1`, `/2` and so on, their internal ports those from internal_port"
            " on."
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

    @property
    def process_count(self) -> int:
        """How many processes `fortepiano serve` runs."""
        return self.processes or len(os.sched_getaffinity(0))

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if "+cluster://" in url:
            raise ValueError("must be one Redis, not a Redis Cluster")
        if url:
            require_redis_url(url, ONE_REDIS)
        return url
