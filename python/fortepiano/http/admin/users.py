"""Users and their connections, and the staff's control of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import Field

from fortepiano.actions import move
from fortepiano.actions.mute import mute
from fortepiano.actions.rename import rename
from fortepiano.actions.tag import remove_tag, set_tag
from fortepiano.http.admin.calls import (
    Admin,
    Caller,
    ColorText,
    Instant,
    Limit,
    MissingNodes,
    Moderator,
    Offset,
    Reader,
    Reason,
    RequestModel,
    ResponseModel,
    Settled,
    in_cluster,
    problems,
    refusals,
)
from fortepiano.http.problem import ProblemError
from fortepiano.model.room import Mute
from fortepiano.model.session import Session
from fortepiano.model.user import User as LiveUser
from fortepiano.model.user_ids import USER_ID
from fortepiano.protocol.validate import COLOR, SHORT_COLOR

__all__ = ["router"]

router = APIRouter(tags=["users"])

_NOT_HERE = "That user is not here."

_Id = Annotated[str, Path(pattern=f"^{USER_ID}$", description="The user's id.")]
_TagColor = Annotated[str, Field(pattern=f"^({SHORT_COLOR}|{COLOR})$")]
_RoomName = Annotated[str, Field(max_length=4096, description="A room's name."), Settled]


class Tag(RequestModel):
    """A tag that the staff add to a name."""

    text: str = Field(min_length=1, max_length=40)
    color: _TagColor


class User(ResponseModel):
    """A user who is connected."""

    id: str
    name: str
    color: str
    tag: dict[str, str] | None
    hidden: bool
    since: Instant = Field(description="When this server first saw the user.")
    connections: int
    rooms: list[str]
    scope: str | None = Field(description="The scope of the user's token, if they are staff.")
    nodes: list[str] | None = in_cluster("The nodes that have the user's connections.")


class UserResponse(User):
    """The user in question."""

    missing_nodes: MissingNodes = None


class UsersResponse(ResponseModel):
    """Users, the latest first."""

    users: list[User]
    total: int = Field(
        description="How many there are, those on other pages included. A cluster may count a user"
        " on another page once for each node."
    )
    missing_nodes: MissingNodes = None


class Connection(ResponseModel):
    """A connection."""

    id: int
    user_id: str
    name: str | None = Field(description="Null before `hi`.")
    room: str | None
    bot: bool = Field(description="Whether the client is a bot.")
    scope: str | None
    waiting_bytes: int = Field(description="Bytes that wait to be sent to the client.")
    node: str | None = in_cluster("The node that has the connection; the id is one of this node.")


class ConnectionsResponse(ResponseModel):
    """Connections, the oldest first; those of one node after those of another."""

    connections: list[Connection]
    total: int = Field(description="How many there are, those on other pages included.")
    missing_nodes: MissingNodes = None


class UserChangeRequest(RequestModel):
    """The name and colour to change to; those left out stay as they are."""

    name: str | None = Field(default=None, min_length=1, max_length=512)
    color: ColorText | None = None


class UserTagRequest(RequestModel):
    """The new tag of a user; null removes it."""

    tag: Tag | None


class UserKickRequest(RequestModel):
    """A kick from a room or from the site."""

    room: _RoomName | None = Field(
        default=None, description="From which room; from the site if left out."
    )
    reason: Reason


class UserMoveRequest(RequestModel):
    """The room to which a user is moved."""

    room: _RoomName
    reason: Reason


class UserMuteRequest(RequestModel):
    """The mute of a user in a room; both fields false unmute the user."""

    room: _RoomName
    notes: bool
    chat: bool
    reason: Reason


class ConnectionKickRequest(RequestModel):
    """The reason for closing a connection."""

    reason: Reason


@router.get("/users", summary="List and search users", responses=problems())
async def list_users(
    caller: Reader,
    search: Annotated[
        str,
        Query(max_length=512, description="A part of the name or the id, in either case."),
        Settled,
    ] = "",
    room: Annotated[
        str | None, Query(max_length=4096, description="Only users in this room."), Settled
    ] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> UsersResponse:
    """List the users who are connected, the latest first."""
    wanted = search.casefold()
    found = [
        user
        for user in reversed(caller.server.context.directory.users.values())
        if caller.own_tabs(user)
        and (wanted in user.name.casefold() or wanted in user.id)
        and (room is None or room in _rooms_of(caller, user))
    ]
    page = caller.page(found, offset, limit)
    return UsersResponse(users=[User(**_facts(caller, user)) for user in page], total=len(found))


@router.get("/users/{user_id}", summary="Show a user", responses=problems(404))
async def show_user(caller: Reader, user_id: _Id) -> UserResponse:
    """Show a user who is connected."""
    user = _user(caller, user_id)
    if not caller.own_tabs(user):
        raise ProblemError(404, _NOT_HERE)
    return UserResponse(**_facts(caller, user))


@router.patch("/users/{user_id}", summary="Rename or recolour a user", responses=problems(404, 409))
async def change_user(
    caller: Moderator, user_id: _Id, body: Annotated[UserChangeRequest, Body()]
) -> UserResponse:
    """Give a user another name, another colour, or both."""
    user = _user(caller, user_id)
    with refusals():
        rename(caller.server.context, caller.token, user, name=body.name, color=body.color)
    return UserResponse(**_facts(caller, user))


@router.put("/users/{user_id}/tag", summary="Pin a tag to a name", responses=problems(404, 409))
async def set_user_tag(
    caller: Admin, user_id: _Id, body: Annotated[UserTagRequest, Body()]
) -> UserResponse:
    """Add a tag to a user's name, or remove it."""
    user, context = _user(caller, user_id), caller.server.context
    with refusals():
        if body.tag is None:
            remove_tag(context, caller.token, user)
        else:
            set_tag(context, caller.token, user, body.tag.text, body.tag.color)
    return UserResponse(**_facts(caller, user))


@router.post(
    "/users/{user_id}/kick",
    summary="Throw a user out",
    status_code=204,
    responses=problems(404),
)
async def kick_user(
    caller: Moderator, user_id: _Id, body: Annotated[UserKickRequest, Body()]
) -> Response:
    """Close all connections of a user, or move them out of one room; they may come back."""
    move.kick_user(
        caller.server.context, caller.token, _user(caller, user_id), body.room, body.reason
    )
    return Response(status_code=204)


@router.post(
    "/users/{user_id}/move",
    summary="Move a user",
    status_code=204,
    responses=problems(404, 409),
)
async def move_user(
    caller: Moderator, user_id: _Id, body: Annotated[UserMoveRequest, Body()]
) -> Response:
    """Move all tabs of a user to a room, which is created if it does not exist."""
    user = _user(caller, user_id)
    with refusals():
        move.move_user(caller.server.context, caller.token, user, body.room, reason=body.reason)
    return Response(status_code=204)


@router.put(
    "/users/{user_id}/mute",
    summary="Mute a user",
    status_code=204,
    responses=problems(404, 409),
)
async def mute_user(
    caller: Moderator, user_id: _Id, body: Annotated[UserMuteRequest, Body()]
) -> Response:
    """Mute the notes of a user in a room, their chat, or both; or unmute the user."""
    context = caller.server.context
    room = context.directory.rooms.get(body.room)
    if room is None:
        raise ProblemError(404, "There is no such room.")
    with refusals():
        mute(context, caller.token, room, user_id, Mute(body.notes, body.chat), body.reason)
    return Response(status_code=204)


@router.get("/connections", summary="List connections", responses=problems())
async def list_connections(
    caller: Reader,
    user_id: Annotated[
        str | None, Query(pattern=f"^{USER_ID}$", description="Only connections of this user.")
    ] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> ConnectionsResponse:
    """List connections, including those that have not sent `hi`."""
    found = [session for session in _sessions(caller) if user_id in (None, session.user_id)]
    page = caller.page(found, offset, limit)
    return ConnectionsResponse(
        connections=[_connection(caller, session) for session in page], total=len(found)
    )


@router.post(
    "/connections/{number}/kick",
    summary="Close a connection",
    status_code=204,
    responses=problems(404),
)
async def kick_connection(
    caller: Moderator,
    number: Annotated[int, Path(ge=0, le=2**32, description="The connection's id.")],
    body: Annotated[ConnectionKickRequest, Body()],
    node: Annotated[
        str | None,
        Query(max_length=300, description="The connection's node, in a cluster; else this one."),
    ] = None,
) -> Response:
    """Close one connection; the user may come back."""
    if node not in (None, caller.node):
        raise ProblemError(404, "There is no node of that name.")
    for session in _sessions(caller):
        if session.client == number:
            move.close_connection(caller.server.context, caller.token, session, body.reason)
            return Response(status_code=204)
    raise ProblemError(404, "There is no such connection.")


def _user(caller: Caller, user_id: str) -> LiveUser:
    user = caller.server.context.directory.online(user_id)
    if user is None:
        raise ProblemError(404, _NOT_HERE)
    return user


def _sessions(caller: Caller) -> list[Session]:
    links = caller.server.engine.connections()
    return [link.session for link in links if link.session is not None]


def _rooms_of(caller: Caller, user: LiveUser) -> list[str]:
    """Return the rooms in which a user has tabs of this node."""
    tabs = caller.own_tabs(user)
    here = [one.room.name for one in user.participations if any(tab in tabs for tab in one.tabs)]
    elsewhere = [tab.stay.room for tab in tabs if tab.stay is not None]
    return list(dict.fromkeys([*here, *elsewhere]))


def _facts(caller: Caller, user: LiveUser) -> dict[str, Any]:
    tabs = caller.own_tabs(user)
    scopes = [tab.scope for tab in tabs if tab.scope is not None]
    return {
        "id": user.id,
        "name": user.name,
        "color": user.color,
        "tag": user.tag,
        "hidden": user.is_hidden,
        "since": user.since,
        "connections": len(tabs),
        "rooms": _rooms_of(caller, user),
        "scope": scopes[0] if scopes else None,
        "nodes": None if caller.node is None else [caller.node],
    }


def _connection(caller: Caller, session: Session) -> Connection:
    return Connection(
        id=session.client,
        user_id=session.user_id,
        name=session.user.name if session.user is not None else None,
        room=session.room_name,
        bot=session.is_bot,
        scope=session.scope,
        waiting_bytes=caller.server.context.hub.lag(session.client),
        node=caller.node,
    )
