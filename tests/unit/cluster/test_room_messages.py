"""People of one node act in a room whose home is another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.nodes import Fabric, NodeClient

HOLDER, GUEST, THIRD = "a" * 24, "b" * 24, "c" * 24


@pytest.fixture
def three(fabric: Fabric) -> tuple[NodeClient, NodeClient, NodeClient]:
    """The holder at the home, a guest at another node, and a third at the last one."""
    first, second, *_ = fabric.nodes
    clients = (
        first.enter(HOLDER, "room"),
        second.enter(GUEST, "room"),
        fabric.nodes[-1].enter(THIRD, "room"),
    )
    for client in clients:
        client.received()
    return clients


Three = tuple[NodeClient, NodeClient, NodeClient]


def all_received(clients: Three) -> list[list[dict[str, Any]]]:
    return [client.received() for client in clients]


def test_chat_is_heard_once_by_all(three: Three) -> None:
    for client in three:
        client.send_one("a", message=f"of {client.id}")
        heard = all_received(three)
        assert [[m["a"] for m in messages] for messages in heard] == [[f"of {client.id}"]] * 3
        assert heard[0][0]["p"]["_id"] == client.id


def test_who_enters_later_gets_the_chat(three: Three, fabric: Fabric) -> None:
    _holder, _guest, third = three
    for client in three:
        client.send_one("a", message=client.id)
        client.received()
    third.send_one("ch", id_="other")
    third.received()
    third.send_one("ch", id_="room")
    (c,) = [message for message in third.received() if message["m"] == "c"]
    assert [line["a"] for line in c["c"]] == [client.id for client in three]


def test_dm_is_between_two(three: Three) -> None:
    _holder, guest, third = three
    guest.send_one("dm", id_=HOLDER, message="psst")
    heard = all_received(three)
    assert [[m["m"] for m in messages] for messages in heard] == [["dm"], ["dm"], []]
    third.send_one("dm", id_=GUEST, message="psst")
    heard = all_received(three)
    assert [[m["m"] for m in messages] for messages in heard] == [[], ["dm"], ["dm"]]
    third.send_one("ch", id_="room")
    (c,) = [message for message in third.received() if message["m"] == "c"]
    assert [line["m"] for line in c["c"]] == ["dm"]


def test_settings_of_a_remote_holder(three: Three) -> None:
    holder, guest, third = three
    holder.send_one("chown", id=GUEST)
    for messages in all_received(three):
        assert messages[0]["ch"]["crown"]["participantId"] == GUEST
    guest.send_one("chset", set={"color": "#123456", "chat": False})
    for messages in all_received(three):
        (ch,) = messages
        assert (ch["m"], ch["ch"]["settings"]["color"]) == ("ch", "#123456")
    third.send_one("a", message="chat is off")
    (refusal,) = third.received()
    assert refusal["code"] == "chat_off"
    third.send_one("chset", set={"chat": True})
    (refusal,) = third.received()
    assert refusal["code"] == "only_owner"


def test_the_crown_passes_when_its_remote_holder_leaves(three: Three) -> None:
    holder, guest, third = three
    holder.send_one("chown", id=THIRD)
    all_received(three)
    third.vanish()
    for client in (holder, guest):
        (ch,) = [message for message in client.received() if message["m"] != "nq"]
        assert ch["ch"]["crown"]["participantId"] == HOLDER
        assert [entry["id"] for entry in ch["ppl"]] == [HOLDER, GUEST]


def test_a_remote_holder_drops_the_crown_and_takes_it_again(three: Three) -> None:
    holder, guest, third = three
    holder.send_one("chown", id=GUEST)
    all_received(three)
    guest.send_one("chown")
    for messages in all_received(three):
        crown = messages[0]["ch"]["crown"]
        assert (crown["userId"], crown.get("participantId")) == (GUEST, None)
    third.send_one("chown", id=THIRD)
    assert [message["code"] for message in third.received()] == ["crown_rests"]
    guest.send_one("chown", id=GUEST)
    for messages in all_received(three):
        assert messages[0]["ch"]["crown"]["participantId"] == GUEST


def test_quota_of_a_remote_participant(three: Three) -> None:
    holder, guest, _third = three
    holder.send_one("chown", id=GUEST)
    guest.received()
    assert guest.session.stay is not None
    assert guest.session.stay.is_holder
    guest.send_one("chset", set={"noteQuota": 10})
    (capped,) = [message for message in guest.received() if message["m"] == "nq"]
    assert capped["allowance"] == 10
    assert guest.session.stay.quota is not None
    assert guest.session.stay.quota.allowance == 10
    holder.send_one("n", t=1, n=[{"n": "a1", "v": 0.5}] * 11)
    guest.send_one("n", t=1, n=[{"n": "a1", "v": 0.5}] * 40)
    assert [message["code"] for message in guest.received() if "code" in message] == ["too_fast"]


def test_mutes_hold_at_all_nodes(three: Three) -> None:
    holder, guest, third = three
    holder.send_one("mute", id_=GUEST, notes=True, chat=True)
    assert [message["code"] for message in guest.received()] == ["muted"]
    guest.send_one("a", message="x")
    guest.send_one("n", t=1, n=[{"n": "a1", "v": 0.5}])
    assert {message["code"] for message in guest.received()} == {"muted"}
    assert holder.received() == third.received() == []


def test_notes_reach_all_but_their_player(three: Three) -> None:
    for client in three:
        client.send_one("n", t=1, n=[{"n": "a1", "v": 0.5}])
        heard = all_received(three)
        for other, messages in zip(three, heard, strict=True):
            kinds = [(message["m"], message["p"]) for message in messages]
            assert kinds == ([] if other is client else [("n", client.id)])


def test_pointers_reach_all_but_their_user(three: Three) -> None:
    for client in three:
        client.send_one("m", x="11", y="22")
        heard = all_received(three)
        for other, messages in zip(three, heard, strict=True):
            kinds = [(message["m"], message["id"]) for message in messages]
            assert kinds == ([] if other is client else [("m", client.id)])


def test_only_a_remote_holder_plays_alone(three: Three) -> None:
    holder, guest, third = three
    holder.send_one("chown", id=GUEST)
    guest.received()
    guest.send_one("chset", set={"crownsolo": True})
    all_received(three)
    for client in (holder, third):
        client.send_one("n", t=1, n=[{"n": "a1", "v": 0.5}])
    assert [m["code"] for m in holder.received()] == ["only_owner_plays"]
    assert [m["code"] for m in third.received()] == ["only_owner_plays"]
    assert guest.received() == []
    guest.send_one("n", t=1, n=[{"n": "a1", "v": 0.5}])
    assert [m["m"] for m in holder.received()] == ["n"]
    assert [m["m"] for m in third.received()] == ["n"]


def test_coowners_and_invitations(three: Three) -> None:
    holder, guest, third = three
    holder.send_one("coowner", id_=GUEST, on=True)
    assert [message["m"] for message in guest.received()] == ["ch", "notification"]
    guest.send_one("chset", set={"inviteOnly": True})
    all_received(three)
    third.send_one("ch", id_="other")
    third.received()
    third.send_one("ch", id_="room")
    assert [message["code"] for message in third.received()] == ["invited_only"]
    guest.send_one("invite", id_=THIRD, on=True)
    guest.received()
    assert [message["code"] for message in third.received()] == ["invited"]
    third.send_one("ch", id_="room")
    assert [message["m"] for message in third.received()] == ["ch", "c", "nq"]


def test_names_change_at_all_nodes(three: Three) -> None:
    for client in three:
        client.send_one("userset", set={"name": f"I am {client.id[0]}"})
        for messages in all_received(three):
            (p,) = messages
            assert (p["m"], p["id"], p["name"]) == ("p", client.id, f"I am {client.id[0]}")
    for client in three:
        client.send_one("a", message="hello")
        assert [m["p"]["name"] for m in three[0].received()] == [f"I am {client.id[0]}"]


def test_a_user_with_tabs_at_two_nodes_has_one_name(three: Three) -> None:
    holder, guest, _third = three
    elsewhere = holder.node.enter(GUEST, "elsewhere")
    elsewhere.received()
    guest.send_one("userset", set={"name": "new"})
    all_received(three)
    assert [message["name"] for message in elsewhere.received()] == ["new"]
    elsewhere.send_one("userset", set={"name": "newer"})
    for messages in all_received(three):
        assert [message["name"] for message in messages] == ["newer"]


def test_staff_of_another_node_hide_and_clear_chat(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, staff = first.enter(HOLDER, "room"), second.staff(GUEST, "room")
    holder.received()
    staff.received()
    holder.send_one("a", message="x")
    holder.received()
    staff.received()
    staff.send_one("clearchat")
    assert [(m["m"], m["c"]) for m in holder.received()] == [("c", [])]
    staff.received()
    staff.send_one("v", vanish=True)
    assert [m["m"] for m in holder.received()] == ["bye", "ch"]
    kinds = [m["m"] for m in staff.received()]
    assert kinds.count("ch") == 1
    staff.send_one("v", vanish=False)
    assert [m["m"] for m in holder.received()] == ["p"]


def test_staff_of_another_node_act_by_admin_messages(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, staff = first.enter(HOLDER, "room"), second.staff(GUEST, "room")
    holder.received()
    staff.received()
    staff.send_one("admin message", msg={"m": "admin_chat", "message": "hear ye"})
    assert [m["a"] for m in holder.received()] == ["hear ye"]
    staff.send_one("admin message", msg={"m": "setname", "_id": HOLDER, "name": "Bob"})
    assert [m["name"] for m in holder.received()] == ["Bob"]
    staff.send_one("admin message", msg={"m": "move", "_id": HOLDER, "ch": "there"})
    (ch, *_) = holder.received()
    assert ch["ch"]["_id"] == "there"
    staff.send_one("admin message", msg={"m": "ch", "_id": "there"})
    (ch, *_) = [m for m in staff.received() if m["m"] == "ch" and m["ch"]["_id"] == "there"]
    assert [entry["id"] for entry in ch["ppl"]] == [HOLDER, GUEST]


def test_a_renamed_room_keeps_people_and_crown(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    staff = first.staff(THIRD, "room")
    holder.send_one("chown", id=GUEST)
    for client in (holder, guest, staff):
        client.received()
    staff.send_one("admin message", msg={"m": "rename_channel", "_id": "renamed"})
    for client in (holder, guest, staff):
        messages = client.received()
        (*_, ch) = [message for message in messages if message["m"] == "ch"]
        assert ch["ch"]["_id"] == "renamed"
    last = [message for message in guest.log if message["m"] == "ch"][-1]
    assert {entry["id"] for entry in last["ppl"]} == {HOLDER, GUEST, THIRD}
    room = first.context.directory.rooms["renamed"]
    assert room.holder is not None
    assert room.holder.id == GUEST


def test_a_ban_from_the_site_ends_the_connection_at_the_other_node(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    staff = first.staff(THIRD, "room")
    for client in (holder, guest, staff):
        client.received()
    staff.send_one("siteban", id=GUEST, permanent=True)
    assert [m["m"] for m in holder.received()] == ["bye"]
    guest.received()
    assert guest.closed == 4008


def test_who_says_bye_gets_the_last_answers_and_nothing_more_is_handled(three: Three) -> None:
    holder, guest, _third = three
    guest.send(
        {"m": "a", "message": "last words"},
        {"m": "bye"},
        {"m": "a", "message": "a ghost"},
        {"m": "n", "t": 1, "n": [{"n": "c3"}]},
        {"m": "ch", "_id": "other"},
    )
    assert [message["a"] for message in guest.received()] == ["last words"]
    assert guest.closed == 1000
    assert [message["m"] for message in holder.received()] == ["a", "bye"]


def test_notices_of_hub_and_home_come_once_in_a_while_together(three: Three) -> None:
    holder, guest, _third = three
    holder.send_one("mute", id_=GUEST, notes=True, chat=True)
    guest.received()
    guest.send_one("n", t=1, n=[{"n": "a1", "v": 0.5}])
    guest.received()
    guest.send_one("a", message="x")
    assert guest.received() == []


def test_rates_hold_at_the_edge(three: Three) -> None:
    holder, guest, _third = three
    for number in range(30):
        guest.send_one("a", message=str(number))
    refused = [m for m in guest.received() if m["m"] == "notification"]
    assert [message["code"] for message in refused] == ["too_fast"]
    lines = [m for m in holder.received() if m["m"] == "a"]
    assert 0 < len(lines) < 30
    home = holder.node.context.counters
    assert home.too_fast["a"] == 0


def test_malformed_messages_are_refused_once(three: Three) -> None:
    _holder, guest, _third = three
    guest.send_one("chset", set=5)
    assert [m["m"] for m in guest.received()] == ["notification"]
    guest.send_one("chown", id=5)
    assert len(guest.received()) == 1


def test_a_replica_is_no_room_of_its_node(three: Three, fabric: Fabric) -> None:
    _holder, guest, _third = three
    assert "room" not in guest.node.context.directory.rooms


def test_what_remote_messages_cause_is_charged_to_their_subscriber(
    clusters: Callable[..., Fabric],
) -> None:
    fabric = clusters(2)
    first, second = fabric.nodes
    for number in range(30):
        first.enter(f"{number:024x}", "room")
    guest = second.open(GUEST, address="192.0.2.1", is_limited=True)
    guest.send_one("hi")
    guest.send_one("ch", id_="room")
    guest.received()
    for _ in range(4):
        guest.send_one("a", message="x" * 400)
        guest.received()
    now = second.context.now()
    assert second.context.rates._table.full_at_ms("192.0.2.1", "output") > now - 10_000
