"""Bans from rooms and from the site."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import BeforeValidator, Field

from fortepiano.actions.ban import ban_from_room, ban_from_site, unban
from fortepiano.http.admin.calls import (
    Instant,
    Limit,
    Moderator,
    Offset,
    Reader,
    Reason,
    RequestModel,
    ResponseModel,
    Settled,
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

_LONGEST_MS = 10 * 366 * 86_400_000


class Ban(ResponseModel):
    """A ban from a room or from the whole site."""

    room: str = Field(description="The room's name; empty for the whole site.")
    subject: str = Field(description="A user id, or a network.")
    until: Instant | None = Field(description="When it ends; null for never.")
    actor: str = Field(description="The id of the user or token that made the ban.")
    reason: str
    at: Instant


class BanResponse(Ban):
    """The ban that was made."""


class BansResponse(ResponseModel):
    """Bans, the newest first."""

    bans: list[Ban]
    total: int = Field(description="How many there are, those on other pages included.")


class BanRequest(RequestModel):
    """The ban to make."""

    subject: str = Field(
        min_length=1,
        max_length=64,
        description="A user id; from the whole site also an address or a network.",
    )
    room: Annotated[str, Settled] = Field(
        default=SITE, max_length=4096, description="A room's name; empty for the whole site."
    )
    duration_ms: Annotated[int, Field(ge=1000, le=_LONGEST_MS), BeforeValidator(whole)] | None = (
        Field(default=None, description="For how long; null for ever.")
    )
    network: Literal[24, 48, 56, 64] | None = Field(
        default=None,
        description="Also bans the network around a user, who must be connected, from the whole"
        " site: its length in bits. With IPv4, 64 bans the address and any other value the /24;"
        " with IPv6, 24 bans the /56.",
    )
    reason: Reason


@router.get("/bans", summary="List and search bans", responses=problems())
async def list_bans(
    caller: Reader,
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
) -> BansResponse:
    """List the bans that are in force, the newest first."""
    context, wanted = caller.server.context, search.casefold()
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
    return BansResponse(bans=[Ban(**_facts(ban)) for ban in page], total=len(found))


@router.post("/bans", summary="Ban", status_code=201, responses=problems(409, 503))
async def create_ban(caller: Moderator, body: Annotated[BanRequest, Body()]) -> BanResponse:
    """Ban a user or a network from a room or the whole site, and disconnect or move them.

    A new ban replaces an old one. It applies at once; the answer comes when it is on the disk.
    """
    if body.network is not None and body.room != SITE:
        raise ProblemError(
            409, "The network of a user is banned with the user, from the whole site."
        )
    context, length = caller.server.context, body.duration_ms
    with refusals(missing=409):
        if body.room == SITE:
            record, _ = ban_from_site(
                context, caller.token, body.subject, length, reason=body.reason, bits=body.network
            )
        else:
            record = ban_from_room(
                context, caller.token, body.room, body.subject, length, body.reason
            )
    await saved(caller)
    return BanResponse(**_facts(record))


@router.delete("/bans", summary="Lift a ban", status_code=204, responses=problems(404, 503))
async def lift_ban(
    caller: Moderator,
    subject: Annotated[str, Query(max_length=64, description="On whom; as the list has it.")],
    room: Annotated[
        str, Query(max_length=4096, description="A room's name; empty for the whole site."), Settled
    ] = SITE,
) -> Response:
    """Lift a ban."""
    if not unban(caller.server.context, caller.token, room, subject):
        raise ProblemError(404, "There is no such ban.")
    await saved(caller)
    return Response(status_code=204)


def _facts(ban: BanRecord) -> dict[str, Any]:
    return {
        "room": ban.room,
        "subject": ban.subject,
        "until": ban.until,
        "actor": ban.by,
        "reason": ban.reason,
        "at": ban.at,
    }
