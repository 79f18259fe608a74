import pytest

from fortepiano.model.room import AWKWARD, LOBBY
from support.dispatch_harness import DispatchHarness, FakeClient

ANN = "a" * 24


def rooms(harness: DispatchHarness) -> list[str]:
    return list(harness.context.directory.rooms)


def crowded(lobbies: int, limit: int = 2) -> tuple[DispatchHarness, list[FakeClient]]:
    """Return a harness with this many full lobbies."""
    harness = DispatchHarness(lobby_limit=limit, lobby_names="numbered")
    return harness, [harness.enter(LOBBY) for _ in range(lobbies * limit)]


class TestLobbies:
    def test_without_a_limit_there_is_one(self) -> None:
        harness = DispatchHarness()
        assert {harness.enter(LOBBY).room for _ in range(50)} == {LOBBY}

    def test_they_overflow_in_order(self) -> None:
        _, people = crowded(3)
        assert [client.room for client in people] == [
            *("lobby", "lobby"),
            *("lobby2", "lobby2"),
            *("lobby3", "lobby3"),
        ]

    def test_a_free_place_is_taken_first(self) -> None:
        harness, people = crowded(3)
        harness.end(people[0])
        harness.end(people[2])
        assert [harness.enter(LOBBY).room for _ in range(3)] == ["lobby", "lobby2", "lobby4"]

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ("lobby", "lobby3"),
            ("lobby1", "lobby1"),
            ("lobby2", "lobby3"),
            ("lobby3", "lobby3"),
            ("lobby7", "lobby7"),
            ("lobbyNaN", "lobbyNaN"),
            ("lobby999999999", "lobby999999999"),
            ("lobbyist", "lobbyist"),
            ("Lobby", "Lobby"),
            ("test/lobby", "test/lobby"),
        ],
    )
    def test_where_one_ends_up(self, wanted: str, found: str) -> None:
        harness, _ = crowded(2)
        assert harness.enter(wanted).room == found

    @pytest.mark.parametrize("name", ["lobbyNaN", "lobby0", "lobby999999999"])
    def test_numbers_nobody_counts_to_come_before_the_first(self, name: str) -> None:
        harness = DispatchHarness(lobby_limit=1, lobby_names="numbered")
        assert [harness.enter(name).room for _ in range(3)] == [name, "lobby", "lobby2"]

    def test_whoever_is_there_has_a_place(self) -> None:
        harness = DispatchHarness(lobby_limit=2, lobby_names="numbered")
        first = harness.enter(LOBBY, user_id=ANN)
        harness.enter(LOBBY)
        first.send("ch", id_=LOBBY)
        assert first.room == LOBBY
        assert harness.enter(LOBBY, user_id=ANN).room == LOBBY

    def test_the_backdoor(self) -> None:
        harness, _ = crowded(1)
        assert harness.enter("lolwutsecretlobbybackdoor").room == LOBBY
        assert (
            DispatchHarness().enter("lolwutsecretlobbybackdoor").room == "lolwutsecretlobbybackdoor"
        )

    @pytest.mark.parametrize(
        ("name", "plain", "numbered"),
        [
            ("lobby", True, True),
            ("test/", True, True),
            ("test/a/b", True, True),
            ("lobby2", False, True),
            ("lobby00", False, True),
            ("lobbyNaN", False, True),
            ("lobbynan", False, False),
            ("lobby-1", False, False),
            ("lobby2\u0660", False, False),
            ("lobby ", False, False),
            ("Test/x", False, False),
            ("tests", False, False),
        ],
    )
    def test_special_names(self, name: str, plain: bool, numbered: bool) -> None:
        assert DispatchHarness().context.directory.is_special(name) is plain
        assert (
            DispatchHarness(lobby_names="numbered").context.directory.is_special(name) is numbered
        )

    def test_they_say_how_many_they_take(self) -> None:
        harness, _ = crowded(1)
        harness.enter("a room")
        settings = {name: room.settings for name, room in harness.context.directory.rooms.items()}
        assert settings["lobby"]["limit"] == 2
        assert "limit" not in settings["a room"]
        assert "limit" not in settings[AWKWARD]


class TestEmptyRooms:
    def test_they_go_at_once(self) -> None:
        harness = DispatchHarness()
        client = harness.enter("a room")
        client.send("ch", id_=LOBBY)
        assert rooms(harness) == [LOBBY, AWKWARD]

    def test_or_after_a_while(self) -> None:
        harness = DispatchHarness(empty_room_ms=3000)
        client = harness.enter("a room", color="#112233")
        client.send("ch", id_=LOBBY)
        ((seconds, sweep),) = harness.planned
        assert seconds == 3
        harness.wait(2.9)
        sweep()
        assert "a room" in rooms(harness)
        harness.wait(0.2)
        sweep()
        assert "a room" not in rooms(harness)

    def test_not_if_somebody_came_back(self) -> None:
        harness = DispatchHarness(empty_room_ms=3000)
        client = harness.enter("a room", color="#112233")
        for name in (LOBBY, "a room", LOBBY):
            harness.wait(2)
            client.send("ch", id_=name)
        (_, first), *_, (_, second) = harness.planned
        harness.wait(1)
        first()
        assert harness.context.directory.rooms["a room"].settings["color"] == "#112233"
        harness.wait(2.1)
        second()
        assert "a room" not in rooms(harness)

    def test_sixty_four_test_rooms_are_kept_with_their_chat(self) -> None:
        harness = DispatchHarness()
        for number in range(70):
            client = harness.enter(f"test/{number}")
            client.send("a", message=f"line {number}")
            harness.end(client)
        assert rooms(harness) == [LOBBY, AWKWARD, *(f"test/{n}" for n in range(6, 70))]
        history = harness.context.directory.rooms["test/6"].history
        assert [line["a"] for line in history] == ["line 6"]

    def test_the_ones_used_last(self) -> None:
        harness = DispatchHarness(test_rooms_kept=2)
        for name in ("test/a", "test/b", "test/a", "test/c"):
            harness.end(harness.enter(name))
        assert rooms(harness) == [LOBBY, AWKWARD, "test/a", "test/c"]

    def test_those_with_people_do_not_count(self) -> None:
        harness = DispatchHarness(test_rooms_kept=1)
        people = [harness.enter(f"test/{number}") for number in range(5)]
        assert len(rooms(harness)) == 7
        harness.end(people[0])
        harness.end(people[1])
        assert rooms(harness)[2:] == ["test/1", "test/2", "test/3", "test/4"]

    def test_the_lobby_and_the_awkward_room_stay(self) -> None:
        harness = DispatchHarness(test_rooms_kept=0)
        for name in (LOBBY, AWKWARD, "test/a"):
            harness.end(harness.enter(name))
        assert rooms(harness) == [LOBBY, AWKWARD]


class TestUsers:
    def test_one_for_all_tabs(self) -> None:
        harness = DispatchHarness()
        first, second = (harness.enter(user_id=ANN) for _ in range(2))
        assert first.session.user is second.session.user
        assert harness.context.directory.online(first.id) is first.session.user
        harness.end(first)
        assert harness.context.directory.online(first.id) is second.session.user
        harness.end(second)
        assert harness.context.directory.online(first.id) is None

    @pytest.mark.parametrize(("seconds", "remembered"), [(59, True), (61, False)])
    def test_remembered_for_a_minute(self, seconds: float, remembered: bool) -> None:
        harness = DispatchHarness()
        client = harness.enter(user_id=ANN)
        user = client.session.user
        harness.end(client)
        harness.wait(seconds)
        assert (harness.enter(user_id=ANN).session.user is user) is remembered

    def test_names_are_kept_for_longer(self) -> None:
        harness = DispatchHarness()
        client = harness.enter(user_id=ANN)
        client.send("userset", set={"name": "Ann", "color": "#112233"})
        harness.end(client)
        harness.wait(3600)
        user = harness.enter(user_id=ANN).session.user
        assert user is not None
        assert (user.name, user.color) == ("Ann", "#112233")

    def test_that_one_is_away_ends_with_the_last_connection(self) -> None:
        harness = DispatchHarness()
        first, second = (harness.enter(user_id=ANN) for _ in range(2))
        user = first.session.user
        assert user is not None
        first.send("userset", set={"afk": True})
        assert harness.context.store.user(ANN) is None, "it is nothing to keep"
        harness.end(first)
        assert user.is_afk
        harness.end(second)
        assert not user.is_afk


class TestDeparted:
    def users(self, harness: DispatchHarness) -> set[str]:
        return set(harness.context.directory.users)

    def test_they_are_remembered_for_a_minute(self) -> None:
        harness = DispatchHarness()
        ann = harness.enter()
        harness.end(ann)
        harness.wait(59)
        bea = harness.enter()
        assert self.users(harness) == {ann.id, bea.id}
        harness.wait(1)
        harness.end(bea)
        assert self.users(harness) == {bea.id}

    def test_of_very_many_the_first_are_forgotten_sooner(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fortepiano.model.directory._MOST_REMEMBERED", 3)
        harness = DispatchHarness()
        stays = harness.enter()
        gone = [harness.enter() for _ in range(5)]
        for client in gone:
            harness.end(client)
        assert self.users(harness) == {stays.id, *(client.id for client in gone[2:])}
