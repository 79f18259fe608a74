"""The admin API on its paths without a version: old names and units, and headers that say so."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from fortepiano.http.admin.live import Event
from support.admin_desk import Desk, stream_events
from support.websocket_clients import Clients

pytestmark = pytest.mark.timeout(90)

NOBODY = "f" * 24


def test_headers_lead_to_v1(desk: Desk) -> None:
    for path in ("/api/status", "/api/rooms", f"/api/users/{NOBODY}"):
        old = desk.call("GET", path)
        assert old.headers["deprecation"].startswith("@1")
        successor = path.replace("/api/", "/api/v1/")
        assert old.headers["link"] == f'<{successor}>; rel="successor-version"'
        new = desk.call("GET", successor)
        assert old.status_code == new.status_code
        assert not {"deprecation", "link"} & set(new.headers)
    assert "link" not in desk.call("GET", "/api/nothing").headers


def test_each_version_refuses_the_names_of_the_other(desk: Desk) -> None:
    for path, name in (("/api/bans", "duration_ms"), ("/api/v1/bans", "seconds")):
        answer = desk.call("POST", path, json={"subject": NOBODY, name: 5000})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"body/{name}"


def test_a_ban(desk: Desk) -> None:
    body = {"subject": NOBODY, "seconds": 600.0, "reason": "J\u00f6rg"}
    made = desk.do("POST", "/api/bans", body).json()
    assert made["until"] == made["at"] + 600_000
    assert made["by"] == desk.tokens["admin"].split("_")[1]
    (ban,) = desk.get("/api/bans")["bans"]
    assert ban == made
    (same,) = desk.get("/api/v1/bans")["bans"]
    assert same["actor"] == ban["by"] and "by" not in same
    assert desk.do("DELETE", "/api/bans", subject=NOBODY).status_code == 204


@pytest.mark.parametrize("seconds", [0, 1.5, "60", True, 1e300])
def test_a_time_that_is_none(desk: Desk, seconds: Any) -> None:
    answer = desk.call("POST", "/api/bans", json={"subject": NOBODY, "seconds": seconds})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "body/seconds"


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[1]", b"", b"[" * 60_000, b"x" * 70_000])
def test_bodies_that_are_none(desk: Desk, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answers = [
        desk.call("POST", path, content=content, headers=headers).status_code
        for path in ("/api/bans", "/api/v1/bans")
    ]
    assert answers[0] == answers[1] and answers[0] in (400, 413, 422)


async def test_notices_and_the_crown(desk: Desk, people: Clients) -> None:
    ann, bea = await people.pair()
    body = {"to": "user", "user_id": ann.id, "text": "one", "seconds": 9}
    assert desk.do("POST", "/api/notices", body).json() == {"connections": 1}
    assert (await ann.expect("notification"))["duration"] == 9000
    desk.do("PUT", "/api/room/crown", {"user_id": bea.id}, name=ann.room)
    assert desk.get("/api/room", name=ann.room)["holder"] == bea.id


async def test_lists(desk: Desk, people: Clients) -> None:
    ann, _ = await people.pair()
    (found,) = desk.get("/api/connections", user=ann.id, user_id=NOBODY)["connections"]
    assert found["user_id"] == ann.id


def test_counters_keep_their_units(desk: Desk) -> None:
    old, new = (desk.get(path)["counters"] for path in ("/api/status", "/api/v1/status"))
    for name in ("flush", "lag"):
        assert isinstance(old[f"{name}_microseconds"], int)
        assert old[f"{name}_microseconds"] <= round(new[f"{name}_ms"] * 1000)
    assert old.keys() - new.keys() == {"flush_microseconds", "lag_microseconds"}


async def heard(desk: Desk, people: Clients, path: str) -> list[dict[str, Any]]:
    """Return the events of a stream about a user who enters and is put out."""
    headers = {"Authorization": f"Bearer {desk.tokens['read']}"}
    found: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(30),
        httpx.AsyncClient(base_url=desk.base, trust_env=False, timeout=20) as client,
        client.stream("GET", path, headers=headers) as stream,
    ):
        events = stream_events(stream)
        _, found_status = await anext(events)
        found.append(found_status["counters"])
        ann, _ = await people.pair()
        desk.do("POST", f"/api/users/{ann.id}/kick", {"reason": "bye"})
        async for kind, event in events:
            if kind == "message" and ann.id in event.values():
                found.append(event)
                if event["kind"] == "gone":
                    return found
    raise AssertionError(found)


async def test_events(desk: Desk, people: Clients) -> None:
    token = desk.tokens["admin"].split("_")[1]
    status, arrived, _, kick, *_ = await heard(desk, people, "/api/events")
    assert "flush_microseconds" in status
    assert arrived.keys() == {"kind", "user_id", "name"}
    assert kick["by"] == token and "actor" not in kick
    status, *events = await heard(desk, people, "/api/v1/events")
    assert "flush_ms" in status
    for event in events:
        assert event.keys() <= Event.model_fields.keys()
        Event.model_validate(event)
    assert [event["kind"] for event in events if event["actor"] == token] == ["kick"]


def test_a_stream_ends_when_it_should(desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {desk.tokens['read']}"}
    for path, query in (
        ("/api/events", {"seconds": "0.05"}),
        ("/api/v1/events", {"duration_ms": "50"}),
    ):
        answer = desk.client.get(path, params=query, headers=headers, timeout=5)
        assert answer.text.startswith("event: status\ndata: {")
    assert desk.call("GET", "/api/events", params={"seconds": "x"}).json()["errors"] == [
        {
            "pointer": "query/seconds",
            "detail": "Input should be a valid number, unable to parse string as a number",
        }
    ]


def test_the_document_of_the_old_paths(desk: Desk) -> None:
    document = desk.client.get("/openapi-deprecated.json").json()
    assert "/api/bans" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/api/v1")]
