"""Bans from rooms and from the site."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import BeforeValidator, Field

from fortepiano.actions.refusal import RefusedError
from fortepiano.handlers import staff
from fortepiano.http.admin.calls import (
    At,
    Limit,
    Moderator,
    Offset,
    Reader,
    Reason,
    Settled,
    View,
    Wish,
    problems,
    saved,
    whole,
)
from fortepiano.http.problem import ProblemError
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.ban_list import SITE, is_network, parse_subject
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import staff_scope
from fortepiano.protocol.context import Context
from fortepiano.store.base import BanRecord

__all__ = ["router"]

router = APIRouter(tags=["bans"])

_DAY_SECONDS = 86_400
_LONGEST_SECONDS = 10 * 366 * 86_400


class Ban(View):
    """A ban from a room or from the whole site."""

    room: str = Field(description="The room's name; empty for the whole site.")
    subject: str = Field(description="A user id, or a network.")
    until: int | None = Field(description="When it ends; null for never.")
    by: str = Field(description="The id of the user or token that made the ban.")
    reason: str
    at: int


class Bans(View):
    """Bans, the newest first."""

    bans: list[Ban]
    total: int = Field(description="How many there are, those on other pages included.")


class BanWish(Wish):
    """The ban to make."""

    subject: str = Field(
        min_length=1,
        max_length=64,
        description="A user id; from the whole site also an address or a network.",
    )
    room: Annotated[str, Settled] = Field(
        default=SITE, max_length=4096, description="A room's name; empty for the whole site."
    )
    seconds: Annotated[int, Field(ge=1, le=_LONGEST_SECONDS), BeforeValidator(whole)] | None = (
        Field(default=None, description="For how long; null for ever.")
    )
    network: Literal[24, 48, 56, 64] | None = Field(
        default=None,
        description="Also bans the network around a user, who must be connected, from the whole"
        " site: its length in bits. With IPv4, 64 bans the address and any other value the /24;"
        " with IPv6, 24 bans the /56.",
    )
    reason: Reason


@router.get("/api/bans", summary="List and search bans", responses=problems())
async def list_bans(
    at: Reader,
    room: Annotated[
        str | None,
        Query(max_length=4096, description="Only those of this room; empty for the whole site."),
        Settled,
    ] = None,
    search: Annotated[
        str, Query(max_length=512, description="A part of the subject or the reason.")
    ] = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Bans:
    """List the bans that are in force, the newest first."""
    context, wanted = at.server.context, search.casefold()
    now = context.now()
    found = [
        ban
        for ban in context.bans.all()
        if (ban.until is None or now < ban.until)
        and room in (None, ban.room)
        and (wanted in ban.subject or wanted in ban.reason.casefold())
    ]
    found.sort(key=lambda ban: (-ban.at, ban.room, ban.subject))
    page = found[offset : offset + limit]
    return Bans(bans=[_view(ban) for ban in page], total=len(found))


@router.post("/api/bans", summary="Ban", status_code=201, responses=problems(409, 503))
async def ban(at: Moderator, wish: Annotated[BanWish, Body()]) -> Ban:
    """Ban a user or a network from a room or the whole site, and disconnect or move them.

    A new ban replaces an old one. It applies at once; the answer comes when it is on the disk.
    """
    context = at.server.context
    try:
        who = parse_subject(wish.subject)
    except ValueError as error:
        raise ProblemError(409, f"{error}.") from error
    if is_network(who) and wish.room != SITE:
        raise ProblemError(409, "A network can be banned from the whole site only.")
    if is_network(who) and at.token.scope != "admin":
        raise ProblemError(403, "Only a token of the scope admin may ban networks.")
    around = _around(at, wish, who)
    now = context.now()
    until = None if wish.seconds is None else now + wish.seconds * 1000
    record = BanRecord(wish.room, who, until, at.token.id, wish.reason, now)
    context.audit(
        at.token,
        AuditAction.KICKBAN if wish.room != SITE else AuditAction.SITEBAN,
        room=wish.room,
        subject=who,
        reason=wish.reason,
        until=until,
        **({} if wish.network is None else {"network": f"/{wish.network}"}),
    )
    if wish.room == SITE:
        staff.ban_from_site(context, record, around)
    else:
        context.bans.ban(record)
        staff.enforce_bans(context)
    _update_list(context, wish.room)
    await saved(at)
    return _view(record)


def _around(at: At, wish: BanWish, who: str) -> list[str]:
    """Return the ids of the networks that are to be banned together with a user."""
    if wish.network is None:
        return []
    if wish.room != SITE or is_network(who):
        raise ProblemError(
            409, "The network of a user is banned with the user, from the whole site."
        )
    is_long = wish.seconds is None or wish.seconds > _DAY_SECONDS
    if is_long and at.token.scope != "admin":
        raise ProblemError(403, "Only an admin bans a network for longer than a day.")
    try:
        return staff.networks_of(at.server.context, staff_scope(at.token), who, wish.network)
    except RefusedError as refused:
        status = 403 if refused.code == Code.NOT_ALLOWED else 409
        raise ProblemError(status, refused.why) from None


@router.delete("/api/bans", summary="Lift a ban", status_code=204, responses=problems(404, 503))
async def lift(
    at: Moderator,
    who: Annotated[
        str, Query(alias="subject", max_length=64, description="Whom; as the list has it.")
    ],
    room: Annotated[
        str, Query(max_length=4096, description="A room's name; empty for the whole site."), Settled
    ] = SITE,
) -> Response:
    """Lift a ban."""
    context = at.server.context
    if not context.bans.lift(room, who):
        raise ProblemError(404, "There is no such ban.")
    context.audit(
        at.token,
        AuditAction.UNBAN if room != SITE else AuditAction.SITEUNBAN,
        room=room,
        subject=who,
    )
    _update_list(context, room)
    await saved(at)
    return Response(status_code=204)


def _update_list(context: Context, name: str) -> None:
    """Update a room in the room list, which shows users the rooms from which they are banned."""
    room = context.directory.rooms.get(name)
    if room is not None:
        context.room_list.note_change(room)


def _view(ban: BanRecord) -> Ban:
    return Ban(
        room=ban.room,
        subject=ban.subject,
        until=ban.until,
        by=ban.by,
        reason=ban.reason,
        at=ban.at,
    )
