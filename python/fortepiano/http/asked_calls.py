"""Calls of the admin API that nodes of a cluster make at each other, without a connection.

A node that is asked calls its own application, as if the operator had called there. So each call is
one function, whether a server is alone or not.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec

from fortepiano import __version__
from fortepiano.observe.logs import logger
from fortepiano.store.records import TokenRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Scope

    from fortepiano.cluster.asking import Answers
    from fortepiano.http.running_server import RunningNode, RunningServer
    from fortepiano.store.base import Scope as StaffScope

__all__ = [
    "Answer",
    "AskedCalls",
    "Asker",
    "Question",
    "about_cluster",
    "about_node",
    "ask_nodes",
    "perform",
]

_ABOUT_NODE = "/node"
"""The path of the call that needs no token and no admin API: the state and metrics of a node."""

_log = logger(__name__)


class Asker(msgspec.Struct, frozen=True):
    """The operator who asks.

    Attributes:
        id: The id of the operator's token, under which acts are recorded.
        scope: Its scope.
    """

    id: str = ""
    scope: str = "read"


_NO_TOKEN = Asker()
"""An operator who needs no token."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the admin API.

    Attributes:
        method: The HTTP method.
        path: The path, percent-decoded.
        query: The query.
        body: The body; JSON, or empty.
        asker: The operator.
        rows: How many rows of a list are wanted, from the first; None for what the query says.
    """

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    asker: Asker = _NO_TOKEN
    rows: int | None = None

    @property
    def token(self) -> TokenRecord:
        """The token of the operator, as the functions of the API know it."""
        scope: StaffScope = self.asker.scope  # type: ignore[assignment]  # a node has checked it
        return TokenRecord(self.asker.id, "", scope, "", 0, None)


class Answer(msgspec.Struct, frozen=True):
    """The response to a call.

    Attributes:
        status: The HTTP status.
        media_type: The value of `Content-Type`; empty without a body.
        body: The body.
    """

    status: int
    media_type: str = ""
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether the call was carried out."""
        return 200 <= self.status < 300

    def document(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


async def perform(
    app: ASGIApp, scope: Scope, question: Question, state: Mapping[str, Any]
) -> Answer:
    """Call an application without a connection.

    Args:
        app: The application.
        scope: What its calls have in common.
        question: The call.
        state: What the functions of the API find in `request.state`.
    """
    received: list[Message] = [{"type": "http.request", "body": question.body}]
    start: Message = {"status": 500}
    body = b""

    async def receive() -> Message:
        return received.pop() if received else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
        body += message.get("body", b"")

    await app({**scope, **_scope_of(question), "state": dict(state)}, receive, send)
    headers = dict(start.get("headers", ()))
    return Answer(start["status"], headers.get(b"content-type", b"").decode("latin-1"), body)


def _scope_of(question: Question) -> Scope:
    headers = [(b"content-type", b"application/json")] if question.body else []
    return {
        "type": "http",
        "method": question.method,
        "path": question.path,
        "raw_path": question.path.encode(),
        "query_string": question.query.encode(),
        "headers": headers,
    }


_WITHOUT_CONNECTION = {
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "scheme": "http",
    "root_path": "",
    "client": None,
    "server": None,
}


class AskedCalls:
    """Answers what other nodes ask this one.

    Args:
        server: This server.
        api: Its admin API.
    """

    def __init__(self, server: RunningServer, api: ASGIApp) -> None:
        self._server = server
        self._api = api
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, asked: bytes, answer: Callable[[bytes], None]) -> None:
        """Answer a question; the answer may come later.

        Args:
            asked: The question.
            answer: Called once with the answer.
        """
        try:
            question = msgspec.msgpack.decode(asked, type=Question)
        except msgspec.MsgspecError as error:
            _log.warning("a question of another node is not understood", why=str(error))
            return
        if question.path == _ABOUT_NODE:
            answer(msgspec.msgpack.encode(about_node(self._server)))
            return
        task = asyncio.get_running_loop().create_task(self._answer(question, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, question: Question, answer: Callable[[bytes], None]) -> None:
        state = {"token": question.token, "is_asked": True, "rows": question.rows}
        try:
            found = await perform(self._api, _WITHOUT_CONNECTION, question, state)
        except Exception as error:
            _log.error("a call of another node failed", exc_info=error)
            found = Answer(500)
        answer(msgspec.msgpack.encode(found))


def about_node(server: RunningServer) -> Answer:
    """Return the state and the metrics of a node, for `status` and `top`."""
    node = server.cluster
    document = {
        "node": "" if node is None else node.name,
        "version": __version__,
        "why_not_ready": server.readiness_problem() or "",
        "metrics": server.metrics.exposed("")[0].decode(),
    }
    return Answer(200, "application/json", json.dumps(document).encode())


async def about_cluster(server: RunningServer, node: RunningNode) -> dict[str, Any]:
    """Return the state and the metrics of all nodes, for `status` and `top`.

    Args:
        server: This server.
        node: This server as a node.
    """
    there, missing = await ask_nodes(node, node.others, Question(method="GET", path=_ABOUT_NODE))
    answers = [about_node(server), *(answer for _, answer in sorted(there.items()))]
    return {
        "node": node.name,
        "why_alone": node.trouble,
        "nodes": [answer.document() for answer in answers],
        "missing_nodes": missing,
    }


async def ask_nodes(
    node: RunningNode, names: Sequence[str], question: Question
) -> tuple[dict[str, Answer], list[str]]:
    """Ask other nodes.

    Args:
        node: This node.
        names: The names of the others.
        question: The question.

    Returns:
        The answers by the names of the nodes, and the names of those that did not answer.
    """
    nids = {nid: name for nid, name in node.names.items() if name in names}
    if node.trouble or not nids:
        return {}, sorted(names)
    told: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()

    def on_answers(answers: Answers) -> None:
        if not told.done():  # else the operator has gone
            told.set_result(answers)

    node.followers.asking.ask(nids, msgspec.msgpack.encode(question), on_answers)
    by_node = (await told).by_node
    found = {name: _decoded(answer) for name, answer in by_node.items()}
    return found, sorted(set(names) - by_node.keys())


def _decoded(answer: bytes) -> Answer:
    """Return an answer; one of another version is none that can be used."""
    try:
        return msgspec.msgpack.decode(answer, type=Answer)
    except msgspec.MsgspecError:
        return Answer(501)
