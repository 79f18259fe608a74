"""The codes of notifications: one documented list, and the texts with each."""

from __future__ import annotations

import ast
from pathlib import Path

import orjson
import pytest

import fortepiano
from fortepiano.config.rules import Rules
from fortepiano.handlers.dispatch import TABLE
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import may_send_html
from fortepiano.protocol.notices import HUB_NOTICES, MALFORMED, notice
from protocol_reference import codes
from support.dispatch_harness import DispatchHarness
from support.grammar import CODES

PACKAGE = Path(fortepiano.__file__).parent
DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"
ROOM = "a room"


class TestTheList:
    def test_it_is_the_one_that_clients_know(self) -> None:
        assert set(Code) == CODES

    @pytest.mark.parametrize("code", Code)
    def test_each_says_what_happened_and_what_to_do(self, code: Code) -> None:
        assert code.meaning
        assert code.advice
        assert "|" not in code.meaning + code.advice

    @pytest.mark.parametrize("code", Code)
    def test_each_is_in_the_document(self, code: Code) -> None:
        assert f"\n| `{code}` | {code.meaning} |" in DOCUMENT.read_text("utf-8")
        assert f"| `{code}` |" in codes()

    def test_what_goes_out_is_the_name(self) -> None:
        assert orjson.loads(orjson.dumps(notice("x", Code.TOO_FAST)))["code"] == "too_fast"

    def test_each_is_said_by_somebody(self) -> None:
        # `bad_notes` is the native core's to say.
        source = "".join(
            path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "codes.py"
        )
        said = {code for code in Code if f"Code.{code.name}" in source}
        assert said | {Code.BAD_NOTES} == set(Code)

    def test_whatever_can_be_malformed_has_words(self) -> None:
        faults = {code for entry in TABLE.values() for code in entry.shape.faults.values()}
        assert faults <= MALFORMED.keys()
        assert all(MALFORMED.values())
        assert all(text and code in Code for text, code in HUB_NOTICES.values())

    def test_no_notification_is_made_elsewhere(self) -> None:
        """Every one is made by `notice`, which asks for a code."""
        makers = {
            path.relative_to(PACKAGE).as_posix()
            for path in PACKAGE.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Dict)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
            and key.value == "m"
            and isinstance(value, ast.Constant)
            and value.value == "notification"
        }
        assert makers == {"protocol/notices.py"}

    def test_the_page_goes_by_codes(self) -> None:
        scripts = "".join(path.read_text() for path in (PACKAGE / "web" / "assets").rglob("*.js"))
        texts = [text for text, _ in HUB_NOTICES.values()] + list(MALFORMED.values())
        assert [text for text in texts if text in scripts] == []


FAULTS = [
    ("a", {}, "bad_message"),
    ("dm", {"_id": "x"}, "bad_message"),
    ("dm", {"message": "x"}, "bad_id"),
    ("dm", {"message": "\n", "_id": 5}, "bad_id"),
    ("ch", {}, "bad_room"),
    ("chset", {"set": {"unknown": True}}, "bad_settings"),
    ("chown", {"id": 5}, "bad_id"),
    ("userset", {"set": {"afk": 1, "color": "blue"}}, "bad_color"),
    ("userset", {"set": {"name": "", "color": "blue"}}, "bad_name"),
    ("kickban", {"_id": 5, "ms": 5}, "bad_id"),
    ("kickban", {"_id": "x", "ms": True}, "bad_time"),
    ("kickban", {"_id": "x", "ms": "soon"}, "bad_time"),
    ("unban", {"_id": None}, "bad_id"),
    ("mute", {"_id": ["x"]}, "bad_id"),
    ("mute", {"_id": "x", "notes": 1}, "bad_settings"),
    ("mute", {"_id": "x", "chat": None}, "bad_settings"),
    ("invite", {"_id": "x"}, "bad_id"),
    ("invite", {"_id": "0" * 24, "on": "no"}, "bad_settings"),
    ("coowner", {}, "bad_id"),
    ("coowner", {"_id": "x", "on": 0}, "bad_settings"),
    ("v", {"vanish": "yes"}, "bad_settings"),
    ("siteban", {"id": 5, "duration": 1}, "bad_id"),
    ("siteban", {"id": "x", "duration": "1e999"}, "bad_time"),
    ("siteban", {"id": "x", "duration": 1, "reason": 5}, "bad_message"),
    ("setcolor", {"_id": "x", "color": "#abc"}, "bad_color"),
    ("setname", {"_id": "x", "name": "\t"}, "bad_name"),
    ("admin message", {"msg": [{"m": "a"}]}, "bad_message"),
]


class TestFaults:
    @pytest.mark.parametrize(("kind", "fields", "code"), FAULTS, ids=str)
    def test_what_is_wrong_is_told_once(
        self, kind: str, fields: dict[str, object], code: str
    ) -> None:
        harness = DispatchHarness()
        other, client = harness.enter(ROOM), harness.enter(ROOM)
        for each in (other, client):
            each.received()
        raw = orjson.dumps({"m": kind} | fields)
        for _ in range(50):
            harness.dispatch.receive(client.session, raw)
        assert [message["code"] for message in client.received()] == [code]
        assert other.received() == []
        harness.wait(5.1)
        harness.dispatch.receive(client.session, raw)
        assert [message["code"] for message in client.received()] == [code]

    @pytest.mark.parametrize("kind", ["hi", "devices", "+ls", "-ls", "bans", "+custom", "custom"])
    def test_of_others_nobody_is_told(self, kind: str) -> None:
        entry = TABLE[kind]
        message = {"m": kind, "token": [], "target": {"mode": 5}, "x": {}}
        assert entry.shape.misfit(message) is None

    @pytest.mark.parametrize(
        "wanted",
        [
            {"name": "Ann", "color": "blue", "afk": 5},
            {"name": "", "color": "#112233"},
            {"afk": False, "name": 5, "x": 1},
        ],
    )
    def test_bad_parts_beside_a_good_one_are_silent(self, wanted: dict[str, object]) -> None:
        assert TABLE["userset"].shape(set=wanted).fault(Rules()) is None  # type: ignore[call-arg]


class TestTheHolder:
    def test_a_co_owner_neither_bans_nor_mutes_them(self) -> None:
        harness = DispatchHarness()
        holder, partner = harness.enter(ROOM), harness.enter(ROOM)
        holder.send("coowner", id_=partner.id)
        for client in (holder, partner):
            client.received()
        partner.send("kickban", id_=holder.id, ms=5)
        assert [message["code"] for message in partner.received()] == ["holder_is_safe"]
        harness.wait(6)
        partner.send("mute", id_=holder.id, notes=True)
        assert [message["code"] for message in partner.received()] == ["holder_is_safe"]
        assert harness.context.directory.rooms[ROOM].mutes == {}
        assert holder.received() == []

    def test_nobody_is_told_of_muting_themselves(self) -> None:
        harness = DispatchHarness()
        holder = harness.enter(ROOM)
        holder.received()
        holder.send("mute", id_=holder.id, chat=True)
        assert holder.received() == []


def test_a_frozen_name_is_told() -> None:
    harness = DispatchHarness()
    client = harness.enter(ROOM)
    client.received()
    user = client.session.user
    assert user is not None
    user.flags = {"freeze_name": True}
    client.send("userset", set={"name": "Ann", "color": "#112233"})
    assert [message["code"] for message in client.received()] == ["not_allowed"]
    assert (user.name, user.color) == ("Anonymous", "#112233")


def test_html_is_for_admins() -> None:
    assert [may_send_html(scope) for scope in (None, "read", "moderate", "admin")] == [
        *[False] * 3,
        True,
    ]


def test_data_may_be_as_deep_as_the_scanner_lets_through() -> None:
    harness = DispatchHarness()
    sender, reader = harness.enter(ROOM), harness.enter(ROOM)
    reader.send("+custom")
    reader.received()
    # The array of the frame, the message and 62 more make 64.
    data = orjson.loads("[" * 62 + "]" * 62)
    sender.send("custom", data=data, target={"mode": "subscribed"})
    (heard,) = reader.received()
    assert heard["data"] == data
