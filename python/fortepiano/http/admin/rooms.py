"""Rooms: their participants and settings, and the staff's control of them."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from fortepiano.actions import move, room_changes
from fortepiano.http.admin.calls import (
    Admin,
    Caller,
    Instant,
    Limit,
    MissingNodes,
    Moderator,
    Offset,
    Reader,
    Reason,
    RequestModel,
    ResponseModel,
    RoomName,
    Settled,
    UserId,
    in_cluster,
    problems,
    refusals,
    saved,
)
from fortepiano.http.admin.room_settings_request import RoomSettingsRequest
from fortepiano.http.problem import ProblemError
from fortepiano.model.room import Room as LiveRoom
from fortepiano.protocol import validate

__all__ = ["router"]

router = APIRouter(tags=["rooms"])


class Room(ResponseModel):
    """A room, as it stands in lists."""

    name: str
    people: int = Field(description="People in it, including hidden ones.")
    settings: dict[str, bool | int | str]
    holder: str | None = Field(description="The id of the user who holds the crown.")
    special: bool = Field(description="A lobby: no crown, fixed settings.")
    permanent: bool = Field(description="Whether it outlives its people.")
    node: str | None = in_cluster("The node that is its home; left out if it has none now.")


class RoomsResponse(ResponseModel):
    """Rooms, the fullest first."""

    rooms: list[Room]
    total: int = Field(description="How many there are, those on other pages included.")
    missing_nodes: MissingNodes = None


class Participant(ResponseModel):
    """A participant of a room."""

    user_id: str
    name: str
    color: str
    tabs: int
    hidden: bool
    muted_notes: bool
    muted_chat: bool


class ChatLine(ResponseModel):
    """A line of chat."""

    at: Instant
    user_id: str
    name: str
    text: str


class RoomResponse(Room):
    """A room, with its people and its chat."""

    participants: list[Participant]
    co_owners: list[str]
    invited: list[str]
    chat: list[ChatLine] = Field(description="The last lines, the oldest first.")


class RoomCrownRequest(RequestModel):
    """The new holder of the crown."""

    holder: UserId | None = Field(description="The new holder; null drops the crown.")


class RoomCloseRequest(RequestModel):
    """The reason for closing a room."""

    reason: Reason


class RoomPermanenceRequest(RequestModel):
    """Whether a room is permanent."""

    permanent: bool


@router.get("/rooms", summary="List and search rooms", responses=problems())
async def list_rooms(
    caller: Reader,
    search: Annotated[
        str, Query(max_length=4096, description="A part of the name, in either case."), Settled
    ] = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> RoomsResponse:
    """List rooms, those with most people first."""
    wanted = search.casefold()
    found = [room for room in caller.rooms() if wanted in room.name.casefold()]
    found.sort(key=lambda room: (-len(room.participants), room.name))
    page = caller.page(found, offset, limit)
    return RoomsResponse(rooms=[_view(caller, room) for room in page], total=len(found))


@router.get("/room", summary="Show a room", responses=problems(404))
async def show_room(caller: Reader, name: RoomName) -> RoomResponse:
    """Show a room with its people and its chat; direct messages are left out."""
    return _details(caller, _room(caller, name))


@router.patch("/room/settings", summary="Change settings", responses=problems(404, 409))
async def change_room_settings(
    caller: Moderator, name: RoomName, body: Annotated[RoomSettingsRequest, Body()]
) -> RoomResponse:
    """Change some of a room's settings, as the holder of its crown could."""
    room = _ordinary(caller, name)
    given = body.model_dump(exclude_none=True)
    chosen = validate.settings(given)
    if chosen.keys() != given.keys():
        raise ProblemError(
            409, f"These cannot be set so: {', '.join(given.keys() - chosen.keys())}."
        )
    if "color2" in room.settings:
        chosen.setdefault("color2", room.settings["color2"])
    context = caller.server.context
    room_changes.override_settings(context, caller.token, room, dict(chosen))
    return _details(caller, room)


@router.put("/room/crown", summary="Give or drop the crown", responses=problems(404, 409))
async def set_room_crown(
    caller: Moderator, name: RoomName, body: Annotated[RoomCrownRequest, Body()]
) -> RoomResponse:
    """Give the crown to a participant of the room, or drop it."""
    room, context = _ordinary(caller, name), caller.server.context
    if body.holder is None:
        with refusals():
            room_changes.drop_crown(context, caller.token, room)
    else:
        receiver = room.participants.get(body.holder)
        if receiver is None:
            raise ProblemError(404, "That user is not in the room.")
        room_changes.give_crown(context, caller.token, room, receiver)
    return _details(caller, room)


@router.delete("/room/chat", summary="Clear the chat", status_code=204, responses=problems(404))
async def clear_room_chat(caller: Moderator, name: RoomName) -> Response:
    """Delete a room's chat, also from the pages of its people."""
    room_changes.clear_chat(caller.server.context, caller.token, _room(caller, name))
    return Response(status_code=204)


@router.post("/room/close", summary="Close a room", status_code=204, responses=problems(404, 409))
async def close_room(
    caller: Moderator, name: RoomName, body: Annotated[RoomCloseRequest, Body()]
) -> Response:
    """Send everybody in a room to the lobby; the room ends as all empty rooms do."""
    room, context = _ordinary(caller, name), caller.server.context
    if room.is_permanent:
        raise ProblemError(409, "The room is permanent; make it an ordinary one first.")
    move.close_room(context, caller.token, room, body.reason)
    return Response(status_code=204)


@router.put(
    "/room/permanent",
    summary="Make a room permanent",
    status_code=204,
    responses=problems(409, 503),
)
async def set_room_permanence(
    caller: Admin, name: RoomName, body: Annotated[RoomPermanenceRequest, Body()]
) -> Response:
    """Make a room permanent or ordinary; a permanent room is created if it does not exist."""
    with refusals(missing=409):
        room_changes.set_permanent(
            caller.server.context, caller.token, name, is_permanent=body.permanent
        )
    await saved(caller)
    return Response(status_code=204)


def _room(caller: Caller, name: str) -> LiveRoom:
    room = caller.server.context.directory.rooms.get(name)
    if room is None:
        raise ProblemError(404, "There is no such room.")
    return room


def _ordinary(caller: Caller, name: str) -> LiveRoom:
    room = _room(caller, name)
    if room.is_special:
        raise ProblemError(409, "A lobby has no crown, and its settings are fixed.")
    return room


def _view(caller: Caller, room: LiveRoom) -> Room:
    return Room(**_facts(caller, room))  # type: ignore[arg-type]  # the model checks the types


def _facts(caller: Caller, room: LiveRoom) -> dict[str, object]:
    node = caller.server.cluster
    is_home = node is not None and node.followers.is_home(room.name)
    return {
        "node": caller.node if is_home else None,
        "name": room.name,
        "people": len(room.participants),
        "settings": dict(room.settings),
        "holder": room.holder.user.id if room.holder is not None else None,
        "special": room.is_special,
        "permanent": room.is_permanent,
    }


def _details(caller: Caller, room: LiveRoom) -> RoomResponse:
    people: list[Participant] = []
    for participant in room.participants.values():
        user, mute = participant.user, room.mutes.get(participant.user.id)
        people.append(
            Participant(
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
        ChatLine(at=line["t"], user_id=line["p"]["_id"], name=line["p"]["name"], text=line["a"])
        for line in room.history
        if line["m"] == "a"
    ]
    return RoomResponse(
        **_facts(caller, room),  # type: ignore[arg-type]  # the model checks the types
        participants=people,
        co_owners=sorted(room.co_owners),
        invited=sorted(room.invited),
        chat=chat,
    )
