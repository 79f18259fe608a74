"""The server itself: its status, its settings, and the audit log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from pydantic import Field

from fortepiano import __version__
from fortepiano.config.running import MASK, ReloadReport, shown
from fortepiano.errors import FortepianoError, StoreError
from fortepiano.http.admin.calls import (
    Admin,
    Instant,
    Limit,
    MissingNodes,
    Reader,
    ResponseModel,
    in_cluster,
    problems,
)
from fortepiano.http.problem import ProblemError
from fortepiano.http.running_server import RunningServer
from fortepiano.model.audit_actions import find_acts
from fortepiano.store.base import AuditQuery

__all__ = ["Details", "reloading", "router", "status_of"]

router = APIRouter(tags=["server"], responses=problems())
reloading = APIRouter(tags=["server"], responses=problems(409))

_SECRETS = frozenset({"salt1", "salt2"})
_HUNDRED_YEARS_MS = 4_102_444_800_000
_Moment = Annotated[Instant | None, Query(ge=0, le=_HUNDRED_YEARS_MS)]
Details = dict[str, str | int | bool | None]
_Word = Annotated[str | None, Query(max_length=4096)]


class ClusterStatus(ResponseModel):
    """A node of a cluster."""

    node: str = Field(description="The name of this node.")
    others: list[str] = Field(description="The names of the other nodes.")
    why_alone: str | None = Field(description="Why this node is not in the cluster now.")
    homes: int = Field(description="Rooms of which this node is the home.")
    remote_sessions: int = Field(
        description="Sessions in these rooms whose connections are on other nodes."
    )
    stays: int = Field(description="Sessions of this node in rooms of other nodes.")
    differences: list[str] = Field(description="In what this node differs from others.")


class StatusResponse(ResponseModel):
    """The status of the server."""

    version: str
    started: Instant
    now: Instant
    ready: bool
    why_not_ready: str | None
    clients: int
    sockets: int
    rooms: int
    users: int
    participants: int
    queue_bytes: int
    longest_queue_bytes: int
    store_healthy: bool
    store_error: str | None
    store_pending: int
    cluster: ClusterStatus | None = Field(description="Null for a server alone.")
    counters: dict[str, int | float] = Field(
        description="Counts since the start; those whose names end with `_ms` are times."
    )


class NodeStatus(ResponseModel):
    """A node of a cluster, as the registry and the node itself describe it."""

    name: str
    nid: int = Field(description="The number of this start of the node.")
    version: str = Field(description="Its version, as it said when it joined.")
    lease_ms: int = Field(description="How long its lease lasted a moment ago; 0 when it was over.")
    status: StatusResponse | None = Field(description="Null for a node that has not answered.")


class ClusterResponse(ResponseModel):
    """A cluster, as one of its nodes sees it."""

    node: str = Field(description="The name of the node that answers.")
    why_alone: str | None = Field(description="Why this node is not in the cluster now.")
    nodes: list[NodeStatus] = Field(description="All nodes, by name.")
    missing_nodes: list[str] = Field(description="The nodes that have not answered in a second.")


class Act(ResponseModel):
    """One act of the staff, or of a moderator of a room."""

    id: str
    at: Instant
    actor: str = Field(description="The id of the user or token that acted.")
    action: str
    room: str = Field(description="The room's name; empty for acts that concern no room.")
    subject: str = Field(description="The user or thing that was acted on; empty for none.")
    reason: str
    details: Details = Field(description="Further facts; times are milliseconds since 1970.")


class AuditResponse(ResponseModel):
    """Acts, the newest first."""

    acts: list[Act]


class ConfigurationResponse(ResponseModel):
    """The settings, with secrets masked."""

    settings: dict[str, Any]


class NodeReload(ResponseModel):
    """The changes that a reload has made at one node, or why it has made none."""

    node: str
    changed: dict[str, list[Any]] | None = None
    waiting: dict[str, list[Any]] | None = None
    handlers: bool | None = None
    problem: str | None = Field(default=None, description="Why nothing has changed there.")


class ReloadResponse(ResponseModel):
    """The changes that a reload has made, or would make: old and new values, by dotted name."""

    changed: dict[str, list[Any]]
    waiting: dict[str, list[Any]]
    """Settings that differ too, but need a restart; `handlers` if another version was installed."""
    handlers: bool
    """Whether the handlers have changed."""
    differences: list[str] | None = in_cluster("In what this node differs from others now.")
    nodes: list[NodeReload] | None = in_cluster("What each node has changed, for `all`.")
    missing_nodes: MissingNodes = None


def status_of(caller: Reader) -> StatusResponse:
    """Return the status of a server."""
    server, context = caller.server, caller.server.context
    gauges, stats = context.hub.gauges(), dict(context.hub.stats())
    flush_microseconds = stats.pop("flush_microseconds")
    problem = server.readiness_problem()
    return StatusResponse(
        version=__version__,
        started=server.started,
        now=context.now(),
        ready=problem is None,
        why_not_ready=problem,
        clients=gauges["clients"],
        sockets=gauges["connections"],
        rooms=len(context.directory.rooms),
        users=len(context.directory.users),
        participants=gauges["people"] if server.cluster is None else context.directory.people,
        queue_bytes=gauges["queue_bytes"],
        longest_queue_bytes=gauges["longest_queue_bytes"],
        store_healthy=context.store.healthy,
        store_error=context.store.last_error,
        store_pending=context.store.pending,
        cluster=_cluster_of(server),
        counters={
            **stats,
            "cold": context.counters.received.total(),
            "flush_ms": flush_microseconds / 1000,
            "lag_ms": server.metrics.lag.total * 1000,
        },
    )


def _cluster_of(server: RunningServer) -> ClusterStatus | None:
    node = server.cluster
    if node is None:
        return None
    relay = server.context.hub.relay_stats()
    return ClusterStatus(
        node=node.name,
        others=list(node.others),
        why_alone=node.trouble or None,
        homes=node.followers.counts()["homes"],
        remote_sessions=relay["remotes"],
        stays=relay["stays"],
        differences=list(node.differences),
    )


@router.get("/status", summary="How the server stands")
async def show_status(caller: Reader) -> StatusResponse:
    """Show the status of the server: people, rooms, queues, and counters since the start."""
    return status_of(caller)


@router.get("/cluster", summary="How the cluster stands", responses=problems(404))
async def show_cluster(caller: Reader) -> ClusterResponse:
    """Show all nodes of the cluster, and how each stands; a server alone has no cluster."""
    node = caller.server.cluster
    if node is None:
        raise ProblemError(404, "This server is alone: `cluster.url` is not set.")
    nodes = [
        NodeStatus(
            name=one.name,
            nid=one.nid,
            version=one.description.version,
            lease_ms=one.remaining_ms,
            status=status_of(caller) if one.name == node.name else None,
        )
        for one in sorted(node.nodes, key=lambda one: one.name)
    ]
    return ClusterResponse(
        node=node.name, why_alone=node.trouble or None, nodes=nodes, missing_nodes=[]
    )


@router.get("/audit", summary="What the staff did", responses=problems(503))
async def list_acts(
    caller: Reader,
    limit: Limit = 100,
    actor: _Word = None,
    action: _Word = None,
    room: _Word = None,
    subject: _Word = None,
    since: _Moment = None,
    before: _Moment = None,
) -> AuditResponse:
    """List acts of moderation, the newest first; `before` leads to older ones."""
    query = AuditQuery(limit, actor, action, room, subject, since, before)
    try:
        records = await asyncio.to_thread(find_acts, caller.server.context.store, query)
    except StoreError as error:
        raise ProblemError(503, f"The audit log cannot be read: {error}") from error
    acts = [
        Act(
            id=record.id,
            at=record.at,
            actor=record.actor,
            action=record.action,
            room=record.room,
            subject=record.subject,
            reason=record.reason,
            details=dict(record.details),
        )
        for record in records
    ]
    return AuditResponse(acts=acts)


@router.get("/configuration", summary="What is set")
async def show_configuration(caller: Admin) -> ConfigurationResponse:
    """Show all settings in force, with secrets masked."""
    return ConfigurationResponse(settings=_masked(caller.server.settings.model_dump(mode="json")))


def _masked(settings: dict[str, Any]) -> dict[str, Any]:
    masked: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            masked[key] = _masked(cast("dict[str, Any]", value))
        elif key in _SECRETS and value:
            masked[key] = MASK
        else:
            masked[key] = shown(value)
    return masked


@reloading.get("/configuration/changes", summary="What a reload would change")
async def preview_reload(caller: Admin) -> ReloadResponse:
    """Read the settings again, and show the differences from those in force."""
    return await _reloaded(caller, caller.server.reload.preview)


@reloading.post("/configuration/reload", summary="Read the settings anew")
async def reload_configuration(
    caller: Admin,
    all: Annotated[bool, Query(description="Whether all nodes of a cluster read theirs.")] = False,
) -> ReloadResponse:
    """Reload settings and handlers, and show the changes; if any are wrong, nothing changes."""
    _ = all  # over_nodes.py asks the others
    return await _reloaded(caller, caller.server.reload)


async def _reloaded(caller: Admin, act: Callable[[], Awaitable[ReloadReport]]) -> ReloadResponse:
    node = caller.server.cluster
    try:
        report = await act()
    except FortepianoError as error:
        raise ProblemError(409, str(error)) from error
    return ReloadResponse(
        changed=_shown(report.changed),
        waiting=_shown(report.waiting)
        | ({"handlers": [__version__, report.refused]} if report.refused else {}),
        handlers=report.handlers,
        differences=None if node is None else list(report.differences),
    )


def _shown(changes: dict[str, tuple[object, object]]) -> dict[str, list[Any]]:
    return {name: [shown(old), shown(new)] for name, (old, new) in changes.items()}
