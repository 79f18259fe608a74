"""Rooms: their participants and settings, and the staff's control of them."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from fortepiano.actions import move, room_changes
from fortepiano.http.admin.calls import (
    Admin,
    At,
    Limit,
    Moderator,
    Offset,
    Reader,
    Reason,
    RoomName,
    Settled,
    UserId,
    View,
    Wish,
    problems,
    refusals,
    saved,
)
from fortepiano.http.admin.settings_wish import SettingsWish
from fortepiano.http.problem import ProblemError
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.room import Room
from fortepiano.protocol import validate

__all__ = ["router"]

router = APIRouter(tags=["rooms"])


class RoomView(View):
    """A room, as it stands in lists."""

    name: str
    people: int = Field(description="People in it, including hidden ones.")
    settings: dict[str, bool | int | str]
    holder: str | None = Field(description="The id of the user who holds the crown.")
    special: bool = Field(description="A lobby: no crown, fixed settings.")
    permanent: bool = Field(description="Whether it outlives its people.")


class Rooms(View):
    """Rooms, the fullest first."""

    rooms: list[RoomView]
    total: int = Field(description="How many there are, those on other pages included.")


class ParticipantView(View):
    """A participant of a room."""

    user_id: str
    name: str
    color: str
    tabs: int
    hidden: bool
    muted_notes: bool
    muted_chat: bool


class Line(View):
    """A line of chat."""

    at: int
    user_id: str
    name: str
    text: str


class RoomDetails(RoomView):
    """A room, with its people and its chat."""

    participants: list[ParticipantView]
    co_owners: list[str]
    invited: list[str]
    chat: list[Line] = Field(description="The last lines, the oldest first.")


class CrownWish(Wish):
    """The new holder of the crown."""

    user_id: UserId | None = Field(description="The new holder; null drops the crown.")


class CloseWish(Wish):
    """The reason for closing a room."""

    reason: Reason


class PermanentWish(Wish):
    """Whether a room is permanent."""

    permanent: bool


@router.get("/api/rooms", summary="List and search rooms", responses=problems())
async def list_rooms(
    at: Reader,
    search: Annotated[
        str, Query(max_length=4096, description="A part of the name, in either case."), Settled
    ] = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Rooms:
    """List rooms, those with most people first."""
    wanted = search.casefold()
    found = [
        room
        for room in at.server.context.directory.rooms.values()
        if wanted in room.name.casefold()
    ]
    found.sort(key=lambda room: (-len(room.participants), room.name))
    page = found[offset : offset + limit]
    return Rooms(rooms=[_view(room) for room in page], total=len(found))


@router.get("/api/room", summary="Show a room", responses=problems(404))
async def show_room(at: Reader, name: RoomName) -> RoomDetails:
    """Show a room with its people and its chat; direct messages are left out."""
    return _details(_room(at, name))


@router.patch("/api/room/settings", summary="Change settings", responses=problems(404, 409))
async def change_settings(
    at: Moderator, name: RoomName, wish: Annotated[SettingsWish, Body()]
) -> RoomDetails:
    """Change some of a room's settings, as the holder of its crown could."""
    room = _ordinary(at, name)
    given = wish.model_dump(exclude_none=True)
    chosen = validate.settings(given)
    if chosen.keys() != given.keys():
        raise ProblemError(
            409, f"These cannot be set so: {', '.join(given.keys() - chosen.keys())}."
        )
    if "color2" in room.settings:
        chosen.setdefault("color2", room.settings["color2"])
    context = at.server.context
    context.audit(at.token, AuditAction.CHSET, room=room.name, **given)
    room_changes.change_settings(context, room, dict(chosen))
    return _details(room)


@router.put("/api/room/crown", summary="Give or drop the crown", responses=problems(404, 409))
async def give_crown(
    at: Moderator, name: RoomName, wish: Annotated[CrownWish, Body()]
) -> RoomDetails:
    """Give the crown to a participant of the room, or drop it."""
    room, context = _ordinary(at, name), at.server.context
    if wish.user_id is None:
        with refusals():
            room_changes.drop_crown(context, at.token, room)
    else:
        receiver = room.participants.get(wish.user_id)
        if receiver is None:
            raise ProblemError(404, "That user is not in the room.")
        room_changes.give_crown(context, at.token, room, receiver)
    return _details(room)


@router.delete("/api/room/chat", summary="Clear the chat", status_code=204, responses=problems(404))
async def clear_chat(at: Moderator, name: RoomName) -> Response:
    """Delete a room's chat, also from the pages of its people."""
    room_changes.clear_chat(at.server.context, at.token, _room(at, name))
    return Response(status_code=204)


@router.post(
    "/api/room/close", summary="Close a room", status_code=204, responses=problems(404, 409)
)
async def close_room(at: Moderator, name: RoomName, wish: Annotated[CloseWish, Body()]) -> Response:
    """Send everybody in a room to the lobby; the room ends as all empty rooms do."""
    room, context = _ordinary(at, name), at.server.context
    if room.is_permanent:
        raise ProblemError(409, "The room is permanent; make it an ordinary one first.")
    move.close_room(context, at.token, room, wish.reason)
    return Response(status_code=204)


@router.put(
    "/api/room/permanent",
    summary="Make a room permanent",
    status_code=204,
    responses=problems(409, 503),
)
async def make_permanent(
    at: Admin, name: RoomName, wish: Annotated[PermanentWish, Body()]
) -> Response:
    """Make a room permanent or ordinary; a permanent room is created if it does not exist."""
    with refusals(missing=409):
        room_changes.set_permanent(at.server.context, at.token, name, is_permanent=wish.permanent)
    await saved(at)
    return Response(status_code=204)


def _room(at: At, name: str) -> Room:
    room = at.server.context.directory.rooms.get(name)
    if room is None:
        raise ProblemError(404, "There is no such room.")
    return room


def _ordinary(at: At, name: str) -> Room:
    room = _room(at, name)
    if room.is_special:
        raise ProblemError(409, "A lobby has no crown, and its settings are fixed.")
    return room


def _view(room: Room) -> RoomView:
    return RoomView(**_facts(room))  # type: ignore[arg-type]  # the model checks the types


def _facts(room: Room) -> dict[str, object]:
    return {
        "name": room.name,
        "people": len(room.participants),
        "settings": dict(room.settings),
        "holder": room.holder.user.id if room.holder is not None else None,
        "special": room.is_special,
        "permanent": room.is_permanent,
    }


def _details(room: Room) -> RoomDetails:
    people: list[ParticipantView] = []
    for participant in room.participants.values():
        user, mute = participant.user, room.mutes.get(participant.user.id)
        people.append(
            ParticipantView(
                user_id=user.id,
                name=user.name,
                color=user.color,
                tabs=len(participant.tabs),
                hidden=user.is_hidden,
                muted_notes=mute is not None and mute.notes,
                muted_chat=mute is not None and mute.chat,
            )
        )
    chat = [
        Line(at=line["t"], user_id=line["p"]["_id"], name=line["p"]["name"], text=line["a"])
        for line in room.history
        if line["m"] == "a"
    ]
    return RoomDetails(
        **_facts(room),  # type: ignore[arg-type]  # the model checks the types
        participants=people,
        co_owners=sorted(room.co_owners),
        invited=sorted(room.invited),
        chat=chat,
    )
