"""How many bans from rooms there are: the oldest gives way, and nobody pushes out others'."""

from __future__ import annotations

from fortepiano.model.ban_bounds import BanBounds
from fortepiano.model.ban_list import SITE, BanList
from fortepiano.native import Bans
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import BanRecord

ANN, BEA, CAT = "a" * 24, "b" * 24, "c" * 24


def bans_of(bounds: BanBounds, *bans: tuple[str, str, str]) -> tuple[BanList, MemoryStore]:
    """Make bans by room, subject and author, one a second."""
    store = MemoryStore()
    made = BanList(Bans(), store, bounds=lambda: bounds)
    for at, (room, subject, by) in enumerate(bans):
        made.ban(BanRecord(room, subject, None, by, "", at))
    return made, store


def left(bans: BanList, store: MemoryStore) -> list[tuple[str, str]]:
    found = [(ban.room, ban.subject) for ban in bans.all()]
    assert found == [(ban.room, ban.subject) for ban in store.bans()]
    assert all(bans.banned_until(*key, 0) is not None for key in found)
    return found


def test_of_a_room_the_oldest_gives_way() -> None:
    made = [("room", str(number), (ANN, BEA)[number % 2]) for number in range(5)]
    bans, store = bans_of(BanBounds(3, 100), ("other", "x", CAT), *made)
    assert left(bans, store) == [("other", "x"), ("room", "2"), ("room", "3"), ("room", "4")]
    assert bans.banned_until("room", "1", 0) is None


def test_a_ban_that_is_made_again_is_the_newest() -> None:
    again = [("room", str(number), ANN) for number in (0, 1, 0, 2)]
    bans, store = bans_of(BanBounds(2, 100), *again)
    assert {subject for _, subject in left(bans, store)} == {"0", "2"}


def test_a_user_has_no_more_in_all_rooms_and_tokens_have_no_bound() -> None:
    made = [(f"room {number}", "x", ANN) for number in range(5)]
    tokens = [(f"of staff {number}", "x", "0123abcd") for number in range(5)]
    bans, store = bans_of(BanBounds(2, 100), *made, *tokens)
    rooms = [room for room, _ in left(bans, store)]
    assert rooms[:2] == ["room 3", "room 4"]
    assert len(rooms) == 7


def test_in_all_whoever_has_several_gives_up_one() -> None:
    others = [("quiet", "x", BEA), ("quieter", "x", CAT)]
    flood = [(f"room {number}", "x", ANN) for number in range(10)]
    bans, store = bans_of(BanBounds(100, 4), *others, *flood)
    assert [room for room, _ in left(bans, store)] == ["quiet", "quieter", "room 8", "room 9"]
    bans.ban(BanRecord("one more", "x", None, "d" * 24, "", 99))
    assert "quiet" not in [room for room, _ in left(bans, store)]


def test_bans_from_the_site_have_no_bound() -> None:
    bans, store = bans_of(BanBounds(1, 1), *((SITE, f"{number:024x}", ANN) for number in range(9)))
    assert len(left(bans, store)) == 9


def test_what_has_ended_leaves_the_store_in_steps() -> None:
    store = MemoryStore()
    bans = BanList(Bans(), store)
    for number in range(1200):
        bans.ban(BanRecord(f"room {number}", "x", 1000 + number % 3, ANN, "", number))
    bans.ban(BanRecord("room", "x", 5000, BEA, "", 0))
    sizes = []
    for _ in range(4):
        bans.prune(2000)
        sizes.append(len(store.bans()))
    assert sizes == [501, 1, 1, 1]
    assert len(bans.all()) == 1
