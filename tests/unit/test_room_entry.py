from typing import Any

import pytest

from fortepiano.model.room_entry import entry_refusal
from support.dispatch_harness import Actor, Backstage

ROOM = "a room"

INVITED = "That room is for invited people only."
FULL = "That room is full."
ONLINE = "You have not been online long enough for that room."
BOT = "Bots may not enter that room."


def asked(backstage: Backstage, actor: Actor) -> str | None:
    """Return why somebody may not enter the room."""
    room, user = backstage.context.directory.rooms[ROOM], actor.session.user
    assert user is not None
    refusal = entry_refusal(room, actor.session, user, backstage.context.now())
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
        backstage = Backstage()
        holder, second = backstage.enter(ROOM), backstage.enter(ROOM)
        holder.send("chset", set=wanted)
        stranger = backstage.enter()
        stranger.session.is_bot = True
        assert asked(backstage, stranger) == why
        # Whoever is there may come again, with another tab.
        assert asked(backstage, holder) is None
        assert asked(backstage, second) is None

    def closed(self, backstage: Backstage) -> Actor:
        """Close the room to all, and return its holder."""
        holder = backstage.enter(ROOM)
        wanted = {"inviteOnly": True, "limit": 0, "minOnlineTime": 86_400_000, "allowBots": False}
        holder.send("chset", set=wanted)
        return holder

    @pytest.mark.parametrize("why", ["co-owner", "owner", "staff", "last holder"])
    def test_who_may_always(self, why: str) -> None:
        backstage = Backstage()
        holder = self.closed(backstage)
        stranger = backstage.enter()
        assert asked(backstage, stranger) == INVITED
        room = backstage.context.directory.rooms[ROOM]
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
        assert asked(backstage, stranger) is None

    def test_an_invitation_opens_nothing_else(self) -> None:
        backstage = Backstage()
        holder = self.closed(backstage)
        guest = backstage.enter()
        holder.send("invite", id_=guest.id)
        assert asked(backstage, guest) == FULL

    @pytest.mark.parametrize(("seconds", "why"), [(59.9, ONLINE), (60.1, None)])
    def test_time_online(self, seconds: float, why: str | None) -> None:
        backstage = Backstage()
        holder = backstage.enter(ROOM)
        holder.send("chset", set={"minOnlineTime": 60_000})
        stranger = backstage.enter()
        backstage.wait(seconds)
        assert asked(backstage, stranger) == why

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
        backstage = Backstage()
        maker, holder = backstage.enter(ROOM, allowBots=False), backstage.enter(ROOM)
        backstage.enter(ROOM)
        maker.send("chown", id=holder.id)
        maker.send("ch", id_="lobby")
        bot = maker if who == "who made it" else holder if who == "the holder" else None
        if bot is holder:
            holder.send("chown")
            holder.send("ch", id_="lobby")
        bot = bot or backstage.enter()
        bot.session.is_bot = True
        if who.startswith("with"):
            bot.session.become(bot.id, is_bot="operator" in who)
        assert asked(backstage, bot) == why

    def test_having_made_it_opens_no_other_door(self) -> None:
        backstage = Backstage()
        maker = backstage.enter(ROOM, limit=1)
        holder = backstage.enter()
        maker.send("chset", set={"limit": 2})
        holder.send("ch", id_=ROOM)
        maker.send("chown", id=holder.id)
        maker.send("ch", id_="lobby")
        holder.send("chset", set={"limit": 1})
        assert asked(backstage, maker) == FULL
        holder.send("chset", set={"limit": 0, "allowBots": False, "inviteOnly": True})
        assert asked(backstage, maker) == INVITED

    def test_people_are_no_bots(self) -> None:
        backstage = Backstage()
        backstage.enter(ROOM, allowBots=False)
        assert asked(backstage, backstage.enter()) is None


class TestBans:
    @pytest.mark.parametrize(
        ("seconds", "left"),
        [(0, "2 minutes"), (59, "2 minutes"), (61, "1 minute"), (119, "1 minute"), (121, None)],
    )
    def test_time_left(self, seconds: float, left: str | None) -> None:
        backstage = Backstage()
        holder, other = backstage.enter(ROOM), backstage.enter(ROOM)
        holder.send("kickban", id_=other.id, ms=120_000)
        assert other.room == "test/awkward"
        backstage.wait(seconds)
        other.heard()
        other.send("ch", id_=ROOM)
        assert other.room == ("test/awkward" if left else ROOM)
        texts = [message["text"] for message in other.heard() if message["m"] == "notification"]
        assert texts == ([f'You are banned from "{ROOM}" for {left}.'] if left else [])


class TestSlowMode:
    def said(self, backstage: Backstage) -> list[str]:
        return [line["a"] for line in backstage.context.directory.rooms[ROOM].history]

    @pytest.mark.parametrize(("seconds", "is_heard"), [(9.9, False), (10.1, True)])
    def test_the_pause(self, seconds: float, is_heard: bool) -> None:
        backstage = Backstage()
        backstage.enter(ROOM, slowMode=10)
        other = backstage.enter(ROOM)
        other.send("a", message="one")
        backstage.wait(seconds)
        other.send("a", message="two")
        assert self.said(backstage) == (["one", "two"] if is_heard else ["one"])

    def test_what_was_refused_does_not_make_it_longer(self) -> None:
        backstage = Backstage()
        backstage.enter(ROOM, slowMode=10)
        other = backstage.enter(ROOM)
        for text in ("one", "two", "three"):
            other.send("a", message=text)
            backstage.wait(6)
        assert self.said(backstage) == ["one", "three"]

    def test_only_who_still_waits_is_remembered(self) -> None:
        backstage = Backstage()
        backstage.enter(ROOM, slowMode=10)
        people = [backstage.enter(ROOM) for _ in range(5)]
        for actor in people:
            actor.send("a", message="hello")
            backstage.wait(4)
        room = backstage.context.directory.rooms[ROOM]
        assert list(room.last_lines) == [actor.id for actor in people[2:]]
