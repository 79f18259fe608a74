"""One record of each kind in a store in Redis, and a check that all are there."""

from __future__ import annotations

from fortepiano.store import (
    AuditRecord,
    BanRecord,
    ChatRecord,
    RoomRecord,
    TokenRecord,
    UserRecord,
)
from fortepiano.store.redis import RedisStore
from support.records import HOUR, NOW

ANN = UserRecord("a" * 24, "Ann", "#112233", NOW, NOW)
KICKED = BanRecord("Duets 🎹", ANN.id, NOW + HOUR, "b" * 24, "", NOW)
BANNED = BanRecord("", "2001:db8::/64", None, "1f2e3d4c", "spam", NOW)
TOKEN = TokenRecord("00000001", "d1" * 32, "bot", "a bot", NOW, None, ANN.id)
HALL = RoomRecord("hall", {"visible": True}, ANN.id)
CHAT = ChatRecord("hall", ('{"m":"a"}',))


def fill(store: RedisStore) -> AuditRecord:
    """Save one of each; returns the act of moderation."""
    act = AuditRecord(AuditRecord.next_id(NOW), NOW, "admin", "ban", subject=ANN.id)
    store.save_user(ANN)
    store.save_ban(KICKED)
    store.save_ban(BANNED)
    store.save_token(TOKEN)
    store.save_room(HALL)
    store.save_chat(CHAT.room, CHAT.lines)
    store.add_audit(act)
    return act


def assert_filled(store: RedisStore) -> None:
    """Assert that what `fill` saves is there."""
    assert store.users() == [ANN]
    assert sorted(store.bans(), key=lambda ban: ban.room) == [BANNED, KICKED]
    assert store.token(TOKEN.digest) == TOKEN
    assert (store.rooms(), store.chats()) == ([HALL], [CHAT])
