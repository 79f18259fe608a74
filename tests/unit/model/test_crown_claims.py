"""The crown comes back to who returns in time (docs/protocol.md 2.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fortepiano.actions.ban_enforcement import enforce_bans
from fortepiano.model.ban_list import SITE
from fortepiano.model.crown_claims import Claims
from fortepiano.model.room import Room
from fortepiano.store.memory import MemoryStore
from fortepiano.store.record_kinds import ROOM as ROOM_KIND
from fortepiano.store.records import BanRecord
from support.dispatch_harness import DispatchHarness, FakeClient

ANN, BEN, CAT, DAN = (letter * 24 for letter in "abcd")

ROOM = "a room"


def people(harness: DispatchHarness, *ids: str, room: str = ROOM) -> list[FakeClient]:
    return [harness.enter(room, user_id=one) for one in ids]


def back(harness: DispatchHarness, user_id: str, room: str = ROOM) -> str | None:
    """Let a user join a room, and return the holder then."""
    harness.enter(room, user_id=user_id)
    return harness.holder(room)


def the_room(harness: DispatchHarness) -> Room:
    return harness.context.directory.rooms[ROOM]


class TestClaims:
    def test_they_end(self) -> None:
        claims = Claims()
        claims.add(ANN, 100, 10)
        assert claims.holds(ANN, 109, 10)
        assert not claims.holds(ANN, 110, 10)
        assert not claims.holds(BEN, 100, 10)

    def test_how_long_they_hold_may_change(self) -> None:
        claims = Claims([(ANN, 100)])
        assert claims.holds(ANN, 130, 60)
        assert not claims.holds(ANN, 100, 0)

    def test_where_none_hold_none_are_made(self) -> None:
        claims = Claims()
        claims.add(ANN, 100, 0)
        assert len(claims) == 0

    def test_who_has_it_again_leaves_the_elders_theirs(self) -> None:
        claims = Claims([(ANN, 1), (BEN, 2), (CAT, 3)])
        claims.redeem(BEN)
        assert list(claims) == [(ANN, 1)]

    def test_those_that_ended_are_forgotten(self) -> None:
        claims = Claims()
        for number in range(100):
            claims.add(f"{number:024x}", number * 10, 30)
        assert list(claims) == [(f"{number:024x}", number * 10) for number in (97, 98, 99)]

    def test_there_are_so_many_and_no_more(self) -> None:
        claims = Claims()
        for number in range(2000):
            claims.add(f"{number:024x}", 5, 30)
        assert len(claims) == 1000
        assert claims.holds(f"{0:024x}", 5, 30)

    def test_one_may_be_lost_or_all(self) -> None:
        claims = Claims([(ANN, 1), (BEN, 2)])
        assert claims.forfeit(ANN)
        assert not claims.forfeit(ANN)
        claims.clear()
        assert not len(claims)


class TestReturning:
    @pytest.mark.parametrize(("seconds", "again"), [(0.3, True), (9.999, True), (10, False)])
    def test_in_time(self, seconds: float, again: bool) -> None:
        harness = DispatchHarness()
        ann, *_ = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        assert harness.holder(ROOM) == BEN
        harness.wait(seconds)
        assert back(harness, ANN) == (ANN if again else BEN)

    def test_only_those_who_held_it(self) -> None:
        harness = DispatchHarness()
        ann, _, cat = people(harness, ANN, BEN, CAT)
        harness.end(cat)
        harness.end(ann)
        assert back(harness, CAT) == BEN

    def test_the_time_can_be_set_while_somebody_is_away(self) -> None:
        harness = DispatchHarness(crown_return_ms=60_000)
        ann, ben = people(harness, ANN, BEN)
        harness.end(ann)
        harness.wait(50)
        assert back(harness, ANN) == ANN
        harness.end(ben)
        other = DispatchHarness(crown_return_ms=0)
        ann, _ = people(other, ANN, BEN)
        other.end(ann)
        assert back(other, ANN) == BEN

    def test_again_and_again(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        for _ in range(5):
            harness.end(ann)
            assert harness.holder(ROOM) == BEN
            harness.wait(9)
            ann = harness.enter(ROOM, user_id=ANN)
            assert harness.holder(ROOM) == ANN

    def test_whoever_comes_by_another_room(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        harness.end(ann)
        again = harness.enter("another room", user_id=ANN)
        again.send("ch", id_=ROOM)
        assert harness.holder(ROOM) == ANN

    def test_with_a_tab_elsewhere_the_last_one_here_counts(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        tab = harness.enter("another room", user_id=ANN)
        harness.end(ann)
        assert harness.holder(ROOM) == BEN
        tab.send("ch", id_=ROOM)
        assert harness.holder(ROOM) == ANN

    def test_a_tab_that_stays_keeps_it(self) -> None:
        harness = DispatchHarness()
        ann, _, tab = people(harness, ANN, BEN, ANN)
        crown = the_room(harness).crown
        harness.end(ann)
        assert the_room(harness).crown is crown
        assert list(the_room(harness).claims) == []
        harness.end(tab)
        assert harness.holder(ROOM) == BEN

    def test_whoever_goes_elsewhere_has_left_it(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        ann.send("ch", id_="another room")
        assert back(harness, ANN) == BEN

    def test_the_last_tab_decides_how_one_left(self) -> None:
        harness = DispatchHarness()
        ann, _, tab = people(harness, ANN, BEN, ANN)
        harness.end(tab)
        ann.send("ch", id_="lobby")
        assert back(harness, ANN) == BEN

    def test_the_room_has_a_place_for_them(self) -> None:
        harness = DispatchHarness()
        ann, ben = people(harness, ANN, BEN)
        ann.send("chset", set={"limit": 2})
        harness.end(ann)
        people(harness, CAT)
        ben.send("chset", set={"inviteOnly": True, "minOnlineTime": 86_400_000})
        assert back(harness, ANN) == ANN

    def test_whose_time_is_up_has_none(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        ann.send("chset", set={"limit": 1})
        harness.end(ann)
        harness.wait(11)
        assert harness.enter(ROOM, user_id=ANN).room == "test/awkward"

    def test_who_hides_has_it_again_too(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        assert ann.session.user is not None
        ann.session.user.is_hidden = True
        harness.end(ann)
        assert back(harness, ANN) == ANN
        assert the_room(harness).hidden == {ANN}

    @pytest.mark.parametrize("room", ["lobby", "test/crown"])
    def test_there_is_none_in_special_rooms(self, room: str) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN, room=room)
        harness.end(ann)
        assert back(harness, ANN, room) is None
        assert len(harness.context.directory.rooms[room].claims) == 0


class TestTheHeir:
    @pytest.mark.parametrize(
        "deed",
        [
            lambda ben: ben.send("chown", id=CAT),
            lambda ben: ben.send("chown"),
            lambda ben: (ben.send("chown"), ben.send("chown", id=BEN)),
        ],
        ids=["gave", "dropped", "dropped and took"],
    )
    def test_what_they_do_on_purpose_stays(self, deed: Callable[[FakeClient], object]) -> None:
        harness = DispatchHarness()
        ann, ben, _ = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        deed(ben)
        left = the_room(harness).crown
        assert back(harness, ANN) != ANN
        assert the_room(harness).crown is left

    def test_giving_it_to_oneself_is_nothing(self) -> None:
        harness = DispatchHarness()
        ann, ben = people(harness, ANN, BEN)
        harness.end(ann)
        ben.send("chown", id=BEN)
        assert back(harness, ANN) == ANN

    @pytest.mark.parametrize("how", ["gives", "takes away"])
    def test_what_staff_do_stays(self, how: str) -> None:
        harness = DispatchHarness()
        ann, *_ = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        sender = harness.staff(ROOM)
        if how == "gives":
            sender.send("chown", id=CAT)
        else:
            inner = {"m": "ch_flag", "_id": ROOM, "key": "no_crown", "value": True}
            sender.send("admin message", msg=inner)
        assert back(harness, ANN) == (CAT if how == "gives" else None)

    def test_what_the_owner_takes_stays(self) -> None:
        harness = DispatchHarness()
        ann, _, cat = people(harness, ANN, BEN, CAT)
        the_room(harness).settings["owner_id"] = CAT
        harness.end(ann)
        cat.send("chown", id=CAT)
        assert back(harness, ANN) == CAT

    def test_who_rules_beside_still_does(self) -> None:
        harness = DispatchHarness()
        ann, *_ = people(harness, ANN, BEN, CAT)
        ann.send("coowner", id_=CAT)
        harness.end(ann)
        assert back(harness, ANN) == ANN
        assert the_room(harness).can_moderate(CAT)
        assert not the_room(harness).can_moderate(BEN)

    def test_where_the_heir_goes_elsewhere_it_still_comes_back(self) -> None:
        harness = DispatchHarness()
        ann, ben, _ = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        ben.send("ch", id_="another room")
        assert harness.holder(ROOM) == CAT
        assert back(harness, BEN) == CAT
        assert back(harness, ANN) == ANN


class TestTwoWhoReturn:
    def left(self) -> DispatchHarness:
        """Return a room that Ann and then Ben left with the crown, which Cat has."""
        harness = DispatchHarness()
        ann, ben, _ = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        harness.wait(2)
        harness.end(ben)
        harness.wait(2)
        assert harness.holder(ROOM) == CAT
        return harness

    def test_the_first_one_first(self) -> None:
        harness = self.left()
        assert back(harness, ANN) == ANN
        assert back(harness, BEN) == ANN

    def test_the_heir_first(self) -> None:
        harness = self.left()
        assert back(harness, BEN) == BEN
        assert back(harness, ANN) == ANN

    def test_each_has_a_time_of_their_own(self) -> None:
        harness = self.left()
        harness.wait(7)
        assert back(harness, ANN) == CAT
        assert back(harness, BEN) == BEN

    def test_the_heir_who_came_back_gives_it_on(self) -> None:
        harness = self.left()
        ben = harness.enter(ROOM, user_id=BEN)
        ben.send("chown", id=CAT)
        assert back(harness, ANN) == CAT

    def test_all_leave_a_room_that_lives_on(self) -> None:
        harness = DispatchHarness(empty_room_ms=60_000)
        for client in people(harness, ANN, BEN, CAT):
            harness.end(client)
        assert back(harness, DAN) is None
        assert back(harness, CAT) == CAT
        assert back(harness, ANN) == ANN
        assert back(harness, BEN) == ANN

    def test_a_room_made_anew_owes_nothing(self) -> None:
        harness = DispatchHarness()
        for client in people(harness, ANN, BEN):
            harness.end(client)
        assert ROOM not in harness.context.directory.rooms
        assert back(harness, CAT) == CAT
        assert back(harness, BEN) == CAT
        assert back(harness, ANN) == CAT


class TestBans:
    @pytest.mark.parametrize("ms", [0, 60_000])
    def test_who_throws_themself_out(self, ms: int) -> None:
        harness = DispatchHarness()
        ann, ben = people(harness, ANN, BEN)
        ann.send("kickban", id_=ANN, ms=ms)
        assert harness.holder(ROOM) == BEN
        ben.send("unban", id_=ANN)
        assert back(harness, ANN) == BEN

    @pytest.mark.parametrize("ms", [0, 60_000])
    @pytest.mark.parametrize("is_elsewhere", [False, True])
    def test_who_is_banned_while_away(self, ms: int, is_elsewhere: bool) -> None:
        harness = DispatchHarness()
        ann, ben = people(harness, ANN, BEN)
        if is_elsewhere:
            harness.enter("another room", user_id=ANN)
        harness.end(ann)
        ben.send("kickban", id_=ANN, ms=ms)
        now = harness.context.now()
        assert (harness.context.bans.banned_until(ROOM, ANN, now) is not None) is (ms > 0)
        again = harness.enter(ROOM, user_id=ANN)
        assert (again.room == ROOM) is (ms == 0)
        ben.send("unban", id_=ANN)
        assert back(harness, ANN) == BEN

    def test_who_left_otherwise_is_out_of_reach(self) -> None:
        harness = DispatchHarness()
        ann, ben, cat = people(harness, ANN, BEN, CAT)
        harness.end(cat)
        ann.send("kickban", id_=CAT, ms=60_000)
        harness.end(ann)
        harness.wait(10)
        ben.send("kickban", id_=ANN, ms=60_000)
        assert harness.context.bans.all() == []

    def test_by_another_process_or_the_api(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        harness.end(ann)
        now = harness.context.now()
        harness.context.bans.ban(BanRecord(ROOM, ANN, now + 5, "x", "", now))
        enforce_bans(harness.context)
        harness.wait(1)
        assert back(harness, ANN) == BEN

    def test_a_ban_elsewhere_is_no_matter(self) -> None:
        harness = DispatchHarness()
        ann, *_ = people(harness, ANN, BEN)
        harness.end(ann)
        other = harness.enter("another room", user_id=CAT)
        harness.enter("lobby", user_id=ANN)
        other.send("kickban", id_=ANN, ms=60_000)
        assert back(harness, ANN) == ANN

    @pytest.mark.parametrize("is_away", [False, True])
    def test_from_the_site(self, is_away: bool) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        moderator = harness.staff()
        if is_away:
            harness.end(ann)
        moderator.send("siteban", id=ANN, permanent=True, reason="")
        if not is_away:
            assert ann.closed == 4008
            harness.end(ann)
        assert harness.holder(ROOM) == BEN
        assert harness.context.bans.lift(SITE, ANN)
        assert back(harness, ANN) == BEN

    def test_of_several_the_others_keep_theirs(self) -> None:
        harness = DispatchHarness()
        ann, ben, cat = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        harness.end(ben)
        cat.send("kickban", id_=ANN, ms=0)
        assert back(harness, ANN) == CAT
        assert back(harness, BEN) == BEN


class TestBeingMoved:
    def test_it_is_no_end(self) -> None:
        harness = DispatchHarness()
        ann, _ = people(harness, ANN, BEN)
        sender = harness.staff()
        sender.send("admin message", msg={"m": "move", "_id": ANN, "ch": "lobby"})
        assert ann.room == "lobby"
        assert back(harness, ANN) == BEN

    def test_with_another_name_of_the_room_the_holder_stays(self) -> None:
        harness = DispatchHarness()
        ann, *_ = people(harness, ANN, BEN, CAT)
        ann.send("chown", id=CAT)
        sender = harness.staff(ROOM)
        sender.send("admin message", msg={"m": "rename_channel", "_id": "renamed"})
        assert harness.holder("renamed") == CAT

    def test_it_comes_back_there(self) -> None:
        harness = DispatchHarness()
        ann, *_ = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        sender = harness.staff(ROOM)
        sender.send("admin message", msg={"m": "rename_channel", "_id": "renamed"})
        assert harness.holder("renamed") == BEN
        assert back(harness, ANN, "renamed") == ANN
        # A user who joins the old name opens a new room.
        assert back(harness, DAN) == DAN

    @pytest.mark.parametrize("name", ["duets", "test/other"])
    def test_not_in_a_room_that_has_a_crown_of_its_own(self, name: str) -> None:
        harness = DispatchHarness()
        people(harness, DAN, room=name)
        ann, _ = people(harness, ANN, BEN)
        harness.end(ann)
        sender = harness.staff(ROOM)
        sender.send("admin message", msg={"m": "rename_channel", "_id": name})
        assert back(harness, ANN, name) == (DAN if name == "duets" else None)


class TestFalling:
    def test_the_last_holder_has_it_at_once(self) -> None:
        harness = DispatchHarness(crown_on_leave="falls")
        ann, _ = people(harness, ANN, BEN)
        harness.end(ann)
        harness.wait(12)
        assert back(harness, ANN) == ANN

    def test_also_who_went_elsewhere(self) -> None:
        harness = DispatchHarness(crown_on_leave="falls")
        ann, _ = people(harness, ANN, BEN)
        ann.send("ch", id_="another room")
        assert back(harness, ANN) == ANN

    def test_not_what_another_has_taken_since(self) -> None:
        harness = DispatchHarness(crown_on_leave="falls", crown_idle_ms=1000)
        ann, ben = people(harness, ANN, BEN)
        harness.end(ann)
        harness.wait(2)
        ben.send("chown", id=BEN)
        assert back(harness, ANN) == BEN

    def test_where_the_rule_changes_meanwhile_both_hold(self) -> None:
        harness = DispatchHarness()
        ann, ben, _ = people(harness, ANN, BEN, CAT)
        harness.end(ann)
        falls = DispatchHarness(crown_on_leave="falls").context.live.settings
        harness.context.live.settings = falls
        harness.end(ben)
        assert harness.holder(ROOM) is None
        assert back(harness, BEN) == BEN
        assert back(harness, ANN) == ANN


class TestRestarts:
    def test_a_permanent_room_remembers(self) -> None:
        store = MemoryStore()
        harness = DispatchHarness(store=store)
        ann, ben, _ = people(harness, ANN, BEN, CAT)
        harness.staff().send("admin message", msg={"m": "forceload", "_id": ROOM})
        harness.end(ann)
        harness.end(ben)
        again = DispatchHarness(store=store)
        assert back(again, CAT) == CAT
        assert back(again, BEN) == BEN
        assert back(again, ANN) == ANN

    def test_so_do_those_that_wait_for_their_people(self) -> None:
        store = MemoryStore()
        harness = DispatchHarness(store=store)
        ann, _ = people(harness, ANN, BEN)
        harness.end(ann)
        harness.context.directory.freeze(harness.context.now())
        again = DispatchHarness(store=store)
        again.wait(9)
        assert back(again, BEN) == BEN
        assert back(again, ANN) == ANN

    def test_who_was_banned_meanwhile_is_forgotten_for_good(self) -> None:
        store = MemoryStore()
        harness = DispatchHarness(store=store)
        ann, ben = people(harness, ANN, BEN)
        harness.staff().send("admin message", msg={"m": "forceload", "_id": ROOM})
        harness.end(ann)
        ben.send("kickban", id_=ANN, ms=0)
        assert back(DispatchHarness(store=store), ANN) is None

    def test_of_an_older_version_there_are_none(self) -> None:
        document = b'{"name":"a room","settings":{"visible":true}}'
        record = ROOM_KIND.from_json(document)
        assert (record.claims, record.maker) == ((), "")
