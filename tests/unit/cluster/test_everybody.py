"""Everything of users and of all: lists, notices, custom messages, profiles, acts of staff."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest

from fortepiano.cluster.registry import Home
from fortepiano.model.ban_list import SITE
from fortepiano.model.permissions import EVERYWHERE
from fortepiano.store.records import AuditQuery
from support.nodes import Fabric, Node, NodeClient

ANN, BEA, CAT, STAFF = "a" * 24, "b" * 24, "c" * 24, "f" * 24

Message = dict[str, Any]


def listed(client: NodeClient) -> dict[str, Message]:
    """The rooms in a fresh list."""
    client.received()
    client.send_one("+ls")
    (ls,) = [one for one in client.received() if one["m"] == "ls" and one["c"]]
    return {room["_id"]: room for room in ls["u"]}


def rows(messages: list[Message], room: str) -> list[Message]:
    """Return the rows of a room in lists and their changes."""
    return [row for ls in messages if ls["m"] == "ls" for row in ls["u"] if row["_id"] == room]


def open_rooms(node: Node, count: int) -> None:
    """Open rooms without people, whose home is a node."""
    for number in range(count):
        name = f"room {number}"
        open_room = partial(node.context.directory.open_room, name, {})
        node.context.elsewhere.when_found(name, open_room)


def codes(messages: list[Message]) -> list[str]:
    """The codes of the notices among some messages."""
    return [message["code"] for message in messages if message["m"] == "notification"]


def acts(fabric: Fabric) -> list[str]:
    """The acts in the audit log, the first one first."""
    return [row.action for row in reversed(fabric.store.audit(AuditQuery()))]


class TestTheList:
    def test_each_node_shows_the_rooms_of_all(self, fabric: Fabric) -> None:
        for number, node in enumerate(fabric.nodes):
            node.enter(f"{number:024x}", f"room {number}", color="#123456")
        for node in fabric.nodes:
            rooms = listed(node.enter(ANN))
            for number, _ in enumerate(fabric.nodes):
                room = rooms[f"room {number}"]
                assert (room["count"], room["settings"]["color"]) == (1, "#123456")
                assert room["crown"]["participantId"] == f"{number:024x}"

    def test_it_is_the_same_as_on_one_node(self, clusters: Callable[..., Fabric]) -> None:
        found = []
        for count in (1, 3):
            fabric = clusters(count)
            nodes = [fabric.nodes[number % count] for number in range(3)]
            nodes[0].enter(ANN, "room")
            nodes[1].enter(BEA, "room")
            nodes[1].enter(CAT, "hidden", visible=False)
            nodes[2].enter(CAT, "lobby")
            found.append(listed(nodes[2].enter(STAFF)))
        alone, together = found
        for rooms in found:
            for room in rooms.values():
                room.get("crown", {}).pop("time", None)
        assert alone == together
        assert (alone["room"]["count"], alone["lobby"]["count"]) == (2, 1)

    def test_no_request_leaves_the_node(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        first.enter(ANN, "room")
        reader = second.enter(BEA)
        reader.received()
        fabric.wait(1)
        before = fabric.broker.count
        assert listed(reader)["room"]["count"] == 1
        assert fabric.broker.count == before

    def test_changes_come_within_a_quarter_of_a_second(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        reader = second.enter(BEA)
        listed(reader)
        first.enter(ANN).send_one("ch", id_="room")
        fabric.wait(0.25)
        assert [row["count"] for row in rows(reader.taken(), "room")] == [1]

    def test_many_changes_are_collected(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        reader = second.enter(BEA)
        holder = first.enter(ANN, "room")
        listed(reader)
        before = fabric.broker.count
        for number in range(200):
            first.context.room_list.note_change(first.context.directory.rooms["room"])
            if number % 4 == 0:
                fabric.advance(0.01)
                fabric.pump()
        fabric.wait(0.5)
        assert holder.closed is None
        assert fabric.broker.count - before < 30 * len(fabric.nodes)
        assert len(rows(reader.taken(), "room")) < 8

    def test_a_room_that_ends_is_shown_once_with_nobody(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        reader, holder = second.enter(BEA), first.enter(ANN, "room")
        listed(reader)
        holder.vanish()
        fabric.wait(1)
        assert [row["count"] for row in rows(reader.received(), "room")] == [0]
        assert "room" not in listed(reader)
        assert "room" not in second.context.room_list.elsewhere

    def test_the_rooms_of_a_node_that_is_gone_are_gone(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        reader = second.enter(BEA)
        first.enter(ANN, "room")
        listed(reader)
        fabric.kill(first)
        fabric.wait(1)
        assert [row["count"] for row in rows(reader.received(), "room")] == [0]
        assert "room" not in listed(reader)
        assert "lobby" in listed(reader)

    def test_the_later_reign_is_right(self, fabric: Fabric) -> None:
        first, second, *others = fabric.nodes
        first.enter(ANN, "room").vanish()
        fabric.nodes[0].settle()
        second.enter(BEA, "room", color="#654321")
        for node in (first, *others):
            room = listed(node.enter(CAT))["room"]
            assert (room["count"], room["settings"]["color"]) == (1, "#654321")

    def test_a_newcomer_gets_all_at_once(self, clusters: Callable[..., Fabric]) -> None:
        fabric = clusters(2)
        first, second = fabric.nodes
        open_rooms(first, 1200)
        fabric.pump()
        second.context.room_list.elsewhere.clear()
        assert second.cluster is not None
        second.cluster.on_up()
        first.settle()
        assert len(listed(second.enter(ANN))) == 1202

    def test_bans_are_marked(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        holder = first.enter(ANN, "room")
        banned = second.enter(BEA, "room")
        holder.send_one("kickban", id_=BEA, ms=60_000)
        banned.received()
        assert listed(banned)["room"]["banned"] is True
        assert "banned" not in listed(second.enter(CAT))["room"]
        banned.received()
        holder.send_one("unban", id_=BEA)
        fabric.wait(1)
        assert "banned" not in rows(banned.received(), "room")[-1]

    def test_known_bots_see_people(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        first.enter(ANN, "room")
        second.enter(BEA, "shy", noindex=True)
        bot = fabric.nodes[-1].enter(CAT)
        bot.session.become(CAT, is_bot=True)
        bot.send_one("+ls")
        fabric.wait(0.5)
        (ls,) = [one for one in bot.received() if one["m"] == "ls" and one["c"]]
        rooms = {room["_id"]: room for room in ls["u"]}
        assert [one["_id"] for one in rooms["room"]["ppl"]] == [ANN]
        assert "ppl" not in rooms["shy"]
        second.enter(BEA, "room")
        fabric.wait(0.5)
        assert [one["_id"] for one in rows(bot.received(), "room")[-1]["ppl"]] == [ANN, BEA]

    def test_five_thousand_rooms_take_less_than_a_tenth_of_a_second(
        self, clusters: Callable[..., Fabric]
    ) -> None:
        fabric = clusters(2)
        first, second = fabric.nodes
        open_rooms(first, 5000)
        first.settle()
        reader = second.enter(ANN)
        reader.received()
        start = time.process_time()
        reader.send_one("+ls")
        took = time.process_time() - start
        assert len(listed(reader)) == 5002
        assert took < 0.1


class TestWhoIsOnline:
    def test_somebody_in_another_room_is_banned(self, fabric: Fabric) -> None:
        first, *_ = fabric.nodes
        holder = first.enter(ANN, "room")
        other = fabric.nodes[-1].enter(BEA, "elsewhere", name="x")
        other.send_one("userset", set={"name": "Bea"})
        other.received()
        holder.received()
        holder.send_one("kickban", id_=BEA, ms=60_000)
        (news,) = holder.received()
        assert news["text"] == "Anonymous kickbanned Bea from this room for 1 minute."
        assert acts(fabric) == ["kickban"]
        other.received()
        other.send_one("ch", id_="room")
        assert codes(other.received()) == ["banned"]

    def test_nobody_is_banned_who_is_nowhere(self, fabric: Fabric) -> None:
        holder = fabric.nodes[0].enter(ANN, "room")
        holder.received()
        holder.send_one("kickban", id_=BEA, ms=60_000)
        assert holder.received() == []
        assert acts(fabric) == []

    def test_only_the_one_message_waits(self, fabric: Fabric) -> None:
        first, *_ = fabric.nodes
        holder, other = first.enter(ANN, "room"), first.enter(CAT, "room")
        fabric.nodes[-1].enter(BEA, "elsewhere")
        holder.received()
        other.received()
        holder.send_one("kickban", id_=BEA, ms=60_000)
        holder.send_one("a", message="behind")
        other.send_one("a", message="not behind")
        heard = [one.get("a") or one["m"] for one in other.received()]
        assert heard == ["not behind", "notification", "behind"]

    def test_a_node_that_does_not_answer_is_not_waited_for(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        holder = first.enter(ANN, "room")
        second.is_alive = False
        holder.send_one("kickban", id_=BEA, ms=60_000)
        holder.send_one("a", message="hello")
        fabric.wait(0.6)
        assert [one.get("a") for one in holder.received() if one["m"] == "a"] == ["hello"]
        second.is_alive = True

    def test_who_asks_may_leave_meanwhile(self, fabric: Fabric) -> None:
        first, *_ = fabric.nodes
        holder = first.enter(ANN, "room")
        fabric.nodes[-1].enter(BEA, "elsewhere")
        holder.send_one("kickban", id_=BEA, ms=60_000)
        holder.vanish()
        first.settle()
        assert acts(fabric) == []

    def test_an_edge_bans_too(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        first.enter(CAT, "room").send_one("chown", id_=ANN)
        holder = second.enter(ANN, "room")
        first.clients[-1].send_one("chown", id_=ANN)
        holder.received()
        fabric.nodes[-1].enter(BEA, "elsewhere")
        holder.send_one("kickban", id_=BEA, ms=60_000)
        holder.send_one("a", message="behind")
        assert [one["m"] for one in holder.received()] == ["notification", "a"]

    def test_invitations_reach_the_invited(self, fabric: Fabric) -> None:
        first, *_ = fabric.nodes
        holder, tabs = first.enter(ANN, "room"), [node.enter(BEA) for node in fabric.nodes]
        for tab in tabs:
            tab.received()
        holder.send_one("invite", id_=BEA, on=True)
        assert [codes(tab.received()) for tab in tabs] == [["invited"]] * len(tabs)


class TestProfiles:
    def test_a_rename_reaches_all_tabs_and_the_store(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        tabs = [first.enter(ANN, "one"), second.enter(ANN, "two")]
        for tab in tabs:
            tab.received()
        tabs[0].send_one("userset", set={"name": "New", "color": "#123456"})
        for tab in tabs:
            assert [(one["name"], one["color"]) for one in tab.received()] == [("New", "#123456")]
        record = fabric.store.user(ANN)
        assert record is not None and record.name == "New"
        for node in fabric.nodes:
            again = node.open(ANN)
            again.send_one("hi")
            assert [one["u"]["name"] for one in again.received() if one["m"] == "hi"] == ["New"]

    def test_a_store_that_is_behind_reverts_nothing(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        one, two = first.enter(ANN, "room"), second.enter(ANN, "room")
        one.send_one("userset", set={"name": "Old"})
        one.received()
        behind = fabric.store.user(ANN)
        one.send_one("userset", set={"name": "New"})
        one.received()
        two.received()
        assert behind is not None
        fabric.store.save_user(behind)  # as the second node would still read it
        two.vanish()
        second.settle()
        record = fabric.store.user(ANN)
        assert record is not None and record.name == "New"

    def test_being_away_ends_with_the_connection(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        one = first.enter(ANN, "room")
        one.send_one("userset", set={"afk": True})
        one.vanish()
        watcher = second.enter(BEA, "room")
        again = second.enter(ANN, "room")
        again.received()
        (p,) = [m for m in watcher.received() if m["m"] == "p" and m["_id"] == ANN][-1:]
        assert p["afk"] is False

    def test_being_away_lasts_as_long_as_a_connection_anywhere(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        one, two = first.enter(ANN, "room"), second.enter(ANN, "room")
        one.send_one("userset", set={"afk": True})
        one.vanish()
        second.settle()
        assert two.session.user is not None and two.session.user.is_afk
        again = first.enter(ANN, "another")
        (ch,) = [m for m in again.log if m["m"] == "ch"]
        assert [one["afk"] for one in ch["ppl"]] == [True]
        two.vanish()
        again.vanish()
        second.settle()
        for node in fabric.nodes:
            back = node.enter(ANN, "room")
            assert back.session.user is not None and not back.session.user.is_afk

    def test_being_away_lasts_when_the_room_changes(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        watcher = first.enter(BEA, "room")
        one = second.enter(ANN, "room")
        one.send_one("userset", set={"afk": True})
        one.send_one("ch", id_="another")
        fabric.wait(0.1)
        one.send_one("ch", id_="room")
        (p,) = [m for m in watcher.received() if m["m"] == "p" and m["_id"] == ANN][-1:]
        assert p["afk"] is True


class TestCustomMessages:
    @pytest.mark.parametrize(
        "target",
        [
            {"mode": "subscribed", "global": True},
            {"mode": "id", "id": BEA, "global": True},
            {"mode": "ids", "ids": [BEA, CAT], "global": True},
            {"mode": "subscribed"},
            {"mode": "id", "id": BEA},
        ],
    )
    def test_it_is_as_on_one_node(self, clusters: Callable[..., Fabric], target: Message) -> None:
        found = []
        for count in (1, 3):
            fabric = clusters(count)
            nodes = [fabric.nodes[number % count] for number in range(3)]
            people = [
                nodes[0].enter(ANN, "room"),
                nodes[1].enter(BEA, "room"),
                nodes[2].enter(BEA, "other"),
                nodes[2].enter(CAT, "other"),
                nodes[0].enter(ANN, "room"),
            ]
            for one in people:
                one.send_one("+custom")
                one.received()
            people[0].send_one("custom", data={"hello": 1}, target=target)
            found.append([[m["m"] for m in one.received()] for one in people])
        assert found[0] == found[1]
        assert ["custom"] in found[1]

    def test_tabs_at_two_nodes_have_one_budget(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        one, two = first.enter(ANN), second.enter(ANN)
        target = {"mode": "subscribed", "global": True}
        most = first.context.rules.custom_bytes
        one.send_one("custom", data="x" * (most - 2), target=target)
        one.received()
        two.received()
        two.send_one("custom", data=1, target=target)
        assert codes(two.received()) == ["too_fast"]


def staff_at(node: Node, scope: Any = "admin") -> NodeClient:
    """A member of staff outside of rooms."""
    staff = node.staff(STAFF, scope=scope)
    staff.received()
    return staff


def order(staff: NodeClient, m: str, **fields: Any) -> list[str]:
    """Let staff act; return the codes of the notices that they get."""
    inner = {"m": m} | {("_id" if key == "id_" else key): value for key, value in fields.items()}
    staff.send_one("admin message", msg=inner)
    return codes(staff.received())


class TestStaff:
    @pytest.mark.parametrize("fields", [{"targetChannel": "*"}, {"targetUser": "*"}])
    def test_a_notice_to_everybody_comes_once(self, fabric: Fabric, fields: dict[str, str]) -> None:
        people = [node.enter(f"{n:024x}", "room") for n, node in enumerate(fabric.nodes)]
        staff = staff_at(fabric.nodes[0])
        for one in people:
            one.received()
        order(staff, "notification", text="hello", **dict.fromkeys(fields, EVERYWHERE))
        assert [len(one.received()) for one in people] == [1] * len(people)
        assert acts(fabric) == ["notice"]

    def test_a_notice_to_a_room_or_a_user(self, fabric: Fabric) -> None:
        people = [node.enter(f"{n:024x}", "room") for n, node in enumerate(fabric.nodes)]
        staff = staff_at(fabric.nodes[-1])
        for one in people:
            one.received()
        assert order(staff, "notification", text="hello", targetChannel="room") == []
        assert [len(one.received()) for one in people] == [1] * len(people)
        assert order(staff, "notification", text="hello", targetUser=people[0].id) == []
        assert [len(one.received()) for one in people] == [1] + [0] * (len(people) - 1)
        assert order(staff, "notification", text="hello", targetUser=CAT) == ["not_found"]
        fabric.wait(6)
        assert order(staff, "notification", text="hello", targetChannel="nowhere") == ["not_found"]
        assert acts(fabric) == ["notice", "notice"]
        assert "nowhere" not in fabric.homes

    def test_a_notice_to_a_room_and_a_user(self, fabric: Fabric) -> None:
        first, *_, last = fabric.nodes
        there, elsewhere = first.enter(ANN, "room"), last.enter(BEA, "another")
        staff = staff_at(last)
        for one in (there, elsewhere):
            one.received()
        assert order(staff, "notification", text="hi", targetChannel="room", targetUser=BEA) == []
        assert [codes(one.received()) for one in (there, elsewhere)] == [["staff_notice"]] * 2

    def test_a_home_that_says_it_is_none_is_given_up(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        first.enter(ANN, "room")
        home = fabric.homes["room"]
        fabric.homes["room"] = Home(home.epoch + 1, home.nid, "")
        staff = staff_at(second)
        assert order(staff, "forceload", id_="room") == ["unreachable"]
        assert order(staff, "notification", text="hello", targetUser=ANN) == []

    def test_an_act_that_is_done_ends_no_other_wait(self, fabric: Fabric) -> None:
        first, *others = fabric.nodes
        staff = staff_at(first)
        began = fabric.now
        assert order(staff, "forceload", id_="kept") == []
        fabric.advance(began + 2.9 - fabric.now)
        for node in others:
            node.is_alive = False  # nobody answers where the user is
        staff.send({"m": "admin message", "msg": {"m": "tag", "_id": CAT, "tag": None}})
        fabric.advance(0.2)
        fabric.advance(1)
        assert codes(staff.received()) == ["not_found"]

    @pytest.mark.parametrize(
        ("kind", "fields", "action"),
        [
            ("setname", {"name": "New"}, "setname"),
            ("setcolor", {"color": "#123456"}, "setcolor"),
            ("tag", {"tag": {"text": "TAG"}}, "tag"),
            ("user_flag", {"key": "no chat", "value": True}, "user_flag"),
        ],
    )
    def test_a_user_at_another_node_is_changed(
        self, fabric: Fabric, kind: str, fields: Message, action: str
    ) -> None:
        first, second, *_ = fabric.nodes
        person, watcher = second.enter(ANN, "room"), fabric.nodes[-1].enter(BEA, "room")
        staff = staff_at(first)
        assert order(staff, kind, id_=ANN, **fields) == []
        assert acts(fabric) == [action]
        user = person.session.user
        assert user is not None
        assert (user.name, user.color, user.tag, user.flags) != (
            "Anonymous",
            "#aaaaaa",
            None,
            None,
        )
        if kind != "user_flag":
            (p,) = [one for one in watcher.received() if one["m"] == "p"][-1:]
            assert p["_id"] == ANN

    def test_plain_messages_of_staff(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        person = second.enter(ANN, "room")
        staff = staff_at(first)
        staff.send_one("setname", id_=ANN, name="New")
        staff.received()
        assert person.session.user is not None and person.session.user.name == "New"
        staff.send_one("setcolor", id_=BEA, color="#123456")
        assert codes(staff.received()) == ["not_found"]

    def test_all_tabs_of_a_user_are_moved(self, fabric: Fabric) -> None:
        tabs = [node.enter(ANN, f"room {n}") for n, node in enumerate(fabric.nodes)]
        staff = staff_at(fabric.nodes[-1])
        for tab in tabs:
            tab.received()
        assert order(staff, "move", id_=ANN, ch="new") == []
        for tab in tabs:
            rooms = [one["ch"]["_id"] for one in tab.received() if one["m"] == "ch"]
            assert rooms == ["new"]
        assert acts(fabric) == ["move"]

    def test_rooms_of_other_nodes(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        holder = second.enter(ANN, "room")
        staff = staff_at(first)
        holder.received()
        assert order(staff, "admin_chat", id_="room", message="hear") == []
        assert [one["a"] for one in holder.received()] == ["hear"]
        assert order(staff, "ch_flag", id_="room", key="limit", value=3) == []
        assert [one["ch"]["settings"]["limit"] for one in holder.received()] == [3]
        assert order(staff, "forceload", id_="room") == []
        assert second.context.directory.rooms["room"].is_permanent
        assert order(staff, "unforceload", id_="room") == []
        assert not second.context.directory.rooms["room"].is_permanent
        assert order(staff, "unforceload", id_="nowhere") == ["not_found"]
        assert acts(fabric) == ["limit", "forceload", "unforceload"]
        assert "nowhere" not in fabric.homes

    def test_everything_restarts(self, fabric: Fabric) -> None:
        stopped: list[int] = []
        for node in fabric.nodes:
            node.context.stop = lambda nid=node.nid: stopped.append(nid)  # type: ignore[misc]
        people = [node.enter(f"{n:024x}") for n, node in enumerate(fabric.nodes)]
        staff = staff_at(fabric.nodes[0])
        for one in people:
            one.received()
        assert order(staff, "restart") == ["restart"]
        assert [codes(one.received()) for one in people] == [["restart"]] * len(people)
        fabric.wait(20)
        assert sorted(stopped) == [node.nid for node in fabric.nodes]
        assert acts(fabric) == ["restart"]

    def test_a_site_ban_holds_everywhere(self, fabric: Fabric) -> None:
        tabs = [node.open(ANN, address=f"192.0.2.{n}") for n, node in enumerate(fabric.nodes)]
        for tab in tabs:
            tab.send_one("hi")
            tab.send_one("ch", id_="room")
        staff = staff_at(fabric.nodes[-1])
        staff.send_one("siteban", id=ANN, duration=60_000, reason="spam")
        assert codes(staff.received()) == ["done"]
        for tab in tabs:
            assert codes(tab.received()) == ["site_banned"]
            assert tab.closed == 4008
        assert acts(fabric) == ["siteban"]
        bans = [ban.subject for ban in fabric.store.bans() if ban.room == SITE]
        assert ANN in bans

    def test_a_network_at_another_node_is_banned(self, fabric: Fabric) -> None:
        person = fabric.nodes[1].open(ANN, address="192.0.2.7")
        person.send_one("hi")
        person.received()
        staff = staff_at(fabric.nodes[0])
        staff.send_one("siteban", id=ANN, duration=60_000, network=24)
        assert codes(staff.received()) == ["done"]
        wanted = set(fabric.nodes[1].context.identity.network_ids("192.0.2.7"))
        assert {ban.subject for ban in fabric.store.bans()} & wanted
        neighbour = fabric.nodes[-1].open(BEA, address="192.0.2.8")
        neighbour.send_one("hi")
        assert codes(neighbour.received()) == ["site_banned"]

    def test_vanishing_holds_in_rooms_of_other_nodes(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        person = first.enter(ANN, "room")
        staff = second.staff(STAFF, "room")
        person.received()
        staff.send_one("v", vanish=True)
        assert [one["m"] for one in person.received()] == ["bye", "ch"]
        assert listed(first.enter(BEA))["room"]["count"] == 1


class TestHousekeeping:
    def test_one_node_keeps_house(self, fabric: Fabric) -> None:
        def keepers() -> list[int]:
            alive = [node for node in fabric.nodes if node.is_alive]
            return [node.nid for node in alive if node.context.elsewhere.keeps_house()]

        assert keepers() == [1]
        fabric.kill(fabric.nodes[0])
        assert keepers() == [2]

    def test_a_mute_is_noticed_once(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        holder, muted = first.enter(ANN, "room"), second.enter(BEA, "room")
        holder.send_one("mute", id_=BEA, notes=True, chat=True)
        muted.received()
        muted.send_one("n", t=1, n=[{"n": "c4", "v": 1}])
        muted.send_one("a", message="hello")
        assert codes(muted.received()) == ["muted"]

    def test_bye_waits_for_what_came_before(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        holder, guest = first.enter(ANN, "room"), second.enter(BEA, "room")
        holder.received()
        guest.received()
        guest.send({"m": "a", "message": "last"}, {"m": "bye"}, {"m": "a", "message": "never"})
        assert [one.get("a") for one in guest.received()] == ["last"]
        assert guest.closed == 1000
        assert [one["m"] for one in holder.received()] == ["a", "bye"]

    def test_one_quota_for_tabs_in_one_room(self, fabric: Fabric) -> None:
        first, second, *_ = fabric.nodes
        listener = first.enter(BEA, "room")
        tabs = [first.enter(ANN, "room"), second.enter(ANN, "room")]
        listener.received()
        most = first.context.rules.quota_normal.max
        for tab in tabs:
            for start in range(0, most, 400):
                notes = [{"n": "c4", "v": 1}] * min(400, most - start)
                tab.send_one("n", t=1, n=notes)
            listener.node.settle()
        heard = sum(len(one["n"]) for one in listener.received() if one["m"] == "n")
        allowance = first.context.rules.quota_normal.allowance
        assert most <= heard <= most + 3 * allowance


def test_bans_of_a_room_are_in_the_payload_of_all(fabric: Fabric) -> None:
    holder = fabric.nodes[0].enter(ANN, "room")
    fabric.nodes[-1].enter(BEA, "elsewhere")
    holder.send_one("kickban", id_=BEA, ms=60_000)
    holder.received()
    holder.send_one("bans")
    (answer,) = holder.received()
    assert orjson.dumps(answer["bans"])
    assert [ban["_id"] for ban in answer["bans"]] == [BEA]
