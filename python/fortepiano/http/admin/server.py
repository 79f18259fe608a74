"""The server itself: how it stands, what is set, what the staff did."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query

from fortepiano import __version__
from fortepiano.config.running import MASK, ReloadReport, shown
from fortepiano.errors import FortepianoError, StoreError
from fortepiano.http.admin.calls import Admin, Limit, Reader, View, problems
from fortepiano.http.problem import ProblemError
from fortepiano.store.base import AuditQuery

__all__ = ["reloading", "router", "status_of"]

router = APIRouter(tags=["server"], responses=problems())
reloading = APIRouter(tags=["server"], responses=problems(409))

_SECRETS = frozenset({"salt1", "salt2"})
_HUNDRED_YEARS_MS = 4_102_444_800_000
_Moment = Annotated[int | None, Query(ge=0, le=_HUNDRED_YEARS_MS)]
_Word = Annotated[str | None, Query(max_length=4096)]


class Status(View):
    """How the server stands."""

    version: str
    started: int
    now: int
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
    counters: dict[str, int]


class Act(View):
    """One act of the staff, or of who rules a room."""

    id: str
    at: int
    actor: str
    action: str
    room: str
    subject: str
    reason: str
    details: dict[str, str | int | bool | None]


class Audit(View):
    """Acts, the newest first."""

    acts: list[Act]


class Configuration(View):
    """What is set, secrets masked."""

    settings: dict[str, Any]


class Reloaded(View):
    """What a reload has changed, or would change: old and new values, by dotted name."""

    changed: dict[str, list[Any]]
    waiting: dict[str, list[Any]]
    """What differs too, but needs a restart."""
    handlers: bool
    """Whether the handlers have changed."""


def status_of(at: Reader) -> Status:
    """Return how a server stands."""
    server, context = at.server, at.server.context
    stands, stats = context.hub.gauges(), context.hub.stats()
    why_not = server.readiness_problem()
    return Status(
        version=__version__,
        started=server.started,
        now=context.now(),
        ready=why_not is None,
        why_not_ready=why_not,
        clients=stands["clients"],
        sockets=stands["connections"],
        rooms=len(context.directory.rooms),
        users=len(context.directory.users),
        participants=stands["people"],
        queue_bytes=stands["queue_bytes"],
        longest_queue_bytes=stands["longest_queue_bytes"],
        store_healthy=context.store.healthy,
        store_error=context.store.last_error,
        store_pending=context.store.pending,
        counters={
            **stats,
            "cold": context.counters.received.total(),
            "lag_microseconds": int(server.metrics.lag.total * 1e6),
        },
    )


@router.get("/api/status", summary="How the server stands")
async def status(at: Reader) -> Status:
    """Tell how the server stands: people, rooms, queues, and counters since the start."""
    return status_of(at)


@router.get("/api/audit", summary="What the staff did", responses=problems(503))
async def audit(
    at: Reader,
    limit: Limit = 100,
    actor: _Word = None,
    action: _Word = None,
    room: _Word = None,
    subject: _Word = None,
    since: _Moment = None,
    before: _Moment = None,
) -> Audit:
    """List acts of moderation, the newest first; `before` leads to older ones."""
    query = AuditQuery(limit, actor, action, room, subject, since, before)
    try:
        records = await asyncio.to_thread(at.server.context.store.audit, query)
    except StoreError as error:
        raise ProblemError(503, f"The audit log cannot be read: {error}") from error
    acts = [
        Act(
            id=one.id,
            at=one.at,
            actor=one.actor,
            action=one.action,
            room=one.room,
            subject=one.subject,
            reason=one.reason,
            details=dict(one.details),
        )
        for one in records
    ]
    return Audit(acts=acts)


@router.get("/api/configuration", summary="What is set")
async def configuration(at: Admin) -> Configuration:
    """Show all settings as they are in force; what is secret is masked."""
    return Configuration(settings=_masked(at.server.settings.model_dump(mode="json")))


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


@reloading.get("/api/configuration/changes", summary="What a reload would change")
async def preview(at: Admin) -> Reloaded:
    """Read the settings anew, and tell what differs from those in force."""
    return await _answered(at.server.reload.preview)


@reloading.post("/api/configuration/reload", summary="Read the settings anew")
async def reload(at: Admin) -> Reloaded:
    """Take over settings and handlers, and tell what has changed; wrong ones change nothing."""
    return await _answered(at.server.reload)


async def _answered(act: Callable[[], Awaitable[ReloadReport]]) -> Reloaded:
    try:
        report = await act()
    except FortepianoError as error:
        raise ProblemError(409, str(error)) from error
    return Reloaded(
        changed=_shown(report.changed), waiting=_shown(report.waiting), handlers=report.handlers
    )


def _shown(changes: dict[str, tuple[object, object]]) -> dict[str, list[Any]]:
    return {name: [shown(old), shown(new)] for name, (old, new) in changes.items()}
