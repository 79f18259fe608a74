"""The common parts of all calls: the caller and their rights, base models, pages of lists."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fortepiano.actions.refusal import RefusedError
from fortepiano.http.problem import MEDIA_TYPE, ProblemError
from fortepiano.http.running_server import RunningServer
from fortepiano.model.notice_codes import Code
from fortepiano.model.texts import mended, settled
from fortepiano.model.tokens import still_staff
from fortepiano.model.user_ids import USER_ID
from fortepiano.protocol.validate import COLOR
from fortepiano.store.records import TokenRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence

    from starlette.datastructures import State

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.store.base import Scope

_Row = TypeVar("_Row")

__all__ = [
    "MEDIA_TYPE",
    "Admin",
    "Caller",
    "ColorText",
    "Instant",
    "Limit",
    "MissingNodes",
    "Moderator",
    "Offset",
    "Problem",
    "Reader",
    "Reason",
    "RequestModel",
    "ResponseModel",
    "RoomName",
    "Settled",
    "UserId",
    "in_cluster",
    "problems",
    "refusals",
    "saved",
    "whole",
]


class ResponseModel(BaseModel):
    """Base of the models in responses."""

    model_config = ConfigDict(frozen=True)


def _is_none(value: object) -> bool:
    return value is None


def in_cluster(description: str) -> Any:
    """Return a field that only nodes of a cluster have; None leaves it out.

    Args:
        description: The description of the field.
    """
    return Field(default=None, exclude_if=_is_none, description=f"{description} In a cluster only.")


MissingNodes = Annotated[
    list[str] | None, in_cluster("The nodes that have not answered within a second.")
]
"""A field of merged answers."""


class RequestModel(BaseModel):
    """Base of the models in requests; unknown fields are refused instead of ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class WrongValue(ResponseModel):
    """One value that cannot be used."""

    pointer: str = Field(description="Where it stands: `query` or `body`, then the path to it.")
    detail: str = Field(description="Why.")


class Problem(ResponseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(description="A URI for the kind of problem; `about:blank` for HTTP's own.")
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong this time, for people.")
    errors: list[WrongValue] | None = Field(
        default=None, description="The values that cannot be used, where there are any."
    )


_DESCRIPTIONS = {
    400: "The body is no text, or the head is no HTTP or too long.",
    401: "No token, or one that is not valid.",
    403: "The token's scope does not include this.",
    404: "There is no such thing.",
    409: "That cannot be done as things stand.",
    413: "The body is too long.",
    422: "Some values cannot be used.",
    429: "Too many wrong tokens came from this address.",
    503: "The store does not take it now; it may still be written later.",
}
_ALWAYS = (400, 401, 403, 413, 422, 429)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of a call, for the OpenAPI document.

    Args:
        statuses: The HTTP statuses of this call's errors, besides those of every call.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": _DESCRIPTIONS[status], "content": content}
        for status in sorted({*_ALWAYS, *statuses})
    }


Settled = AfterValidator(settled)
"""Normalises a room's name, or a part of one, so that all spellings of a name are equal."""

RoomName = Annotated[str, Query(max_length=4096, description="The room's name."), Settled]


def whole(value: object) -> object:
    """Turn a number such as 7.0 into 7: JSON has only one kind of numbers.

    In an annotation this validator must stand behind the bounds, or the OpenAPI document would lack
    them.
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


Instant = Annotated[int, Field(json_schema_extra={"format": "unix-ms"})]
"""A time: milliseconds since 1970."""

UserId = Annotated[str, Field(pattern=f"^{USER_ID}$", description="A user's id.")]
ColorText = Annotated[str, Field(pattern=f"^{COLOR}$")]
Reason = Annotated[
    str,
    Field(default="", max_length=200, description="Why, for people; goes into the audit log."),
    AfterValidator(mended),
]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000, description="How many to pass over.")]


class Caller:
    """The caller of a request, and the server that it acts on.

    Attributes:
        server: The server.
        token: The caller's token.
        is_asked: Whether another node of the cluster asks for the caller.
    """

    __slots__ = ("_elsewhere", "_rows", "is_asked", "server", "token")

    def __init__(self, server: RunningServer, state: State) -> None:
        self.server = server
        self.token: TokenRecord = state.token
        self.is_asked: bool = getattr(state, "is_asked", False)
        self._rows: int | None = getattr(state, "rows", None)
        self._elsewhere: Collection[str] = getattr(state, "elsewhere", ())

    @property
    def node(self) -> str | None:
        """The name of this node; None for a server alone."""
        return None if self.server.cluster is None else self.server.cluster.name

    def page(self, rows: Sequence[_Row], offset: int, limit: int) -> Sequence[_Row]:
        """Return a page of a list; in a cluster, all rows of which a page is made then."""
        return rows[offset : offset + limit] if self._rows is None else rows[: self._rows]

    def rooms(self) -> list[Room]:
        """Return the rooms that this node shows: in a cluster, each is shown by one node."""
        node, rooms = self.server.cluster, self.server.context.directory.rooms.values()
        if node is None or not self.is_asked:
            return [room for room in rooms if room.name not in self._elsewhere]
        return [room for room in rooms if node.followers.is_home(room.name)]

    def own_tabs(self, user: User) -> list[Session]:
        """Return the tabs of a user whose connections this node has."""
        is_own = self.server.context.elsewhere.is_own
        return [tab for tab in user.sessions if is_own(tab)]

    @property
    def is_still_staff(self) -> bool:
        """Whether the token is still one of the staff: a long answer has to ask again."""
        context = self.server.context
        return still_staff(context.store, self.token, context.now()) is not None


_SCOPES: tuple[Scope, ...] = ("read", "moderate", "admin")
_BEARER = HTTPBearer(auto_error=False, description="A token of the staff.")


def _needs(least: Scope) -> Any:
    def caller(
        request: Request,
        _given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Caller:
        server = cast("RunningServer", request.app.state.server)
        caller = Caller(server, request.state)
        scope = caller.token.scope
        if scope not in _SCOPES[_SCOPES.index(least) :]:
            raise ProblemError(
                403, f"This needs a token of the scope {least}; yours is of {scope}."
            )
        return caller

    # In the OpenAPI document a call names its scope; FastAPI itself does not check it.
    return Security(caller, scopes=[least])


Reader = Annotated[Caller, _needs("read")]
Moderator = Annotated[Caller, _needs("moderate")]
Admin = Annotated[Caller, _needs("admin")]


async def saved(caller: Caller) -> None:
    """Wait until all changes are on the disk.

    Raises:
        ProblemError: The changes could not be written yet.
    """
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def on_saved(is_saved: bool) -> None:
        if not answer.done():
            answer.set_result(is_saved)

    caller.server.context.store.when_saved(on_saved)
    if not await answer:
        raise ProblemError(
            503, "It holds from now on, but the disk does not take it: it is tried again."
        )


@contextmanager
def refusals(missing: int = 404) -> Generator[None]:
    """Turn the refusal of an act into a problem document.

    Args:
        missing: The HTTP status if a target of the act is not there.

    Raises:
        ProblemError: The act was refused.
    """
    try:
        yield
    except RefusedError as refused:
        statuses = {Code.NOT_ALLOWED: 403, Code.NOT_FOUND: missing}
        raise ProblemError(statuses.get(refused.code, 409), refused.why) from None
