"""Calls that concern several nodes of a cluster: passed to the right ones, and answered as one.

Lists are those of all nodes. An act on a room is its home's. An act on a user is done by a node
that has a connection of the user, and reaches the others from there.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.responses import Response

from fortepiano.actions.rooms import renew
from fortepiano.http.admin.deprecated_paths import V1
from fortepiano.http.admin.merging import LISTS, as_one, merged_list
from fortepiano.http.admin.request_body import read_whole, replay
from fortepiano.http.admin.routing import Place, route_of
from fortepiano.http.asked_calls import Answer, Asker, Question, ask_nodes, perform
from fortepiano.http.problem import ProblemError, problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from fortepiano.http.running_server import RunningNode, RunningServer
    from fortepiano.store.records import TokenRecord

__all__ = ["MISSING_NODES", "NODES", "OverNodes"]

NODES = "Fortepiano-Nodes"
"""The header with the names of the nodes that have done what was asked for."""

MISSING_NODES = "Fortepiano-Missing-Nodes"
"""The header with the names of the nodes that have not answered."""

_MOST_ROWS = 10_000
"""The last row of a merged list that can be reached: each node sends all rows before it."""

_LONGEST_PAGE = 1000
_FIRST_PAGE = 100


class OverNodes:
    """Middleware for a node of a cluster; a server alone passes it unchanged.

    Args:
        app: The application, whose functions know this node only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        server: RunningServer | None = getattr(scope["app"].state, "server", None)
        node = None if server is None else server.cluster
        is_served = scope["type"] == "http" and "token" in scope.get("state", {})
        if server is None or node is None or not is_served or scope["state"].get("is_asked"):
            await self._app(scope, receive, send)
            return
        first = await read_whole(receive)
        call = _Call(self._app, scope, server, node, first.get("body", b""))
        if call.route.place is Place.HERE:
            await self._app(scope, replay(first, receive), send)
            return
        scope["route"] = call.route  # a call that there is; see `DeprecatedPaths`
        try:
            response = await call.response()
        except ProblemError as refused:
            response = problem(refused.status, refused.detail)
        await response(scope, receive, send)


class _Call:
    """A call that this node answers together with others.

    Args:
        app: The application.
        scope: The scope of the request.
        server: This server.
        node: This server as a node.
        body: The body of the request.
    """

    def __init__(
        self, app: ASGIApp, scope: Scope, server: RunningServer, node: RunningNode, body: bytes
    ) -> None:
        self._app = app
        self._scope = scope
        self._server = server
        self._node = node
        self._token: TokenRecord = scope["state"]["token"]
        self._question = Question(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            body=body,
            asker=Asker(self._token.id, self._token.scope),
        )
        self.route = route_of(self._question)

    async def response(self) -> Response:
        """Return the response.

        Raises:
            ProblemError: A node that it needs does not answer, or cannot know it.
        """
        ways = {
            Place.LIST: self._list,
            Place.PERSON: self._person,
            Place.HOME: self._at_home,
            Place.USER: self._with_user,
            Place.EVERYBODY: self._for_everybody,
            Place.NODE: self._at_node,
            Place.EACH: self._at_each,
        }
        return await ways[self.route.place]()

    # Asking

    async def _here(self, question: Question, **state: Any) -> Answer:
        """Ask this node."""
        return await perform(
            self._app, self._scope, question, {"token": self._token, "is_asked": False} | state
        )

    async def _ask(
        self, question: Question, names: Sequence[str] | None = None
    ) -> tuple[dict[str, Answer], list[str]]:
        """Ask others: all of them, or those of some names."""
        return await ask_nodes(self._node, self._node.others if names is None else names, question)

    async def _ask_all(
        self, question: Question, **state: Any
    ) -> tuple[dict[str, Answer], list[str]]:
        """Ask this node, which comes first, and all others."""
        here, (there, missing) = await asyncio.gather(
            self._here(question, **state), self._ask(question)
        )
        return {self._node.name: here} | dict(sorted(there.items())), missing

    # Lists

    async def _list(self) -> Response:
        kind = self._question.path.rpartition("/")[2]
        if kind not in LISTS:
            return await self._nodes()
        offset, limit = self._page()
        if limit == 0:  # the function of the call says what is wrong
            return _answered(await self._here(self._question), [self._node.name], [])
        if offset + limit > _MOST_ROWS:
            raise ProblemError(409, f"In a cluster, lists end with row {_MOST_ROWS}: search.")
        question = msgspec.structs.replace(
            self._question, query=self._without_page(), rows=offset + limit
        )
        elsewhere = await self._rooms_elsewhere() if kind == "rooms" else frozenset[str]()
        answers, missing = await self._ask_all(question, rows=offset + limit, elsewhere=elsewhere)
        if not answers[self._node.name].is_success:
            return _answered(answers[self._node.name], [self._node.name], missing)
        documents, missing = _documents(answers, missing)
        return _as_json(merged_list(kind, documents, offset, limit) | {"missing_nodes": missing})

    def _page(self) -> tuple[int, int]:
        """Return where the page begins, and its length; 0 if either cannot be used."""
        query = dict(parse_qsl(self._question.query))
        try:
            offset, limit = int(query.get("offset", 0)), int(query.get("limit", _FIRST_PAGE))
        except ValueError:
            return 0, 0
        return (offset, limit) if offset >= 0 and 0 < limit <= _LONGEST_PAGE else (0, 0)

    def _without_page(self) -> str:
        pairs = parse_qsl(self._question.query, keep_blank_values=True)
        return urlencode([pair for pair in pairs if pair[0] not in ("limit", "offset")])

    async def _rooms_elsewhere(self) -> frozenset[str]:
        """Return the rooms that are open here too, as permanent ones are, but have another home."""
        node = self._node
        rooms = self._server.context.directory.rooms
        homes = await node.homes_of([name for name in rooms if not node.followers.is_home(name)])
        return frozenset(room for room, home in homes.items() if home != node.name)

    async def _nodes(self) -> Response:
        answers, missing = await self._ask_all(self._question)
        if not answers[self._node.name].is_success:
            return _answered(answers[self._node.name], [self._node.name], missing)
        documents, missing = _documents(answers, missing)
        own, statuses = documents[0], {one["node"]: _status_in(one) for one in documents}
        nodes = [node | {"status": statuses.get(node["name"])} for node in own["nodes"]]
        return _as_json(own | {"nodes": nodes, "missing_nodes": missing})

    # Users

    async def _whereabouts(self) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Return what each node with a connection of the user knows; and who has not answered."""
        path = f"{V1}/users/{self.route.user_id}"
        question = Question(method="GET", path=path, asker=self._question.asker)
        answers, missing = await self._ask_all(question)
        return {
            name: answer.document() for name, answer in answers.items() if answer.is_success
        }, missing

    async def _person(self) -> Response:
        found, missing = await self._whereabouts()
        if not found:
            return self._absent(await self._here(self._question), missing)
        return _as_json(as_one(list(found.values())) | {"missing_nodes": missing})

    def _absent(self, answer: Answer, missing: list[str]) -> Response:
        """Return the answer of this node, which may know the user no more than the others do."""
        if answer.status == 404 and missing:
            raise ProblemError(404, f"That user is not here; no answer of {', '.join(missing)}.")
        return _answered(answer, [self._node.name], missing)

    async def _with_user(self) -> Response:
        """Let one node act that has a connection of the user; its act reaches the others."""
        found, missing = await self._whereabouts()
        if not found:
            return self._absent(await self._here(self._question), missing)
        name = next(iter(found))
        answer = await self._at(name)
        if answer.is_success and "connections" in (document := _fields_of(answer)):
            if "id" in document:
                others = [user for other, user in found.items() if other != name]
                document = as_one([document, *others]) | {"missing_nodes": missing}
            else:
                document["connections"] = sum(user["connections"] for user in found.values())
            answer = _with_document(answer, document)
        return _answered(answer, found if answer.is_success else [name], missing)

    async def _for_everybody(self) -> Response:
        """Let this node send a notice to everybody; count the people of all nodes."""
        status = Question(method="GET", path=f"{V1}/status", asker=self._question.asker)
        answer = await self._here(self._question)
        if not answer.is_success:
            return _answered(answer, [self._node.name], [])
        there, missing = await self._ask(status)
        documents, missing = _documents(there, missing)
        document = answer.document()
        document["connections"] += sum(one["clients"] for one in documents)
        nodes = [self._node.name, *sorted(set(there) - set(missing))]
        return _answered(_with_document(answer, document), nodes, missing)

    # Rooms

    async def _at_home(self) -> Response:
        room = self.route.room
        home = await self._home_of(room)
        answer = await self._at(home, f"The home of the room, {home},")
        if answer.is_success and home == self._node.name and self._is_homeless(room):
            await self._find_home(room)  # the act has opened the room
        if answer.is_success and self._question.path.endswith("/notices"):
            answer = await self._with_tabs_of(room, home, answer)
        return _answered(answer, [home], [])

    async def _home_of(self, room: str) -> str:
        """Return the home of a room; a room without one is acted on here."""
        node = self._node
        if node.followers.is_home(room):
            return node.name
        homes = await node.homes_of([room])
        if not (homes or node.trouble):
            if self._question.method == "GET":
                await self._renew(room)
                return node.name
            await self._find_home(room)
            homes = await node.homes_of([room])
        return homes.get(room, node.name)

    def _is_homeless(self, room: str) -> bool:
        """Return whether a room is open here, and this node is not its home."""
        is_open = room in self._server.context.directory.rooms
        return is_open and not self._node.followers.is_home(room)

    async def _find_home(self, room: str) -> None:
        """Let this node be the home of a room that has none; of one that is not open, not for long.

        Its act is then on what the store has, and other nodes hear of it.
        """
        found: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server.context.elsewhere.when_found(room, partial(_finish, found))
        await found

    async def _renew(self, room: str) -> None:
        """Read a room anew that has no home now, but may have had others since it was read."""
        renewed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        renew(self._server.context, room, partial(_finish, renewed))
        await renewed

    async def _with_tabs_of(self, room: str, home: str, answer: Answer) -> Answer:
        """Return the answer to a notice to a room with the number of all tabs there."""
        question = Question(
            method="GET",
            path=f"{V1}/room",
            query=urlencode({"name": room}),
            asker=self._question.asker,
        )
        is_here = home == self._node.name
        there = await (self._here(question) if is_here else self._of(home, question))
        if there is None or not there.is_success:
            return answer
        tabs = sum(one["tabs"] for one in there.document()["participants"])
        return _with_document(answer, answer.document() | {"connections": tabs})

    async def _of(self, name: str, question: Question) -> Answer | None:
        answers, _ = await self._ask(question, [name])
        return answers.get(name)

    # Nodes

    async def _at_node(self) -> Response:
        name = self.route.node or self._node.name
        if name != self._node.name and name not in self._node.others:
            raise ProblemError(404, "There is no node of that name.")
        return _answered(await self._at(name), [name], [])

    async def _at(self, name: str, title: str = "") -> Answer:
        """Ask one node, this one or another.

        Raises:
            ProblemError: The node does not answer.
        """
        if name == self._node.name:
            return await self._here(self._question)
        answer = await self._of(name, self._question)
        if answer is None:
            raise ProblemError(503, f"{title or f'The node {name}'} does not answer.")
        return answer

    async def _at_each(self) -> Response:
        """Let each node act by itself, and say what it has done."""
        question = msgspec.structs.replace(self._question, query="")
        answers, missing = await self._ask_all(question)
        own = answers[self._node.name]
        nodes = [
            {"node": name} | (answer.document() if answer.is_success else _refusal_of(answer))
            for name, answer in answers.items()
        ]
        if not own.is_success:
            return _answered(own, [], missing)
        document = own.document() | {"nodes": nodes, "missing_nodes": missing}
        done = [name for name, answer in answers.items() if answer.is_success]
        return _answered(_with_document(own, document), done, missing)


def _finish(waited: asyncio.Future[None]) -> None:
    if not waited.done():  # else the operator has gone
        waited.set_result(None)


def _documents(
    answers: Mapping[str, Answer], missing: list[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what nodes have answered; a node that could not answer is missing too."""
    failed = [name for name, answer in answers.items() if not answer.is_success]
    found = [answer.document() for answer in answers.values() if answer.is_success]
    return found, sorted([*missing, *failed])


def _status_in(cluster: dict[str, Any]) -> dict[str, Any] | None:
    """Return the status of the node that has answered, of its view of the cluster."""
    found = [node["status"] for node in cluster["nodes"] if node["name"] == cluster["node"]]
    return found[0] if found else None


def _fields_of(answer: Answer) -> dict[str, Any]:
    document: object = answer.document() if answer.body else None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _refusal_of(answer: Answer) -> dict[str, Any]:
    return {"problem": _fields_of(answer).get("detail", f"HTTP status {answer.status}")}


def _with_document(answer: Answer, document: object) -> Answer:
    return Answer(answer.status, answer.media_type, json.dumps(document).encode())


def _as_json(document: object) -> Response:
    return Response(json.dumps(document), media_type="application/json")


def _answered(answer: Answer, nodes: Iterable[str], missing: Sequence[str]) -> Response:
    """Return the response of an act, which names the nodes that have done it."""
    headers = {NODES: ", ".join(nodes), MISSING_NODES: ", ".join(missing)}
    if answer.media_type:
        headers["content-type"] = answer.media_type
    given = {name: text for name, text in headers.items() if text}
    return Response(answer.body or None, answer.status, given)
