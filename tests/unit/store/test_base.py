"""The behaviour of every kind of store."""

import asyncio
import dataclasses
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from fortepiano.config import Settings, StoreSettings
from fortepiano.store import (
    DATABASE,
    AuditQuery,
    AuditRecord,
    ChatRecord,
    RoomRecord,
    Store,
    TokenRecord,
    UserRecord,
    open_store,
)
from fortepiano.store.base import CHAT_LINES
from fortepiano.store.memory import MemoryStore
from fortepiano.store.sqlite import SQLiteStore
from support.records import ANN, BANNED, BEA, FIRST, KICKED, LONG, NOW, SECOND, STUDIO, act


class TestEveryStore:
    def test_nobody_is_known_at_first(self, store: Store) -> None:
        assert store.user(ANN.id) is None
        assert store.healthy
        assert store.last_error is None

    def test_saved_is_there_at_once(self, store: Store) -> None:
        store.save_user(ANN)
        assert store.user(ANN.id) == ANN
        assert store.user(BEA.id) is None

    def test_last_save_counts(self, store: Store) -> None:
        for number in range(100):
            store.save_user(UserRecord(ANN.id, f"Ann {number}", ANN.color))
        assert store.user(ANN.id) == UserRecord(ANN.id, "Ann 99", ANN.color)

    def test_salts_are_two_secrets_that_stay(self, store: Store) -> None:
        first, second = store.salts()
        assert first != second
        assert min(len(first), len(second)) >= 32
        assert store.salts() == (first, second)

    def test_flush_reports_success(self, store: Store) -> None:
        assert store.flush(LONG)
        store.save_user(ANN)
        assert store.flush(LONG)
        assert store.healthy

    def test_nobody_is_banned_at_first(self, store: Store) -> None:
        assert store.bans() == []
        store.remove_ban(KICKED.room, KICKED.subject)
        assert store.bans() == []

    def test_bans_of_one_user_are_independent(self, store: Store) -> None:
        store.save_ban(KICKED)
        store.save_ban(BANNED)
        assert sorted(store.bans(), key=lambda ban: ban.room) == [BANNED, KICKED]
        store.remove_ban("", ANN.id)
        store.remove_ban(KICKED.room, BEA.id)
        assert store.bans() == [KICKED]

    def test_second_ban_replaces_the_first(self, store: Store) -> None:
        longer = dataclasses.replace(KICKED, until=None, by=ANN.id)
        store.save_ban(KICKED)
        store.save_ban(longer)
        assert store.bans() == [longer]

    def test_lists_are_the_askers_own(self, store: Store) -> None:
        store.save_ban(KICKED)
        store.save_token(FIRST)
        store.bans().clear()
        store.tokens().clear()
        assert (store.bans(), store.tokens()) == ([KICKED], [FIRST])

    def test_tokens_are_found_by_digest(self, store: Store) -> None:
        assert store.token(FIRST.digest) is None
        store.save_token(SECOND)
        store.save_token(FIRST)
        assert store.token(FIRST.digest) == FIRST
        assert store.token(SECOND.digest) == SECOND
        assert store.token(FIRST.id) is None
        assert store.tokens() == [FIRST, SECOND]

    def test_removed_token_is_gone(self, store: Store) -> None:
        store.save_token(FIRST)
        store.save_token(SECOND)
        store.remove_token(FIRST.id)
        store.remove_token("nobody's")
        assert store.token(FIRST.digest) is None
        assert store.tokens() == [SECOND]

    def test_new_secret_of_a_token_replaces_the_old(self, store: Store) -> None:
        renewed = dataclasses.replace(FIRST, digest="d3" * 32)
        store.save_token(FIRST)
        store.save_token(renewed)
        assert store.token(FIRST.digest) is None
        assert store.tokens() == [renewed]

    def test_revoked_token_is_kept_by_its_id(self, store: Store) -> None:
        revoked = TokenRecord("r1", "", "user", "", NOW, None, ANN.id, NOW)
        other = dataclasses.replace(revoked, id="r2")
        store.save_token(revoked)
        store.save_token(other)
        assert (store.token_by_id("r1"), store.token_by_id("r2")) == (revoked, other)
        assert store.token("") is None

    def test_networks_are_banned_like_users(self, store: Store) -> None:
        network = dataclasses.replace(BANNED, subject="2001:db8::/64")
        store.save_ban(network)
        store.save_ban(BANNED)
        store.remove_ban("", BANNED.subject)
        assert store.bans() == [network]

    def test_rooms(self, store: Store) -> None:
        store.save_room(STUDIO)
        store.save_room(RoomRecord("other", {}))
        assert store.room("Studio 🎹") == STUDIO
        assert sorted(room.name for room in store.rooms()) == ["Studio 🎹", "other"]
        store.remove_room("other")
        store.remove_room("nowhere")
        assert store.rooms() == [STUDIO]
        assert store.room("other") is None

    def test_room_is_kept_as_it_was(self, store: Store) -> None:
        settings: dict[str, bool | int | str] = {"visible": True}
        store.save_room(RoomRecord("hall", settings))
        settings["visible"] = False
        assert store.room("hall") == RoomRecord("hall", {"visible": True})

    def test_chat(self, store: Store) -> None:
        assert store.chat("hall") == ()
        store.save_chat("hall", ('{"a":1}', '{"a":"é"}'))
        store.save_chat("other", ("{}",))
        assert store.chat("hall") == ('{"a":1}', '{"a":"é"}')
        store.remove_chat("other")
        assert store.chats() == [ChatRecord("hall", ('{"a":1}', '{"a":"é"}'))]

    def test_chat_is_bounded(self, store: Store) -> None:
        store.save_chat("hall", tuple(str(number) for number in range(CHAT_LINES + 3)))
        lines = store.chat("hall")
        assert (len(lines), lines[0], lines[-1]) == (CHAT_LINES, "3", str(CHAT_LINES + 2))

    def test_audit_is_read_from_the_newest(self, store: Store) -> None:
        acts = [act(number) for number in range(20)]
        for one in acts:
            store.add_audit(one)
        assert store.audit(AuditQuery()) == acts[::-1]
        assert store.audit(AuditQuery(limit=3)) == acts[:-4:-1]
        assert store.audit(AuditQuery(actor="nobody")) == []

    @pytest.mark.parametrize("room", ['"quoted" \\ 🎹', "100% [a-z].*", "\x7f", "a/b", "lobby"])
    def test_audit_of_a_room_with_any_name_is_found(self, store: Store, room: str) -> None:
        found, other = dataclasses.replace(act(1), room=room), act(2)
        store.add_audit(found)
        store.add_audit(other)
        assert store.audit(AuditQuery(room=room)) == [found]

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            (AuditQuery(actor="admin"), [5, 4, 3, 2, 1, 0]),
            (AuditQuery(action="ban"), [4, 2, 0]),
            (AuditQuery(action="mute", limit=2), [5, 3]),
            (AuditQuery(room="room 3"), [3]),
            (AuditQuery(subject=ANN.id, since=NOW + 2, before=NOW + 4), [3, 2]),
        ],
    )
    def test_audit_is_filtered(self, store: Store, query: AuditQuery, numbers: list[int]) -> None:
        acts = [act(number) for number in range(6)]
        for one in acts:
            store.add_audit(one)
        assert store.audit(query) == [acts[number] for number in numbers]

    def test_acts_of_one_moment_keep_their_order(self, store: Store) -> None:
        acts = [dataclasses.replace(act(0), id=AuditRecord.next_id(NOW)) for _ in range(300)]
        for one in acts:
            store.add_audit(one)
        assert store.audit(AuditQuery(limit=1000)) == acts[::-1]

    def test_without_a_loop_the_answer_is_waited_for(self, store: Store) -> None:
        answers: list[bool] = []
        store.save_ban(KICKED)
        store.when_saved(answers.append)
        assert answers == [True]

    async def test_on_a_loop_the_answer_comes_after_the_commit(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        store.attach(loop, lambda: None)
        answers: asyncio.Queue[tuple[bool, int]] = asyncio.Queue()

        def answer(number: int, is_safe: bool) -> None:
            answers.put_nowait((is_safe, number))

        for number in range(3):
            store.save_ban(dataclasses.replace(KICKED, room=str(number)))
            store.when_saved(partial(answer, number))
        got = [await asyncio.wait_for(answers.get(), LONG) for _ in range(3)]
        assert got == [(True, 0), (True, 1), (True, 2)]
        on: asyncio.Future[int] = loop.create_future()
        store.save_ban(BANNED)
        store.when_saved(lambda _: on.set_result(threading.get_ident()))
        assert await asyncio.wait_for(on, LONG) == threading.get_ident()

    def test_own_changes_are_no_revision(self, store: Store) -> None:
        store.save_ban(KICKED)
        store.save_token(FIRST)
        assert store.flush(LONG)
        assert store.revision == 0

    def test_opening_and_closing_twice_is_harmless(self, store: Store) -> None:
        store.save_user(ANN)
        store.open()
        assert store.user(ANN.id) == ANN
        store.close()
        store.close()

    def test_saves_from_several_threads(self, store: Store) -> None:
        def save(letter: str) -> None:
            for number in range(200):
                store.save_user(UserRecord(letter * 24, f"{letter} {number}", "#000000"))

        threads = [threading.Thread(target=save, args=(letter,)) for letter in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.flush(LONG)
        for letter in "abcd":
            record = store.user(letter * 24)
            assert record is not None
            assert record.name == f"{letter} 199"


class TestFactory:
    def test_data_folder_by_default(self, tmp_path: Path) -> None:
        with closing(open_store(Settings(data_dir=tmp_path / "d"))) as store:
            assert isinstance(store, SQLiteStore)
            assert (tmp_path / "d" / DATABASE).is_file()

    def test_memory_leaves_no_trace(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path / "d", store=StoreSettings(url="memory:"))
        with closing(open_store(settings)) as store:
            store.save_user(ANN)
            assert isinstance(store, MemoryStore)
        assert not (tmp_path / "d").exists()
