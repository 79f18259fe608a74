import pytest

from fortepiano.model.room import AWKWARD, LOBBY
from support.dispatch_harness import Actor, Backstage

ANN = "a" * 24


def rooms(backstage: Backstage) -> list[str]:
    return list(backstage.context.directory.rooms)


def crowded(lobbies: int, limit: int = 2) -> tuple[Backstage, list[Actor]]:
    """Return a world with so many full lobbies."""
    backstage = Backstage(lobby_limit=limit, lobby_names="numbered")
    return backstage, [backstage.enter(LOBBY) for _ in range(lobbies * limit)]


class TestLobbies:
    def test_without_a_limit_there_is_one(self) -> None:
        backstage = Backstage()
        assert {backstage.enter(LOBBY).room for _ in range(50)} == {LOBBY}

    def test_they_overflow_in_order(self) -> None:
        _, people = crowded(3)
        assert [actor.room for actor in people] == [
            *("lobby", "lobby"),
            *("lobby2", "lobby2"),
            *("lobby3", "lobby3"),
        ]

    def test_a_free_place_is_taken_first(self) -> None:
        backstage, people = crowded(3)
        backstage.end(people[0])
        backstage.end(people[2])
        assert [backstage.enter(LOBBY).room for _ in range(3)] == ["lobby", "lobby2", "lobby4"]

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
        backstage, _ = crowded(2)
        assert backstage.enter(wanted).room == found

    @pytest.mark.parametrize("name", ["lobbyNaN", "lobby0", "lobby999999999"])
    def test_numbers_nobody_counts_to_come_before_the_first(self, name: str) -> None:
        backstage = Backstage(lobby_limit=1, lobby_names="numbered")
        assert [backstage.enter(name).room for _ in range(3)] == [name, "lobby", "lobby2"]

    def test_whoever_is_there_has_a_place(self) -> None:
        backstage = Backstage(lobby_limit=2, lobby_names="numbered")
        first = backstage.enter(LOBBY, user_id=ANN)
        backstage.enter(LOBBY)
        first.send("ch", id_=LOBBY)
        assert first.room == LOBBY
        assert backstage.enter(LOBBY, user_id=ANN).room == LOBBY

    def test_the_backdoor(self) -> None:
        backstage, _ = crowded(1)
        assert backstage.enter("lolwutsecretlobbybackdoor").room == LOBBY
        assert Backstage().enter("lolwutsecretlobbybackdoor").room == "lolwutsecretlobbybackdoor"

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
        assert Backstage().context.directory.is_special(name) is plain
        assert Backstage(lobby_names="numbered").context.directory.is_special(name) is numbered

    def test_they_say_how_many_they_take(self) -> None:
        backstage, _ = crowded(1)
        backstage.enter("a room")
        settings = {name: room.settings for name, room in backstage.context.directory.rooms.items()}
        assert settings["lobby"]["limit"] == 2
        assert "limit" not in settings["a room"]
        assert "limit" not in settings[AWKWARD]


class TestEmptyRooms:
    def test_they_go_at_once(self) -> None:
        backstage = Backstage()
        actor = backstage.enter("a room")
        actor.send("ch", id_=LOBBY)
        assert rooms(backstage) == [LOBBY, AWKWARD]

    def test_or_after_a_while(self) -> None:
        backstage = Backstage(empty_room_ms=3000)
        actor = backstage.enter("a room", color="#112233")
        actor.send("ch", id_=LOBBY)
        ((seconds, sweep),) = backstage.planned
        assert seconds == 3
        backstage.wait(2.9)
        sweep()
        assert "a room" in rooms(backstage)
        backstage.wait(0.2)
        sweep()
        assert "a room" not in rooms(backstage)

    def test_not_if_somebody_came_back(self) -> None:
        backstage = Backstage(empty_room_ms=3000)
        actor = backstage.enter("a room", color="#112233")
        for name in (LOBBY, "a room", LOBBY):
            backstage.wait(2)
            actor.send("ch", id_=name)
        (_, first), *_, (_, second) = backstage.planned
        backstage.wait(1)
        first()
        assert backstage.context.directory.rooms["a room"].settings["color"] == "#112233"
        backstage.wait(2.1)
        second()
        assert "a room" not in rooms(backstage)

    def test_sixty_four_test_rooms_are_kept_with_their_chat(self) -> None:
        backstage = Backstage()
        for number in range(70):
            actor = backstage.enter(f"test/{number}")
            actor.send("a", message=f"line {number}")
            backstage.end(actor)
        assert rooms(backstage) == [LOBBY, AWKWARD, *(f"test/{n}" for n in range(6, 70))]
        history = backstage.context.directory.rooms["test/6"].history
        assert [line["a"] for line in history] == ["line 6"]

    def test_the_ones_used_last(self) -> None:
        backstage = Backstage(test_rooms_kept=2)
        for name in ("test/a", "test/b", "test/a", "test/c"):
            backstage.end(backstage.enter(name))
        assert rooms(backstage) == [LOBBY, AWKWARD, "test/a", "test/c"]

    def test_those_with_people_do_not_count(self) -> None:
        backstage = Backstage(test_rooms_kept=1)
        people = [backstage.enter(f"test/{number}") for number in range(5)]
        assert len(rooms(backstage)) == 7
        backstage.end(people[0])
        backstage.end(people[1])
        assert rooms(backstage)[2:] == ["test/1", "test/2", "test/3", "test/4"]

    def test_the_lobby_and_the_awkward_room_stay(self) -> None:
        backstage = Backstage(test_rooms_kept=0)
        for name in (LOBBY, AWKWARD, "test/a"):
            backstage.end(backstage.enter(name))
        assert rooms(backstage) == [LOBBY, AWKWARD]


class TestUsers:
    def test_one_for_all_tabs(self) -> None:
        backstage = Backstage()
        first, second = (backstage.enter(user_id=ANN) for _ in range(2))
        assert first.session.user is second.session.user
        assert backstage.context.directory.online(first.id) is first.session.user
        backstage.end(first)
        assert backstage.context.directory.online(first.id) is second.session.user
        backstage.end(second)
        assert backstage.context.directory.online(first.id) is None

    @pytest.mark.parametrize(("seconds", "remembered"), [(59, True), (61, False)])
    def test_remembered_for_a_minute(self, seconds: float, remembered: bool) -> None:
        backstage = Backstage()
        actor = backstage.enter(user_id=ANN)
        user = actor.session.user
        backstage.end(actor)
        backstage.wait(seconds)
        assert (backstage.enter(user_id=ANN).session.user is user) is remembered

    def test_names_are_kept_for_longer(self) -> None:
        backstage = Backstage()
        actor = backstage.enter(user_id=ANN)
        actor.send("userset", set={"name": "Ann", "color": "#112233"})
        backstage.end(actor)
        backstage.wait(3600)
        user = backstage.enter(user_id=ANN).session.user
        assert user is not None
        assert (user.name, user.color) == ("Ann", "#112233")

    def test_that_one_is_away_ends_with_the_last_connection(self) -> None:
        backstage = Backstage()
        first, second = (backstage.enter(user_id=ANN) for _ in range(2))
        user = first.session.user
        assert user is not None
        first.send("userset", set={"afk": True})
        assert backstage.context.store.user(ANN) is None, "it is nothing to keep"
        backstage.end(first)
        assert user.is_afk
        backstage.end(second)
        assert not user.is_afk


class TestDeparted:
    def users(self, backstage: Backstage) -> set[str]:
        return set(backstage.context.directory.users)

    def test_they_are_remembered_for_a_minute(self) -> None:
        backstage = Backstage()
        ann = backstage.enter()
        backstage.end(ann)
        backstage.wait(59)
        bea = backstage.enter()
        assert self.users(backstage) == {ann.id, bea.id}
        backstage.wait(1)
        backstage.end(bea)
        assert self.users(backstage) == {bea.id}

    def test_of_very_many_the_first_are_forgotten_sooner(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fortepiano.model.directory._KEPT_AT_MOST", 3)
        backstage = Backstage()
        stays = backstage.enter()
        gone = [backstage.enter() for _ in range(5)]
        for actor in gone:
            backstage.end(actor)
        assert self.users(backstage) == {stays.id, *(actor.id for actor in gone[2:])}
