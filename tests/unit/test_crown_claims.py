"""The crown comes back to who returns in time (docs/protocol.md 2.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fortepiano.handlers import staff
from fortepiano.model.ban_list import SITE
from fortepiano.model.crown_claims import Claims
from fortepiano.model.room import Room
from fortepiano.store.memory import MemoryStore
from fortepiano.store.record_kinds import ROOM as ROOM_KIND
from fortepiano.store.records import BanRecord
from support.backstage import Actor, Backstage

ANN, BEN, CAT, DAN = (letter * 24 for letter in "abcd")

ROOM = "a room"


def people(backstage: Backstage, *ids: str, room: str = ROOM) -> list[Actor]:
    return [backstage.enter(room, user_id=one) for one in ids]


def back(backstage: Backstage, user_id: str, room: str = ROOM) -> str | None:
    """Let somebody come to a room, and return who holds its crown then."""
    backstage.enter(room, user_id=user_id)
    return backstage.holder(room)


def the_room(backstage: Backstage) -> Room:
    return backstage.context.directory.rooms[ROOM]


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
        backstage = Backstage()
        ann, *_ = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        assert backstage.holder(ROOM) == BEN
        backstage.wait(seconds)
        assert back(backstage, ANN) == (ANN if again else BEN)

    def test_only_those_who_held_it(self) -> None:
        backstage = Backstage()
        ann, _, cat = people(backstage, ANN, BEN, CAT)
        backstage.end(cat)
        backstage.end(ann)
        assert back(backstage, CAT) == BEN

    def test_the_time_can_be_set_while_somebody_is_away(self) -> None:
        backstage = Backstage(crown_return_ms=60_000)
        ann, ben = people(backstage, ANN, BEN)
        backstage.end(ann)
        backstage.wait(50)
        assert back(backstage, ANN) == ANN
        backstage.end(ben)
        other = Backstage(crown_return_ms=0)
        ann, _ = people(other, ANN, BEN)
        other.end(ann)
        assert back(other, ANN) == BEN

    def test_again_and_again(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        for _ in range(5):
            backstage.end(ann)
            assert backstage.holder(ROOM) == BEN
            backstage.wait(9)
            ann = backstage.enter(ROOM, user_id=ANN)
            assert backstage.holder(ROOM) == ANN

    def test_whoever_comes_by_another_room(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        backstage.end(ann)
        again = backstage.enter("another room", user_id=ANN)
        again.send("ch", id_=ROOM)
        assert backstage.holder(ROOM) == ANN

    def test_with_a_tab_elsewhere_the_last_one_here_counts(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        tab = backstage.enter("another room", user_id=ANN)
        backstage.end(ann)
        assert backstage.holder(ROOM) == BEN
        tab.send("ch", id_=ROOM)
        assert backstage.holder(ROOM) == ANN

    def test_a_tab_that_stays_keeps_it(self) -> None:
        backstage = Backstage()
        ann, _, tab = people(backstage, ANN, BEN, ANN)
        crown = the_room(backstage).crown
        backstage.end(ann)
        assert the_room(backstage).crown is crown
        assert list(the_room(backstage).claims) == []
        backstage.end(tab)
        assert backstage.holder(ROOM) == BEN

    def test_whoever_goes_elsewhere_has_left_it(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        ann.send("ch", id_="another room")
        assert back(backstage, ANN) == BEN

    def test_the_last_tab_decides_how_one_left(self) -> None:
        backstage = Backstage()
        ann, _, tab = people(backstage, ANN, BEN, ANN)
        backstage.end(tab)
        ann.send("ch", id_="lobby")
        assert back(backstage, ANN) == BEN

    def test_the_room_has_a_place_for_them(self) -> None:
        backstage = Backstage()
        ann, ben = people(backstage, ANN, BEN)
        ann.send("chset", set={"limit": 2})
        backstage.end(ann)
        people(backstage, CAT)
        ben.send("chset", set={"inviteOnly": True, "minOnlineTime": 86_400_000})
        assert back(backstage, ANN) == ANN

    def test_whose_time_is_up_has_none(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        ann.send("chset", set={"limit": 1})
        backstage.end(ann)
        backstage.wait(11)
        assert backstage.enter(ROOM, user_id=ANN).room == "test/awkward"

    def test_who_hides_has_it_again_too(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        assert ann.session.user is not None
        ann.session.user.is_hidden = True
        backstage.end(ann)
        assert back(backstage, ANN) == ANN
        assert the_room(backstage).hidden == {ANN}

    @pytest.mark.parametrize("room", ["lobby", "test/crown"])
    def test_there_is_none_in_special_rooms(self, room: str) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN, room=room)
        backstage.end(ann)
        assert back(backstage, ANN, room) is None
        assert len(backstage.context.directory.rooms[room].claims) == 0


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
    def test_what_they_do_on_purpose_stays(self, deed: Callable[[Actor], object]) -> None:
        backstage = Backstage()
        ann, ben, _ = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        deed(ben)
        left = the_room(backstage).crown
        assert back(backstage, ANN) != ANN
        assert the_room(backstage).crown is left

    def test_giving_it_to_oneself_is_nothing(self) -> None:
        backstage = Backstage()
        ann, ben = people(backstage, ANN, BEN)
        backstage.end(ann)
        ben.send("chown", id=BEN)
        assert back(backstage, ANN) == ANN

    @pytest.mark.parametrize("how", ["gives", "takes away"])
    def test_what_staff_do_stays(self, how: str) -> None:
        backstage = Backstage()
        ann, *_ = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        sender = backstage.staff(ROOM)
        if how == "gives":
            sender.send("chown", id=CAT)
        else:
            inner = {"m": "ch_flag", "_id": ROOM, "key": "no_crown", "value": True}
            sender.send("admin message", msg=inner)
        assert back(backstage, ANN) == (CAT if how == "gives" else None)

    def test_what_the_owner_takes_stays(self) -> None:
        backstage = Backstage()
        ann, _, cat = people(backstage, ANN, BEN, CAT)
        the_room(backstage).settings["owner_id"] = CAT
        backstage.end(ann)
        cat.send("chown", id=CAT)
        assert back(backstage, ANN) == CAT

    def test_who_rules_beside_still_does(self) -> None:
        backstage = Backstage()
        ann, *_ = people(backstage, ANN, BEN, CAT)
        ann.send("coowner", id_=CAT)
        backstage.end(ann)
        assert back(backstage, ANN) == ANN
        assert the_room(backstage).can_moderate(CAT)
        assert not the_room(backstage).can_moderate(BEN)

    def test_where_the_heir_goes_elsewhere_it_still_comes_back(self) -> None:
        backstage = Backstage()
        ann, ben, _ = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        ben.send("ch", id_="another room")
        assert backstage.holder(ROOM) == CAT
        assert back(backstage, BEN) == CAT
        assert back(backstage, ANN) == ANN


class TestTwoWhoReturn:
    def left(self) -> Backstage:
        """Return a room that Ann and then Ben left with the crown, which Cat has."""
        backstage = Backstage()
        ann, ben, _ = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        backstage.wait(2)
        backstage.end(ben)
        backstage.wait(2)
        assert backstage.holder(ROOM) == CAT
        return backstage

    def test_the_first_one_first(self) -> None:
        backstage = self.left()
        assert back(backstage, ANN) == ANN
        assert back(backstage, BEN) == ANN

    def test_the_heir_first(self) -> None:
        backstage = self.left()
        assert back(backstage, BEN) == BEN
        assert back(backstage, ANN) == ANN

    def test_each_has_a_time_of_their_own(self) -> None:
        backstage = self.left()
        backstage.wait(7)
        assert back(backstage, ANN) == CAT
        assert back(backstage, BEN) == BEN

    def test_the_heir_who_came_back_gives_it_on(self) -> None:
        backstage = self.left()
        ben = backstage.enter(ROOM, user_id=BEN)
        ben.send("chown", id=CAT)
        assert back(backstage, ANN) == CAT

    def test_all_leave_a_room_that_lives_on(self) -> None:
        backstage = Backstage(empty_room_ms=60_000)
        for actor in people(backstage, ANN, BEN, CAT):
            backstage.end(actor)
        assert back(backstage, DAN) is None
        assert back(backstage, CAT) == CAT
        assert back(backstage, ANN) == ANN
        assert back(backstage, BEN) == ANN

    def test_a_room_made_anew_owes_nothing(self) -> None:
        backstage = Backstage()
        for actor in people(backstage, ANN, BEN):
            backstage.end(actor)
        assert ROOM not in backstage.context.directory.rooms
        assert back(backstage, CAT) == CAT
        assert back(backstage, BEN) == CAT
        assert back(backstage, ANN) == CAT


class TestBans:
    @pytest.mark.parametrize("ms", [0, 60_000])
    def test_who_throws_themself_out(self, ms: int) -> None:
        backstage = Backstage()
        ann, ben = people(backstage, ANN, BEN)
        ann.send("kickban", id_=ANN, ms=ms)
        assert backstage.holder(ROOM) == BEN
        ben.send("unban", id_=ANN)
        assert back(backstage, ANN) == BEN

    @pytest.mark.parametrize("ms", [0, 60_000])
    @pytest.mark.parametrize("is_elsewhere", [False, True])
    def test_who_is_banned_while_away(self, ms: int, is_elsewhere: bool) -> None:
        backstage = Backstage()
        ann, ben = people(backstage, ANN, BEN)
        if is_elsewhere:
            backstage.enter("another room", user_id=ANN)
        backstage.end(ann)
        ben.send("kickban", id_=ANN, ms=ms)
        now = backstage.context.now()
        assert (backstage.context.bans.banned_until(ROOM, ANN, now) is not None) is (ms > 0)
        again = backstage.enter(ROOM, user_id=ANN)
        assert (again.room == ROOM) is (ms == 0)
        ben.send("unban", id_=ANN)
        assert back(backstage, ANN) == BEN

    def test_who_left_otherwise_is_out_of_reach(self) -> None:
        backstage = Backstage()
        ann, ben, cat = people(backstage, ANN, BEN, CAT)
        backstage.end(cat)
        ann.send("kickban", id_=CAT, ms=60_000)
        backstage.end(ann)
        backstage.wait(10)
        ben.send("kickban", id_=ANN, ms=60_000)
        assert backstage.context.bans.all() == []

    def test_by_another_process_or_the_api(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        backstage.end(ann)
        now = backstage.context.now()
        backstage.context.bans.ban(BanRecord(ROOM, ANN, now + 5, "x", "", now))
        staff.enforce_bans(backstage.context)
        backstage.wait(1)
        assert back(backstage, ANN) == BEN

    def test_a_ban_elsewhere_is_no_matter(self) -> None:
        backstage = Backstage()
        ann, *_ = people(backstage, ANN, BEN)
        backstage.end(ann)
        other = backstage.enter("another room", user_id=CAT)
        backstage.enter("lobby", user_id=ANN)
        other.send("kickban", id_=ANN, ms=60_000)
        assert back(backstage, ANN) == ANN

    @pytest.mark.parametrize("is_away", [False, True])
    def test_from_the_site(self, is_away: bool) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        moderator = backstage.staff()
        if is_away:
            backstage.end(ann)
        moderator.send("siteban", id=ANN, permanent=True, reason="")
        if not is_away:
            assert ann.closed == 4008
            backstage.end(ann)
        assert backstage.holder(ROOM) == BEN
        assert backstage.context.bans.lift(SITE, ANN)
        assert back(backstage, ANN) == BEN

    def test_of_several_the_others_keep_theirs(self) -> None:
        backstage = Backstage()
        ann, ben, cat = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        backstage.end(ben)
        cat.send("kickban", id_=ANN, ms=0)
        assert back(backstage, ANN) == CAT
        assert back(backstage, BEN) == BEN


class TestBeingMoved:
    def test_it_is_no_end(self) -> None:
        backstage = Backstage()
        ann, _ = people(backstage, ANN, BEN)
        sender = backstage.staff()
        sender.send("admin message", msg={"m": "move", "_id": ANN, "ch": "lobby"})
        assert ann.room == "lobby"
        assert back(backstage, ANN) == BEN

    def test_with_another_name_of_the_room_the_holder_stays(self) -> None:
        backstage = Backstage()
        ann, *_ = people(backstage, ANN, BEN, CAT)
        ann.send("chown", id=CAT)
        sender = backstage.staff(ROOM)
        sender.send("admin message", msg={"m": "rename_channel", "_id": "renamed"})
        assert backstage.holder("renamed") == CAT

    def test_it_comes_back_there(self) -> None:
        backstage = Backstage()
        ann, *_ = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        sender = backstage.staff(ROOM)
        sender.send("admin message", msg={"m": "rename_channel", "_id": "renamed"})
        assert backstage.holder("renamed") == BEN
        assert back(backstage, ANN, "renamed") == ANN
        # And whoever goes to the old name makes a room of their own.
        assert back(backstage, DAN) == DAN

    @pytest.mark.parametrize("name", ["duets", "test/other"])
    def test_not_in_a_room_that_has_a_crown_of_its_own(self, name: str) -> None:
        backstage = Backstage()
        people(backstage, DAN, room=name)
        ann, _ = people(backstage, ANN, BEN)
        backstage.end(ann)
        sender = backstage.staff(ROOM)
        sender.send("admin message", msg={"m": "rename_channel", "_id": name})
        assert back(backstage, ANN, name) == (DAN if name == "duets" else None)


class TestFalling:
    def test_the_last_holder_has_it_at_once(self) -> None:
        backstage = Backstage(crown_on_leave="falls")
        ann, _ = people(backstage, ANN, BEN)
        backstage.end(ann)
        backstage.wait(12)
        assert back(backstage, ANN) == ANN

    def test_also_who_went_elsewhere(self) -> None:
        backstage = Backstage(crown_on_leave="falls")
        ann, _ = people(backstage, ANN, BEN)
        ann.send("ch", id_="another room")
        assert back(backstage, ANN) == ANN

    def test_not_what_another_has_taken_since(self) -> None:
        backstage = Backstage(crown_on_leave="falls", crown_idle_ms=1000)
        ann, ben = people(backstage, ANN, BEN)
        backstage.end(ann)
        backstage.wait(2)
        ben.send("chown", id=BEN)
        assert back(backstage, ANN) == BEN

    def test_where_the_rule_changes_meanwhile_both_hold(self) -> None:
        backstage = Backstage()
        ann, ben, _ = people(backstage, ANN, BEN, CAT)
        backstage.end(ann)
        falls = Backstage(crown_on_leave="falls").context.live.settings
        backstage.context.live.settings = falls
        backstage.end(ben)
        assert backstage.holder(ROOM) is None
        assert back(backstage, BEN) == BEN
        assert back(backstage, ANN) == ANN


class TestRestarts:
    def test_a_permanent_room_remembers(self) -> None:
        store = MemoryStore()
        backstage = Backstage(store=store)
        ann, ben, _ = people(backstage, ANN, BEN, CAT)
        backstage.staff().send("admin message", msg={"m": "forceload", "_id": ROOM})
        backstage.end(ann)
        backstage.end(ben)
        again = Backstage(store=store)
        assert back(again, CAT) == CAT
        assert back(again, BEN) == BEN
        assert back(again, ANN) == ANN

    def test_so_do_those_that_wait_for_their_people(self) -> None:
        store = MemoryStore()
        backstage = Backstage(store=store)
        ann, _ = people(backstage, ANN, BEN)
        backstage.end(ann)
        backstage.context.directory.freeze(backstage.context.now())
        again = Backstage(store=store)
        again.wait(9)
        assert back(again, BEN) == BEN
        assert back(again, ANN) == ANN

    def test_who_was_banned_meanwhile_is_forgotten_for_good(self) -> None:
        store = MemoryStore()
        backstage = Backstage(store=store)
        ann, ben = people(backstage, ANN, BEN)
        backstage.staff().send("admin message", msg={"m": "forceload", "_id": ROOM})
        backstage.end(ann)
        ben.send("kickban", id_=ANN, ms=0)
        assert back(Backstage(store=store), ANN) is None

    def test_of_an_older_version_there_are_none(self) -> None:
        document = b'{"name":"a room","settings":{"visible":true}}'
        record = ROOM_KIND.from_json(document)
        assert (record.claims, record.maker) == ((), "")
