from typing import Any

import pytest

from fortepiano.model.room_entry import entry_refusal
from support.dispatch_harness import DispatchHarness, FakeClient

ROOM = "a room"

INVITED = "That room is for invited people only."
FULL = "That room is full."
ONLINE = "You have not been online long enough for that room."
BOT = "Bots may not enter that room."


def asked(harness: DispatchHarness, client: FakeClient) -> str | None:
    """Return the reason why a client may not enter the room."""
    room, user = harness.context.directory.rooms[ROOM], client.session.user
    assert user is not None
    refusal = entry_refusal(room, client.session, user, harness.context.now())
    return None if refusal is None else refusal[1]


class TestWhyNot:
    @pytest.mark.parametrize(
        ("wanted", "why"),
        [
            ({}, None),
            ({"limit": 2}, FULL),
            ({"limit": 1}, FULL),
            ({"limit": 0}, FULL),
            ({"limit": 3}, None),
            ({"minOnlineTime": 1}, ONLINE),
            ({"minOnlineTime": 0}, None),
            ({"allowBots": False}, BOT),
            ({"allowBots": True}, None),
            ({"noindex": True}, None),
            ({"visible": False}, None),
            ({"inviteOnly": True}, INVITED),
            ({"inviteOnly": False}, None),
            # The first reason counts.
            ({"inviteOnly": True, "limit": 0, "minOnlineTime": 1, "allowBots": False}, INVITED),
            ({"limit": 0, "minOnlineTime": 1, "allowBots": False}, FULL),
            ({"minOnlineTime": 1, "allowBots": False}, ONLINE),
        ],
    )
    def test_table(self, wanted: dict[str, Any], why: str | None) -> None:
        harness = DispatchHarness()
        holder, second = harness.enter(ROOM), harness.enter(ROOM)
        holder.send("chset", set=wanted)
        stranger = harness.enter()
        stranger.session.is_bot = True
        assert asked(harness, stranger) == why
        # A participant may enter again, with another tab.
        assert asked(harness, holder) is None
        assert asked(harness, second) is None

    def closed(self, harness: DispatchHarness) -> FakeClient:
        """Close the room to all, and return its holder."""
        holder = harness.enter(ROOM)
        wanted = {"inviteOnly": True, "limit": 0, "minOnlineTime": 86_400_000, "allowBots": False}
        holder.send("chset", set=wanted)
        return holder

    @pytest.mark.parametrize("why", ["co-owner", "owner", "staff", "last holder"])
    def test_who_may_always(self, why: str) -> None:
        harness = DispatchHarness()
        holder = self.closed(harness)
        stranger = harness.enter()
        assert asked(harness, stranger) == INVITED
        room = harness.context.directory.rooms[ROOM]
        match why:
            case "co-owner":
                room.co_owners.add(stranger.id)
            case "owner":
                room.settings["owner_id"] = stranger.id
            case "staff":
                stranger.session.permissions = frozenset({"clearChat"})
            case "last holder":
                holder.send("chown")
                assert room.crown is not None
                room.crown.user_id = stranger.id
        assert asked(harness, stranger) is None

    def test_an_invitation_opens_nothing_else(self) -> None:
        harness = DispatchHarness()
        holder = self.closed(harness)
        guest = harness.enter()
        holder.send("invite", id_=guest.id)
        assert asked(harness, guest) == FULL

    @pytest.mark.parametrize(("seconds", "why"), [(59.9, ONLINE), (60.1, None)])
    def test_time_online(self, seconds: float, why: str | None) -> None:
        harness = DispatchHarness()
        holder = harness.enter(ROOM)
        holder.send("chset", set={"minOnlineTime": 60_000})
        stranger = harness.enter()
        harness.wait(seconds)
        assert asked(harness, stranger) == why

    @pytest.mark.parametrize(
        ("who", "why"),
        [
            ("a stranger", BOT),
            ("who made it", None),
            ("the holder", None),
            ("with a token of the operator's", None),
            ("with a token of a browser's", None),
        ],
    )
    def test_bots_that_may(self, who: str, why: str | None) -> None:
        harness = DispatchHarness()
        maker, holder = harness.enter(ROOM, allowBots=False), harness.enter(ROOM)
        harness.enter(ROOM)
        maker.send("chown", id=holder.id)
        maker.send("ch", id_="lobby")
        bot = maker if who == "who made it" else holder if who == "the holder" else None
        if bot is holder:
            holder.send("chown")
            holder.send("ch", id_="lobby")
        bot = bot or harness.enter()
        bot.session.is_bot = True
        if who.startswith("with"):
            bot.session.become(bot.id, is_bot="operator" in who)
        assert asked(harness, bot) == why

    def test_having_made_it_opens_no_other_door(self) -> None:
        harness = DispatchHarness()
        maker = harness.enter(ROOM, limit=1)
        holder = harness.enter()
        maker.send("chset", set={"limit": 2})
        holder.send("ch", id_=ROOM)
        maker.send("chown", id=holder.id)
        maker.send("ch", id_="lobby")
        holder.send("chset", set={"limit": 1})
        assert asked(harness, maker) == FULL
        holder.send("chset", set={"limit": 0, "allowBots": False, "inviteOnly": True})
        assert asked(harness, maker) == INVITED

    def test_people_are_no_bots(self) -> None:
        harness = DispatchHarness()
        harness.enter(ROOM, allowBots=False)
        assert asked(harness, harness.enter()) is None


class TestBans:
    @pytest.mark.parametrize(
        ("seconds", "left"),
        [(0, "2 minutes"), (59, "2 minutes"), (61, "1 minute"), (119, "1 minute"), (121, None)],
    )
    def test_time_left(self, seconds: float, left: str | None) -> None:
        harness = DispatchHarness()
        holder, other = harness.enter(ROOM), harness.enter(ROOM)
        holder.send("kickban", id_=other.id, ms=120_000)
        assert other.room == "test/awkward"
        harness.wait(seconds)
        other.received()
        other.send("ch", id_=ROOM)
        assert other.room == ("test/awkward" if left else ROOM)
        texts = [message["text"] for message in other.received() if message["m"] == "notification"]
        assert texts == ([f'You are banned from "{ROOM}" for {left}.'] if left else [])


class TestSlowMode:
    def history(self, harness: DispatchHarness) -> list[str]:
        return [line["a"] for line in harness.context.directory.rooms[ROOM].history]

    @pytest.mark.parametrize(("seconds", "is_heard"), [(9.9, False), (10.1, True)])
    def test_the_pause(self, seconds: float, is_heard: bool) -> None:
        harness = DispatchHarness()
        harness.enter(ROOM, slowMode=10)
        other = harness.enter(ROOM)
        other.send("a", message="one")
        harness.wait(seconds)
        other.send("a", message="two")
        assert self.history(harness) == (["one", "two"] if is_heard else ["one"])

    def test_what_was_refused_does_not_make_it_longer(self) -> None:
        harness = DispatchHarness()
        harness.enter(ROOM, slowMode=10)
        other = harness.enter(ROOM)
        for text in ("one", "two", "three"):
            other.send("a", message=text)
            harness.wait(6)
        assert self.history(harness) == ["one", "three"]

    def test_only_who_still_waits_is_remembered(self) -> None:
        harness = DispatchHarness()
        harness.enter(ROOM, slowMode=10)
        people = [harness.enter(ROOM) for _ in range(5)]
        for client in people:
            client.send("a", message="hello")
            harness.wait(4)
        room = harness.context.directory.rooms[ROOM]
        assert list(room.last_lines) == [client.id for client in people[2:]]
