import pytest

from fortepiano.model.crown import Crown
from support.dispatch_harness import START, DispatchHarness, FakeClient

ANN = "a" * 24

ROOM = "a room"


def dropped(harness: DispatchHarness) -> tuple[FakeClient, FakeClient]:
    """Return who dropped the crown of a room just now, and who was watching."""
    first, second = harness.enter(ROOM), harness.enter(ROOM)
    first.send("chown")
    assert harness.holder(ROOM) is None
    return first, second


def refusals(client: FakeClient) -> list[str]:
    return [message["text"] for message in client.received() if message["m"] == "notification"]


class TestTime:
    @pytest.mark.parametrize(("seconds", "taken"), [(0, False), (14.9, False), (15.1, True)])
    def test_others_wait(self, seconds: float, taken: bool) -> None:
        harness = DispatchHarness()
        _, second = dropped(harness)
        harness.wait(seconds)
        second.send("chown", id=second.id)
        assert harness.holder(ROOM) == (second.id if taken else None)
        assert refusals(second) == ([] if taken else ["The crown may not be taken yet."])

    def test_exactly_when_the_time_is_up(self) -> None:
        crown = Crown("a", None, START)
        assert not crown.may_be_taken_by("b", START + 14_999, 15_000)
        assert crown.may_be_taken_by("b", START + 15_000, 15_000)

    def test_the_last_holder_need_not(self) -> None:
        harness = DispatchHarness()
        first, _ = dropped(harness)
        first.send("chown", id=first.id)
        assert harness.holder(ROOM) == first.id

    def test_nor_when_the_holder_hands_it_on(self) -> None:
        harness = DispatchHarness()
        first, second = dropped(harness)
        first.send("chown", id=second.id)
        assert harness.holder(ROOM) == second.id

    def test_a_newcomer_waits_like_all(self) -> None:
        harness = DispatchHarness()
        dropped(harness)
        newcomer = harness.enter(ROOM)
        newcomer.send("chown", id=newcomer.id)
        assert harness.holder(ROOM) is None
        harness.wait(15.1)
        newcomer.send("chown", id=newcomer.id)
        assert harness.holder(ROOM) == newcomer.id

    def test_dropping_again_starts_anew(self) -> None:
        harness = DispatchHarness()
        first, second = dropped(harness)
        harness.wait(10)
        first.send("chown", id=first.id)
        first.send("chown")
        harness.wait(10)
        second.send("chown", id=second.id)
        assert harness.holder(ROOM) is None

    def test_the_rule_is_a_number(self) -> None:
        harness = DispatchHarness(crown_idle_ms=1)
        _, second = dropped(harness)
        harness.wait(0.002)
        second.send("chown", id=second.id)
        assert harness.holder(ROOM) == second.id


class TestLeaving:
    def test_it_passes_to_who_has_been_there_longest(self) -> None:
        harness = DispatchHarness()
        first, second, third = (harness.enter(ROOM) for _ in range(3))
        harness.end(first)
        assert harness.holder(ROOM) == second.id
        harness.end(second)
        assert harness.holder(ROOM) == third.id

    def test_it_falls_and_waits_for_who_left(self) -> None:
        harness = DispatchHarness(crown_on_leave="falls")
        first, second = harness.enter(ROOM, user_id=ANN), harness.enter(ROOM)
        harness.end(first)
        second.send("chown", id=second.id)
        assert harness.holder(ROOM) is None
        again = harness.enter(ROOM, user_id=ANN)
        assert harness.holder(ROOM) == again.id == first.id

    def test_unless_somebody_took_it(self) -> None:
        harness = DispatchHarness(crown_on_leave="falls")
        first, second = harness.enter(ROOM, user_id=ANN), harness.enter(ROOM)
        harness.end(first)
        harness.wait(15.1)
        second.send("chown", id=second.id)
        harness.enter(ROOM, user_id=ANN)
        assert harness.holder(ROOM) == second.id

    def test_a_second_tab_keeps_it(self) -> None:
        harness = DispatchHarness()
        tab = harness.enter(ROOM, user_id=ANN)
        harness.enter(ROOM)
        other = harness.enter(ROOM, user_id=ANN)
        harness.end(tab)
        assert harness.holder(ROOM) == other.id

    def test_a_new_tab_does_not_pick_up_what_was_dropped_on_purpose(self) -> None:
        harness = DispatchHarness()
        first = harness.enter(ROOM, user_id=ANN)
        first.send("chown")
        harness.enter(ROOM, user_id=ANN)
        assert harness.holder(ROOM) is None


class TestWhoMay:
    @pytest.mark.parametrize("room", ["lobby", "test/crown"])
    def test_nobody_in_special_rooms(self, room: str) -> None:
        harness = DispatchHarness()
        client = harness.enter(room)
        client.send("chown", id=client.id)
        assert harness.context.directory.rooms[room].crown is None

    def test_nobody_else_while_it_is_held(self) -> None:
        harness = DispatchHarness()
        first, second = harness.enter(ROOM), harness.enter(ROOM)
        harness.wait(60)
        second.send("chown", id=second.id)
        second.send("chown")
        assert harness.holder(ROOM) == first.id

    @pytest.mark.parametrize("stranger", ["elsewhere", "nobody", "", None, 5, ["x"], {}])
    def test_it_never_leaves_the_room(self, stranger: object) -> None:
        harness = DispatchHarness()
        first = harness.enter(ROOM)
        outsider = harness.enter("another room")
        first.send("chown", id=outsider.id if stranger == "elsewhere" else stranger)
        assert harness.holder(ROOM) is None
        assert harness.holder("another room") == outsider.id

    def test_the_designated_owner_at_any_time(self) -> None:
        harness = DispatchHarness()
        first, second = harness.enter(ROOM), harness.enter(ROOM)
        harness.context.directory.rooms[ROOM].settings["owner_id"] = second.id
        second.send("chown", id=second.id)
        assert harness.holder(ROOM) == second.id
        assert first.id != second.id


class TestFall:
    @pytest.mark.parametrize(
        ("at", "x"), [((50.0, 20.0), 50.0), ((-5.0, 0.0), 10.0), ((200.0, 100.0), 90.0)]
    )
    def test_it_comes_to_lie_in_view(self, at: tuple[float, float], x: float) -> None:
        harness = DispatchHarness()
        participant = harness.enter(ROOM).session.participant
        assert participant is not None
        for _ in range(30):
            crown = Crown.dropped_by(participant, at, START)
            assert crown.start == at
            assert crown.end[0] == x
            assert 70 <= crown.end[1] <= 90

    def test_it_remembers_who_and_when(self) -> None:
        harness = DispatchHarness()
        first, _ = dropped(harness)
        crown = harness.context.directory.rooms[ROOM].crown
        assert crown is not None
        assert (crown.user_id, crown.holder, crown.time) == (first.id, None, START)


class TestCoOwners:
    def test_each_change_is_told_and_nothing_else(self) -> None:
        harness = DispatchHarness()
        first, second = harness.enter(ROOM), harness.enter(ROOM)
        for on in (True, True, False, False):
            first.send("coowner", id_=second.id, on=on)
        told = [message["text"] for message in second.received() if message["m"] == "notification"]
        assert told == ["You rule this room beside its owner.", "You rule this room no more."]

    def test_where_no_more_are_taken_nobody_is_told_otherwise(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fortepiano.handlers.crown._MOST_MEMBERS", 1)
        harness = DispatchHarness()
        first, second, third = (harness.enter(ROOM) for _ in range(3))
        first.send("coowner", id_=second.id)
        first.send("coowner", id_=third.id)
        assert harness.context.directory.rooms[ROOM].co_owners == {second.id}
        assert refusals(third) == []
        first.send("coowner", id_=second.id, on=False)
        first.send("coowner", id_=third.id)
        assert harness.context.directory.rooms[ROOM].co_owners == {third.id}
