"""Bans from rooms and from the site."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import BeforeValidator, Field

from fortepiano.actions.ban import ban_from_room, ban_from_site, unban
from fortepiano.http.admin.calls import (
    Limit,
    Moderator,
    Offset,
    Reader,
    Reason,
    Settled,
    View,
    Wish,
    problems,
    refusals,
    saved,
    whole,
)
from fortepiano.http.problem import ProblemError
from fortepiano.model.ban_list import SITE
from fortepiano.store.base import BanRecord

__all__ = ["router"]

router = APIRouter(tags=["bans"])

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
    if wish.network is not None and wish.room != SITE:
        raise ProblemError(
            409, "The network of a user is banned with the user, from the whole site."
        )
    context, length = at.server.context, None if wish.seconds is None else wish.seconds * 1000
    with refusals(missing=409):
        if wish.room == SITE:
            record, _ = ban_from_site(
                context, at.token, wish.subject, length, reason=wish.reason, bits=wish.network
            )
        else:
            record = ban_from_room(context, at.token, wish.room, wish.subject, length, wish.reason)
    await saved(at)
    return _view(record)


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
    if not unban(at.server.context, at.token, room, who):
        raise ProblemError(404, "There is no such ban.")
    await saved(at)
    return Response(status_code=204)


def _view(ban: BanRecord) -> Ban:
    return Ban(
        room=ban.room,
        subject=ban.subject,
        until=ban.until,
        by=ban.by,
        reason=ban.reason,
        at=ban.at,
    )
