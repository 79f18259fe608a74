"""The admin API of a server, with a token for each scope."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from support.server import Server, run_server


class Desk:
    """Calls of the API; the path of a call stands in the test, with or without its version."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tokens = server.tokens
        base = server.internal_url
        self.client = httpx.Client(base_url=base, trust_env=False, timeout=20)
        self.base = base

    @classmethod
    @contextlib.contextmanager
    def opened(cls, **settings: str) -> Iterator[Desk]:
        """Run a server with these settings."""
        with run_server(scopes=("read", "moderate", "admin"), **settings) as server:
            desk = cls(server)
            with desk.client:
                yield desk

    def call(
        self, method: str, path: str, *, scope: str = "admin", token: str = "", **options: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.tokens[scope]}"}
        headers |= options.pop("headers", {})
        answer = self.client.request(method, path, headers=headers, **options)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert problem["detail"] and problem["title"] and problem["type"] == "about:blank"
        return answer

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, method: str, path: str, body: object = None, **query: Any) -> httpx.Response:
        answer = self.call(method, path, json=body, params=query)
        assert answer.is_success, answer.text
        return answer

    def last_act(self) -> dict[str, Any]:
        act: dict[str, Any] = self.get("/api/v1/audit", limit=1)["acts"][0]
        return act


async def stream_events(response: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Read the kinds and the data of server-sent events."""
    kind = "message"
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            yield kind, json.loads(line[6:])
        elif not line:
            kind = "message"
