"""The server itself: its status, its settings, and the audit log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query

from fortepiano import __version__
from fortepiano.config.running import MASK, ReloadReport, shown
from fortepiano.errors import FortepianoError, StoreError
from fortepiano.http.admin.calls import Admin, Limit, Reader, View, problems
from fortepiano.http.problem import ProblemError
from fortepiano.model.audit_actions import find_acts
from fortepiano.store.base import AuditQuery

__all__ = ["reloading", "router", "status_of"]

router = APIRouter(tags=["server"], responses=problems())
reloading = APIRouter(tags=["server"], responses=problems(409))

_SECRETS = frozenset({"salt1", "salt2"})
_HUNDRED_YEARS_MS = 4_102_444_800_000
_Moment = Annotated[int | None, Query(ge=0, le=_HUNDRED_YEARS_MS)]
_Word = Annotated[str | None, Query(max_length=4096)]


class Status(View):
    """The status of the server."""

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
    """One act of the staff, or of a moderator of a room."""

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
    """The settings, with secrets masked."""

    settings: dict[str, Any]


class Reloaded(View):
    """The changes that a reload has made, or would make: old and new values, by dotted name."""

    changed: dict[str, list[Any]]
    waiting: dict[str, list[Any]]
    """Settings that differ too, but need a restart."""
    handlers: bool
    """Whether the handlers have changed."""


def status_of(at: Reader) -> Status:
    """Return the status of a server."""
    server, context = at.server, at.server.context
    gauges, stats = context.hub.gauges(), context.hub.stats()
    problem = server.readiness_problem()
    return Status(
        version=__version__,
        started=server.started,
        now=context.now(),
        ready=problem is None,
        why_not_ready=problem,
        clients=gauges["clients"],
        sockets=gauges["connections"],
        rooms=len(context.directory.rooms),
        users=len(context.directory.users),
        participants=gauges["people"],
        queue_bytes=gauges["queue_bytes"],
        longest_queue_bytes=gauges["longest_queue_bytes"],
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
    """Show the status of the server: people, rooms, queues, and counters since the start."""
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
        records = await asyncio.to_thread(find_acts, at.server.context.store, query)
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
    return Audit(acts=acts)


@router.get("/api/configuration", summary="What is set")
async def configuration(at: Admin) -> Configuration:
    """Show all settings in force, with secrets masked."""
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
    """Read the settings again, and show the differences from those in force."""
    return await _reloaded(at.server.reload.preview)


@reloading.post("/api/configuration/reload", summary="Read the settings anew")
async def reload(at: Admin) -> Reloaded:
    """Reload settings and handlers, and show the changes; if any are wrong, nothing changes."""
    return await _reloaded(at.server.reload)


async def _reloaded(act: Callable[[], Awaitable[ReloadReport]]) -> Reloaded:
    try:
        report = await act()
    except FortepianoError as error:
        raise ProblemError(409, str(error)) from error
    return Reloaded(
        changed=_shown(report.changed), waiting=_shown(report.waiting), handlers=report.handlers
    )


def _shown(changes: dict[str, tuple[object, object]]) -> dict[str, list[Any]]:
    return {name: [shown(old), shown(new)] for name, (old, new) in changes.items()}
