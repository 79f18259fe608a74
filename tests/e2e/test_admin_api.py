"""The admin API of a running server: access, effects on clients, answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import httpx
import pytest

from support.admin_desk import Desk, stream_events
from support.bystanders import untroubled
from support.server import run_server
from support.websocket_clients import Clients, new_address, new_room

pytestmark = pytest.mark.timeout(90)

NOBODY = "f" * 24


class TestAccess:
    def test_without_a_token_only_what_is_open(self) -> None:
        """Also while no token exists."""
        with run_server() as server:
            base = server.internal_url
            with httpx.Client(base_url=base, trust_env=False, timeout=20) as client:
                documents = ("/openapi.json", "/openapi-deprecated.json")
                for path in ("/metrics", "/healthz", "/readyz", "/admin", *documents):
                    assert client.get(path).status_code == 200, path
                paths = [path for one in documents for path in client.get(one).json()["paths"]]
                paths += ["/", "/api", "/api/nothing", "/api/v1", "/api/v1/nothing"]
                for path in [*paths, "/docs", "/redoc", "/x"]:
                    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                        answer = client.request(method, path)
                        assert answer.status_code == 401, (method, path)
                        assert answer.headers["content-type"] == "application/problem+json"
                        assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_wrong_tokens_lock_out(self) -> None:
        """Of many tries no more than five are looked at."""
        with Desk.opened() as other:
            assert other.call("GET", "/api/v1/status").status_code == 200
            told = [
                other.call("GET", "/api/v1/status", token=f"fp_00000000_{number:064x}")
                for number in range(200)
            ]
            statuses = [answer.status_code for answer in told]
            assert statuses == [401] * 5 + [429] * 195
            assert 0 < int(told[-1].headers["retry-after"]) <= 60
            # The right one is not looked at either, or guessing could go on; what is open stays so.
            assert other.call("GET", "/api/v1/status").status_code == 429
            assert other.client.get("/metrics").status_code == 200
            assert other.client.get("/api/v1/status").status_code == 401

    @pytest.mark.parametrize(
        "header", ["Basic abc", "Bearer", "Bearer=x", "Token x", "fp_x", "Bearer a, Bearer b"]
    )
    def test_what_is_no_bearer_token_is_none(self, desk: Desk, header: str) -> None:
        answer = desk.client.get("/api/v1/status", headers={"Authorization": header})
        assert answer.status_code == 401

    def test_scopes(self, desk: Desk) -> None:
        cases = [
            ("GET", "/api/v1/status", None, "read"),
            ("POST", "/api/v1/bans", {"subject": NOBODY, "duration_ms": 1000}, "moderate"),
            ("GET", "/api/v1/configuration", None, "admin"),
            ("POST", "/api/v1/notices", {"to": "all", "text": "hello"}, "admin"),
            ("POST", "/api/v1/bans", {"subject": "203.0.113.7", "duration_ms": 1000}, "admin"),
        ]
        order = ["read", "moderate", "admin"]
        for method, path, body, least in cases:
            for scope in order:
                answer = desk.call(method, path, scope=scope, json=body)
                is_enough = order.index(scope) >= order.index(least)
                assert (answer.status_code != 403) is is_enough, (path, scope, answer.text)

    def test_a_revoked_token_ends(self) -> None:
        with Desk.opened() as desk:
            token = desk.tokens["read"]
            data = ["--data-dir", str(desk.server.folder / "data")]
            assert desk.call("GET", "/api/v1/status", token=token).status_code == 200
            subprocess.run(
                [sys.executable, "-m", "fortepiano", "token", "revoke", token.split("_")[1], *data],
                check=True,
                timeout=30,
            )
            deadline = time.monotonic() + 10
            while desk.call("GET", "/api/v1/status", token=token).status_code == 200:
                assert time.monotonic() < deadline
                time.sleep(0.5)


def test_the_first_call_delays_nobody() -> None:
    """The framework of the API is imported by then, on another thread, and stays."""
    with Desk.opened() as desk:
        with untroubled(desk.server, "the first call of the API", most_ms=8, kept_bytes=16 << 20):
            assert desk.get("/api/v1/status")["participants"] == 2


class TestProblems:
    def test_unknown_paths_methods_and_values(self, desk: Desk) -> None:
        assert desk.call("GET", "/api/v1/nothing").status_code == 404
        wrong = desk.call("PUT", "/api/v1/bans")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "DELETE, GET, POST")
        answer = desk.call("GET", "/api/v1/rooms", params={"limit": "many"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "query/limit"
        answer = desk.call("POST", "/api/v1/bans", json={"subject": NOBODY, "colour": "red"})
        assert answer.json()["errors"][0]["pointer"] == "body/colour"

    @pytest.mark.parametrize("content", [b"{", b"\xff", b"[1]", b'{"subject": "\\ud800"}', b""])
    def test_bodies_that_are_none(self, desk: Desk, content: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        token = {"Authorization": f"Bearer {desk.tokens['admin']}"}
        answer = desk.client.post("/api/v1/bans", content=content, headers=headers | token)
        assert answer.status_code in (400, 409, 422)
        assert answer.headers["content-type"] == "application/problem+json"

    def test_a_body_that_is_too_long(self, desk: Desk) -> None:
        body = {"subject": NOBODY, "reason": "x" * 70_000}
        assert desk.call("POST", "/api/v1/bans", json=body).status_code == 413


class TestRooms:
    async def test_list_and_search(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        found = desk.get("/api/v1/rooms", search=ann.room.upper())
        (room,) = [one for one in found["rooms"] if one["name"] == ann.room]
        assert (room["people"], room["holder"]) == (2, ann.id)
        details = desk.get("/api/v1/room", name=ann.room)
        assert [one["user_id"] for one in details["participants"]] == [ann.id, bea.id]
        page = desk.get("/api/v1/rooms", limit=1, offset=1)
        assert len(page["rooms"]) == 1 < page["total"]
        assert desk.call("GET", "/api/v1/room", params={"name": "nowhere"}).status_code == 404

    async def test_settings(self, desk: Desk, people: Clients) -> None:
        ann, _ = await people.pair()
        body = {"chat": False, "no cussing": True, "slowMode": 3}
        answer = desk.do("PATCH", "/api/v1/room/settings", body, name=ann.room).json()
        assert answer["settings"] | body == answer["settings"]
        told = await ann.expect("ch", where=lambda one: one["ch"]["settings"]["chat"] is False)
        assert told["ch"]["settings"]["slowMode"] == 3
        answer = desk.call(
            "PATCH", "/api/v1/room/settings", params={"name": "lobby"}, json={"chat": False}
        )
        assert answer.status_code == 409

    async def test_crown(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        desk.do("PUT", "/api/v1/room/crown", {"holder": bea.id}, name=ann.room)
        told = await ann.expect("ch")
        assert told["ch"]["crown"]["participantId"] == bea.id
        desk.do("PUT", "/api/v1/room/crown", {"holder": None}, name=ann.room)
        told = await ann.expect("ch")
        assert "participantId" not in told["ch"]["crown"]
        for body, status in (({"holder": None}, 409), ({"holder": NOBODY}, 404)):
            answer = desk.call("PUT", "/api/v1/room/crown", params={"name": ann.room}, json=body)
            assert answer.status_code == status

    async def test_chat_is_cleared(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        await ann.send({"m": "a", "message": "hello"})
        await bea.expect("a")
        (line,) = desk.get("/api/v1/room", name=ann.room)["chat"]
        assert (line["text"], line["user_id"]) == ("hello", ann.id)
        desk.do("DELETE", "/api/v1/room/chat", name=ann.room)
        assert (await bea.expect("c"))["c"] == []
        assert desk.get("/api/v1/room", name=ann.room)["chat"] == []

    async def test_close(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        desk.do("POST", "/api/v1/room/close", {"reason": "too loud"}, name=ann.room)
        for client in (ann, bea):
            assert "too loud" in (await client.expect("notification"))["text"]
            assert (await client.expect("ch"))["ch"]["_id"] == "lobby"
        assert desk.call("GET", "/api/v1/room", params={"name": ann.room}).status_code == 404
        act = desk.last_act()
        assert (act["action"], act["room"], act["reason"]) == ("close_room", ann.room, "too loud")

    async def test_permanent(self, desk: Desk, people: Clients) -> None:
        name = new_room()
        desk.do("PUT", "/api/v1/room/permanent", {"permanent": True}, name=name)
        assert desk.get("/api/v1/room", name=name)["permanent"] is True
        body = {"reason": ""}
        answer = desk.call("POST", "/api/v1/room/close", params={"name": name}, json=body)
        assert answer.status_code == 409
        desk.do("PUT", "/api/v1/room/permanent", {"permanent": False}, name=name)
        assert desk.call("GET", "/api/v1/room", params={"name": name}).status_code == 404

    async def test_each_spelling_of_a_name_is_the_same_room(
        self, desk: Desk, people: Clients
    ) -> None:
        name = new_room()
        client = await people.enter(f"{name} Caf\u00e9")
        spelling = f" {name} Cafe\u0301\u200b"
        assert desk.get("/api/v1/room", name=spelling)["name"] == f"{name} Caf\u00e9"
        body = {
            "subject": client.id,
            "room": spelling,
            "duration_ms": 600_000,
            "reason": "ru\u200bde\n",
        }
        assert desk.do("POST", "/api/v1/bans", body).json()["room"] == f"{name} Caf\u00e9"
        assert (await client.expect("ch"))["ch"]["_id"] == "test/awkward"
        (ban,) = desk.get("/api/v1/bans", room=spelling)["bans"]
        assert ban["reason"] == "rude"
        desk.do("DELETE", "/api/v1/bans", subject=client.id, room=spelling)
        desk.do("PUT", "/api/v1/room/permanent", {"permanent": True}, name=spelling)
        assert desk.get("/api/v1/room", name=f"{name} Caf\u00e9")["permanent"] is True
        answer = desk.call(
            "PUT", "/api/v1/room/permanent", params={"name": "\u200b"}, json={"permanent": True}
        )
        assert answer.status_code == 409


class TestUsers:
    async def test_list_and_search(self, desk: Desk, people: Clients) -> None:
        ann = await people.enter(new_room(), address=new_address())
        await ann.send({"m": "userset", "set": {"name": "Änne <b>"}})
        await ann.expect("p")
        (found,) = desk.get("/api/v1/users", search="äNNE")["users"]
        assert (found["id"], found["rooms"]) == (ann.id, [ann.room])
        assert desk.get("/api/v1/users", search=ann.id[:12])["users"][0]["id"] == ann.id
        assert [one["id"] for one in desk.get("/api/v1/users", room=ann.room)["users"]] == [ann.id]
        assert desk.get(f"/api/v1/users/{ann.id}")["name"] == "Änne <b>"
        assert desk.call("GET", f"/api/v1/users/{NOBODY}").status_code == 404
        assert desk.call("GET", "/api/v1/users/nobody").status_code == 422

    async def test_rename_recolour_and_tag(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        desk.do("PATCH", f"/api/v1/users/{ann.id}", {"name": "Nice", "color": "#123456"})
        told = await bea.expect("p", where=lambda one: one["name"] == "Nice")
        assert told["color"] == "#123456"
        tag = {"text": "guest", "color": "#aabbcc"}
        desk.do("PUT", f"/api/v1/users/{ann.id}/tag", {"tag": tag})
        assert (await bea.expect("p"))["tag"] == tag
        desk.do("PUT", f"/api/v1/users/{ann.id}/tag", {"tag": None})
        assert "tag" not in await bea.expect("p")
        answer = desk.call("PATCH", f"/api/v1/users/{ann.id}", json={"name": "\u202e"})
        assert answer.status_code == 409

    async def test_mute(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        body = {"room": ann.room, "notes": True, "chat": False, "reason": "noise"}
        desk.do("PUT", f"/api/v1/users/{bea.id}/mute", body)
        await bea.send({"m": "n", "t": 0, "n": [{"n": "c4", "v": 1}]})
        await bea.expect("notification")
        await bea.received()
        await ann.assert_silent("n")
        assert desk.last_act()["action"] == "mute"
        desk.do("PUT", f"/api/v1/users/{bea.id}/mute", body | {"notes": False})
        await bea.send({"m": "n", "t": 0, "n": [{"n": "c4", "v": 1}]})
        await ann.expect("n")
        answer = desk.call("PUT", f"/api/v1/users/{ann.id}/mute", json=body)
        assert answer.status_code == 409, "who holds the crown is not muted"

    async def test_kick_from_a_room_and_from_the_site(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        desk.do("POST", f"/api/v1/users/{bea.id}/kick", {"room": ann.room, "reason": "out"})
        assert "out" in (await bea.expect("notification"))["text"]
        assert (await bea.expect("ch"))["ch"]["_id"] == "test/awkward"
        assert (await ann.expect("bye"))["p"] == bea.id
        desk.do("POST", f"/api/v1/users/{bea.id}/kick", {"reason": "go"})
        assert "go" in (await bea.expect("notification"))["text"]
        assert await bea.closed() == 1000

    @pytest.mark.parametrize("is_away", [False, True])
    async def test_who_is_thrown_out_does_not_come_back_for_the_crown(
        self, desk: Desk, people: Clients, is_away: bool
    ) -> None:
        ann, bea = await people.pair()
        elsewhere = await people.tab(ann, new_room())
        if is_away:
            await ann.leave()
            await bea.expect("ch")
        desk.do("POST", f"/api/v1/users/{ann.id}/kick", {"reason": "go"})
        assert await elsewhere.closed() == 1000
        if not is_away:
            await bea.expect("ch")
        again = await people.enter(address=ann.address)
        crown = (await again.join(bea.room))["ch"]["crown"]
        assert crown["participantId"] == bea.id

    async def test_move(self, desk: Desk, people: Clients) -> None:
        ann, _ = await people.pair()
        room = new_room()
        desk.do("POST", f"/api/v1/users/{ann.id}/move", {"room": room, "reason": ""})
        assert (await ann.expect("ch"))["ch"]["_id"] == room

    async def test_connections(self, desk: Desk, people: Clients) -> None:
        ann = await people.enter(new_room(), address=new_address())
        tab = await people.tab(ann, ann.room)
        found = desk.get("/api/v1/connections", user_id=ann.id)["connections"]
        assert [one["room"] for one in found] == [ann.room, ann.room]
        desk.do("POST", f"/api/v1/connections/{found[1]['id']}/kick", {"reason": "one is enough"})
        assert await tab.closed() == 1000
        await ann.received()
        assert (
            desk.call("POST", "/api/v1/connections/4000000/kick", json={"reason": ""}).status_code
            == 404
        )


class TestBans:
    async def test_from_a_room(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        body = {"subject": bea.id, "room": ann.room, "duration_ms": 600_000, "reason": "rude"}
        answer = desk.do("POST", "/api/v1/bans", body)
        assert answer.status_code == 201
        assert (await bea.expect("ch"))["ch"]["_id"] == "test/awkward"
        assert (await ann.expect("notification"))["code"] == "kickbanned"
        (ban,) = desk.get("/api/v1/bans", room=ann.room)["bans"]
        assert (ban["subject"], ban["reason"]) == (bea.id, "rude")
        assert ban["actor"] == desk.tokens["admin"].split("_")[1]
        desk.do("DELETE", "/api/v1/bans", subject=bea.id, room=ann.room)
        assert await bea.join(ann.room)
        answer = desk.call("DELETE", "/api/v1/bans", params={"subject": bea.id, "room": ann.room})
        assert answer.status_code == 404

    async def test_from_the_site_outlives_the_server(self) -> None:
        """The answer comes when the ban is on disk: a crash right after it loses nothing."""
        with Desk.opened() as desk:
            server = desk.server
            async with Clients(server) as people:
                ann = await people.enter("lobby", address=new_address())
                desk.do("POST", "/api/v1/bans", {"subject": ann.id, "reason": "spam"})
                assert await ann.closed() == 4008
            server.kill()
            server.start()
            (ban,) = desk.get("/api/v1/bans")["bans"]
            assert (ban["subject"], ban["until"], ban["room"]) == (ann.id, None, "")
            (act,) = desk.get("/api/v1/audit", subject=ann.id)["acts"]
            assert (act["action"], act["reason"]) == ("siteban", "spam")

    def test_a_moderator_bans_from_the_site_for_a_day_at_most(self, desk: Desk) -> None:
        for duration, status in ((86_400_000, 201), (86_400_001, 403), (None, 403)):
            body = {"subject": NOBODY, "duration_ms": duration}
            answer = desk.call("POST", "/api/v1/bans", scope="moderate", json=body)
            assert answer.status_code == status
        desk.do("DELETE", "/api/v1/bans", subject=NOBODY)

    def test_what_cannot_be_banned(self, desk: Desk) -> None:
        for body in (
            {"subject": "somebody"},
            {"subject": "0.0.0.0/0"},
            {"subject": "203.0.113.0/24", "room": "lobby"},
        ):
            assert desk.call("POST", "/api/v1/bans", json=body).status_code == 409


class TestNotices:
    async def test_to_a_user_a_room_and_all(self, desk: Desk, people: Clients) -> None:
        ann, bea = await people.pair()
        cid = await people.enter(new_room(), address=new_address())
        told = desk.do("POST", "/api/v1/notices", {"to": "user", "subject": ann.id, "text": "one"})
        assert told.json() == {"connections": 1}
        assert (await ann.expect("notification"))["text"] == "one"
        body = {"to": "room", "room": ann.room, "text": "<b>two</b>", "title": "T"}
        body["duration_ms"] = 9000
        assert desk.do("POST", "/api/v1/notices", body).json() == {"connections": 2}
        for client in (ann, bea):
            notice = await client.expect("notification")
            assert (notice["text"], notice["title"]) == ("<b>two</b>", "T")
            assert notice["duration"] == 9000
        desk.do("POST", "/api/v1/notices", {"to": "all", "text": "three"})
        assert (await cid.expect("notification"))["text"] == "three"
        answer = desk.call("POST", "/api/v1/notices", json={"to": "all", "text": "a\u202eb"})
        assert answer.status_code == 409
        for body in ({"to": "user", "subject": NOBODY}, {"to": "room", "room": "nowhere"}):
            answer = desk.call("POST", "/api/v1/notices", json=body | {"text": "x"})
            assert answer.status_code == 404


class TestServer:
    async def test_status(self, desk: Desk, people: Clients) -> None:
        before = desk.get("/api/v1/status")
        await people.pair()
        after = desk.get("/api/v1/status")
        assert after["clients"] == before["clients"] + 2
        assert after["counters"]["attached"] == before["counters"]["attached"] + 2
        assert after["ready"] and after["store_healthy"]

    def test_secrets_are_masked(self) -> None:
        with Desk.opened(SALT1="pepper-and-salt", SALT2="sugar-and-spice") as desk:
            answer = desk.call("GET", "/api/v1/configuration")
            assert "pepper" not in answer.text and "sugar" not in answer.text
            settings = answer.json()["settings"]
            assert settings["internal_port"] == desk.server.internal_port
            assert settings["limits"]["lag_hard_bytes"] == 2_097_152

    def test_nothing_is_offered_that_is_not_there(self, desk: Desk) -> None:
        paths = desk.client.get("/openapi.json").json()["paths"]
        offered = "/api/v1/configuration/reload" in paths
        answer = desk.call("POST", "/api/v1/configuration/reload")
        assert (answer.status_code != 404) is offered

    async def test_the_audit_log_is_searched(self, desk: Desk, people: Clients) -> None:
        ann, _ = await people.pair()
        for name in ("First", "Second"):
            desk.do("PATCH", f"/api/v1/users/{ann.id}", {"name": name})
        acts = desk.get("/api/v1/audit", subject=ann.id, action="setname")["acts"]
        assert [act["details"]["after"] for act in acts] == ["Second", "First"]
        assert desk.get("/api/v1/audit", subject=ann.id, before=acts[1]["at"])["acts"] == []

    async def test_what_happens_is_streamed(self, desk: Desk, people: Clients) -> None:
        headers = {"Authorization": f"Bearer {desk.tokens['read']}"}
        async with (
            asyncio.timeout(30),
            httpx.AsyncClient(base_url=desk.base, trust_env=False, timeout=20) as client,
            client.stream("GET", "/api/v1/events", headers=headers) as stream,
        ):
            assert stream.headers["content-type"].startswith("text/event-stream")
            events = stream_events(stream)
            kind, status = await anext(events)
            assert kind == "status" and status["version"]
            ann, _ = await people.pair()
            await ann.send({"m": "a", "message": "line\n\nbreak: no", "x": 1})
            await ann.send({"m": "a", "message": "data: x"})
            desk.do("POST", f"/api/v1/users/{ann.id}/kick", {"reason": "bye"})
            heard = []
            while not heard or heard[-1]["kind"] != "gone":
                kind, event = await anext(events)
                if kind == "message" and ann.id in (event.get("actor"), event.get("subject")):
                    heard.append(event)
        kinds = [event["kind"] for event in heard]
        assert kinds == ["arrived", "entered", "chat", "kick", "left", "gone"]
        assert heard[2]["text"] == "data: x"
        assert heard[3]["reason"] == "bye"

    async def test_a_stream_does_not_keep_the_server(self) -> None:
        with Desk.opened(FORTEPIANO_LIMITS__DRAIN_SECONDS="0") as desk:
            headers = {"Authorization": f"Bearer {desk.tokens['read']}"}
            with desk.client.stream("GET", "/api/v1/events", headers=headers) as stream:
                lines = stream.iter_lines()
                assert next(lines) == "event: status"
                assert await asyncio.to_thread(desk.server.stop) == 0
