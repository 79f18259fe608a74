import pytest

from fortepiano.model.crown import Crown
from support.dispatch_harness import START, Actor, Backstage

ANN = "a" * 24

ROOM = "a room"


def dropped(backstage: Backstage) -> tuple[Actor, Actor]:
    """Return who dropped the crown of a room just now, and who was watching."""
    first, second = backstage.enter(ROOM), backstage.enter(ROOM)
    first.send("chown")
    assert backstage.holder(ROOM) is None
    return first, second


def refusals(actor: Actor) -> list[str]:
    return [message["text"] for message in actor.heard() if message["m"] == "notification"]


class TestTime:
    @pytest.mark.parametrize(("seconds", "taken"), [(0, False), (14.9, False), (15.1, True)])
    def test_others_wait(self, seconds: float, taken: bool) -> None:
        backstage = Backstage()
        _, second = dropped(backstage)
        backstage.wait(seconds)
        second.send("chown", id=second.id)
        assert backstage.holder(ROOM) == (second.id if taken else None)
        assert refusals(second) == ([] if taken else ["The crown may not be taken yet."])

    def test_exactly_when_the_time_is_up(self) -> None:
        crown = Crown("a", None, START)
        assert not crown.may_be_taken_by("b", START + 14_999, 15_000)
        assert crown.may_be_taken_by("b", START + 15_000, 15_000)

    def test_the_last_holder_need_not(self) -> None:
        backstage = Backstage()
        first, _ = dropped(backstage)
        first.send("chown", id=first.id)
        assert backstage.holder(ROOM) == first.id

    def test_nor_when_he_hands_it_on(self) -> None:
        backstage = Backstage()
        first, second = dropped(backstage)
        first.send("chown", id=second.id)
        assert backstage.holder(ROOM) == second.id

    def test_a_newcomer_waits_like_all(self) -> None:
        backstage = Backstage()
        dropped(backstage)
        newcomer = backstage.enter(ROOM)
        newcomer.send("chown", id=newcomer.id)
        assert backstage.holder(ROOM) is None
        backstage.wait(15.1)
        newcomer.send("chown", id=newcomer.id)
        assert backstage.holder(ROOM) == newcomer.id

    def test_dropping_again_starts_anew(self) -> None:
        backstage = Backstage()
        first, second = dropped(backstage)
        backstage.wait(10)
        first.send("chown", id=first.id)
        first.send("chown")
        backstage.wait(10)
        second.send("chown", id=second.id)
        assert backstage.holder(ROOM) is None

    def test_the_rule_is_a_number(self) -> None:
        backstage = Backstage(crown_idle_ms=1)
        _, second = dropped(backstage)
        backstage.wait(0.002)
        second.send("chown", id=second.id)
        assert backstage.holder(ROOM) == second.id


class TestLeaving:
    def test_it_passes_to_who_has_been_there_longest(self) -> None:
        backstage = Backstage()
        first, second, third = (backstage.enter(ROOM) for _ in range(3))
        backstage.end(first)
        assert backstage.holder(ROOM) == second.id
        backstage.end(second)
        assert backstage.holder(ROOM) == third.id

    def test_it_falls_and_waits_for_who_left(self) -> None:
        backstage = Backstage(crown_on_leave="falls")
        first, second = backstage.enter(ROOM, user_id=ANN), backstage.enter(ROOM)
        backstage.end(first)
        second.send("chown", id=second.id)
        assert backstage.holder(ROOM) is None
        again = backstage.enter(ROOM, user_id=ANN)
        assert backstage.holder(ROOM) == again.id == first.id

    def test_unless_somebody_took_it(self) -> None:
        backstage = Backstage(crown_on_leave="falls")
        first, second = backstage.enter(ROOM, user_id=ANN), backstage.enter(ROOM)
        backstage.end(first)
        backstage.wait(15.1)
        second.send("chown", id=second.id)
        backstage.enter(ROOM, user_id=ANN)
        assert backstage.holder(ROOM) == second.id

    def test_a_second_tab_keeps_it(self) -> None:
        backstage = Backstage()
        tab = backstage.enter(ROOM, user_id=ANN)
        backstage.enter(ROOM)
        other = backstage.enter(ROOM, user_id=ANN)
        backstage.end(tab)
        assert backstage.holder(ROOM) == other.id

    def test_a_new_tab_does_not_pick_up_what_was_dropped_on_purpose(self) -> None:
        backstage = Backstage()
        first = backstage.enter(ROOM, user_id=ANN)
        first.send("chown")
        backstage.enter(ROOM, user_id=ANN)
        assert backstage.holder(ROOM) is None


class TestWhoMay:
    @pytest.mark.parametrize("room", ["lobby", "test/crown"])
    def test_nobody_in_special_rooms(self, room: str) -> None:
        backstage = Backstage()
        actor = backstage.enter(room)
        actor.send("chown", id=actor.id)
        assert backstage.context.directory.rooms[room].crown is None

    def test_nobody_else_while_it_is_held(self) -> None:
        backstage = Backstage()
        first, second = backstage.enter(ROOM), backstage.enter(ROOM)
        backstage.wait(60)
        second.send("chown", id=second.id)
        second.send("chown")
        assert backstage.holder(ROOM) == first.id

    @pytest.mark.parametrize("stranger", ["elsewhere", "nobody", "", None, 5, ["x"], {}])
    def test_it_never_leaves_the_room(self, stranger: object) -> None:
        backstage = Backstage()
        first = backstage.enter(ROOM)
        outsider = backstage.enter("another room")
        first.send("chown", id=outsider.id if stranger == "elsewhere" else stranger)
        assert backstage.holder(ROOM) is None
        assert backstage.holder("another room") == outsider.id

    def test_the_designated_owner_at_any_time(self) -> None:
        backstage = Backstage()
        first, second = backstage.enter(ROOM), backstage.enter(ROOM)
        backstage.context.directory.rooms[ROOM].settings["owner_id"] = second.id
        second.send("chown", id=second.id)
        assert backstage.holder(ROOM) == second.id
        assert first.id != second.id


class TestFall:
    @pytest.mark.parametrize(
        ("at", "x"), [((50.0, 20.0), 50.0), ((-5.0, 0.0), 10.0), ((200.0, 100.0), 90.0)]
    )
    def test_it_comes_to_lie_in_view(self, at: tuple[float, float], x: float) -> None:
        backstage = Backstage()
        participant = backstage.enter(ROOM).session.participant
        assert participant is not None
        for _ in range(30):
            crown = Crown.dropped_by(participant, at, START)
            assert crown.start == at
            assert crown.end[0] == x
            assert 70 <= crown.end[1] <= 90

    def test_it_remembers_who_and_when(self) -> None:
        backstage = Backstage()
        first, _ = dropped(backstage)
        crown = backstage.context.directory.rooms[ROOM].crown
        assert crown is not None
        assert (crown.user_id, crown.holder, crown.time) == (first.id, None, START)


class TestCoOwners:
    def test_each_change_is_told_and_nothing_else(self) -> None:
        backstage = Backstage()
        first, second = backstage.enter(ROOM), backstage.enter(ROOM)
        for on in (True, True, False, False):
            first.send("coowner", id_=second.id, on=on)
        told = [message["text"] for message in second.heard() if message["m"] == "notification"]
        assert told == ["You rule this room beside its owner.", "You rule this room no more."]

    def test_where_no_more_are_taken_nobody_is_told_otherwise(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fortepiano.handlers.crown._MOST_MEMBERS", 1)
        backstage = Backstage()
        first, second, third = (backstage.enter(ROOM) for _ in range(3))
        first.send("coowner", id_=second.id)
        first.send("coowner", id_=third.id)
        assert backstage.context.directory.rooms[ROOM].co_owners == {second.id}
        assert refusals(third) == []
        first.send("coowner", id_=second.id, on=False)
        first.send("coowner", id_=third.id)
        assert backstage.context.directory.rooms[ROOM].co_owners == {third.id}
