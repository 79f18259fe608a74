"""Rights of staff while their token is revoked, expires, is narrowed or belongs to a bot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fortepiano.model.close_codes import CloseCode
from fortepiano.model.identity import Identity
from fortepiano.model.network_lists import NetworkList
from fortepiano.model.tokens import mint
from fortepiano.native import NetworkTable, ParsedNetworks, subscriber
from fortepiano.store.records import SigningKey, TokenRecord, TokenScope
from support.dispatch_harness import START, DispatchHarness, FakeClient

HERE, ROOM = "192.0.2.1", "a room"
BOB = "b" * 24
DAY = 86_400


class Stage:
    """A server with tokens, and clients that use them."""

    def __init__(self, mode: Any = "ip") -> None:
        keys = [SigningKey("k", b"1" * 32, START)]
        identity = Identity(mode, "one", "two", subscriber, keys=lambda: keys, token_days=100)
        self.harness = DispatchHarness(identity=identity)
        self.store = self.harness.context.store

    def token(
        self, scope: TokenScope = "admin", days: int | None = None, user_id: str = ""
    ) -> tuple[str, TokenRecord]:
        token, record = mint(scope, "", self.harness.context.now(), days, user_id)
        self.store.save_token(record)
        return token, record

    def client(self, token: Any = None, *, at: str = HERE, room: str | None = ROOM) -> FakeClient:
        home = self.harness.context.identity.user_id(at)
        client = self.harness.open(home, address=at, is_limited=True)
        client.send("hi", token=token)
        client.reply = client.received()
        client.id, client.token = client.reply[0]["u"]["_id"], client.reply[0].get("token")
        if room is not None:
            client.send("ch", id_=room)
        client.received()
        return client

    def look(self) -> None:
        """Do what the upkeep does each second."""
        self.harness.dispatch.follow_store()


@pytest.fixture
def stage() -> Stage:
    return Stage()


def codes(client: FakeClient) -> list[str]:
    return [one["code"] for one in client.received() if one["m"] == "notification"]


def rights(client: FakeClient) -> set[str]:
    client.send("hi")
    [reply] = [message for message in client.received() if message["m"] == "hi"]
    return set(reply["permissions"])


def end_token(stage: Stage, record: TokenRecord, how: str) -> None:
    if how == "removed":
        stage.store.remove_token(record.id)
    elif how == "revoked":
        stage.store.save_token(replace(record, revoked=START))
    elif how == "replaced":
        stage.store.save_token(replace(record, digest="0" * 64))
    elif how == "made a bot's":
        stage.store.save_token(replace(record, scope="bot", user_id=BOB))
    else:
        stage.harness.wait(DAY)


@pytest.mark.parametrize("how", ["removed", "revoked", "replaced", "made a bot's", "expired"])
class TestStaff:
    def test_the_right_to_ban_ends(self, stage: Stage, how: str) -> None:
        token, record = stage.token(days=1)
        staff, victim = stage.client(token), stage.client(at="192.0.2.2")
        assert "siteBan" in rights(staff)
        end_token(stage, record, how)
        stage.look()
        assert codes(staff) == ["token_ended"]
        assert rights(staff) == set()
        staff.send("siteban", id=victim.id, permanent=True)
        staff.send("admin message", msg={"m": "setname", "_id": victim.id, "name": "x"})
        assert codes(staff) == ["not_allowed"]
        assert victim.closed is staff.closed is None
        stage.look()
        assert codes(staff) == []

    def test_tag_disguise_and_flags_end(self, stage: Stage, how: str) -> None:
        token, record = stage.token(days=1)
        staff, other = stage.client(token), stage.client(at="192.0.2.2")
        for msg in (
            {"m": "tag", "_id": staff.id, "tag": "ADMIN"},
            {"m": "user_flag", "_id": staff.id, "key": "vanish", "value": True},
            {"m": "user_flag", "_id": staff.id, "key": "cansetcrowns", "value": True},
            {"m": "user_flag", "_id": staff.id, "key": "no note rate limit", "value": True},
            {"m": "user_flag", "_id": other.id, "key": "cansetcrowns", "value": True},
            {"m": "tag", "_id": other.id, "tag": "GUEST"},
        ):
            staff.send("admin message", msg=msg)
        user = stage.harness.context.directory.users[staff.id]
        guest = stage.harness.context.directory.users[other.id]
        assert user.is_hidden and user.tag is not None
        end_token(stage, record, how)
        stage.look()
        assert (user.is_hidden, user.tag, user.flags) == (False, None, {})
        assert guest.tag is not None and guest.has_flag("cansetcrowns")
        assert stage.harness.context.directory.rooms[ROOM].hidden == set()

    def test_a_disguise_does_not_outlive_the_session(self, stage: Stage, how: str) -> None:
        token, record = stage.token(days=1)
        staff = stage.client(token)
        plain = stage.client()
        staff.send("v", vanish=True)
        stage.harness.end(staff)
        end_token(stage, record, how)
        stage.look()
        assert not stage.harness.context.directory.users[plain.id].is_hidden


class TestNarrowed:
    def test_permissions_shrink_and_the_client_gets_a_notice(self, stage: Stage) -> None:
        token, record = stage.token()
        staff = stage.client(token)
        stage.store.save_token(replace(record, scope="moderate"))
        stage.look()
        assert codes(staff) == ["rights_changed"]
        assert "siteBan" in rights(staff)
        assert "siteBanAnyDuration" not in rights(staff)
        assert staff.session.scope == "moderate"

    def test_whoever_may_not_hide_any_more_is_seen(self, stage: Stage) -> None:
        token, record = stage.token()
        staff = stage.client(token)
        other_token, _ = stage.token()
        other = stage.client(other_token, at="192.0.2.2")
        other.send("v", vanish=True)
        staff.send("v", vanish=True)
        staff.send("admin message", msg={"m": "tag", "_id": staff.id, "tag": "ADMIN"})
        stage.store.save_token(replace(record, scope="read"))
        stage.look()
        user = stage.harness.context.directory.users[staff.id]
        assert not user.is_hidden
        assert user.tag is not None, "still one of the staff"
        assert "vanish" not in staff.session.permissions

    def test_another_token_of_the_user_keeps_what_it_gives(self, stage: Stage) -> None:
        (first, record), (second, _) = stage.token(), stage.token("moderate")
        one, two = stage.client(first), stage.client(second)
        two.send("v", vanish=True)
        stage.store.remove_token(record.id)
        stage.look()
        assert codes(one) == ["token_ended"]
        assert codes(two) == []
        assert rights(two) and not rights(one)
        assert stage.harness.context.directory.users[two.id].is_hidden

    def test_other_changes_change_nothing(self, stage: Stage) -> None:
        token, record = stage.token()
        staff = stage.client(token)
        stage.store.save_token(replace(record, label="new", expires=START + 5000))
        stage.look()
        assert codes(staff) == []
        stage.harness.wait(5)
        stage.look()
        assert codes(staff) == ["token_ended"]


class TestKnownByToken:
    @pytest.mark.parametrize("scope", ["bot", "user"])
    def test_a_revoked_bot_or_user_is_closed(self, stage: Stage, scope: TokenScope) -> None:
        token, record = stage.token(scope, user_id=BOB)
        bot = stage.client(token)
        assert bot.id == BOB
        stage.store.remove_token(record.id)
        stage.look()
        assert codes(bot) == ["token_ended"]
        assert bot.closed == CloseCode.NORMAL

    def test_revoked_browsers_are_closed_and_others_stay(self) -> None:
        stage = Stage("token")
        first, second = stage.client(), stage.client()
        again = stage.client(first.token, at="192.0.2.9")
        stage.harness.wait(1)
        now = stage.harness.context.now()
        revoked = TokenRecord(first.id, "", "user", "", now, None, user_id=first.id, revoked=now)
        stage.store.save_token(revoked)
        stage.look()
        assert (first.closed, again.closed) == (CloseCode.NORMAL, CloseCode.NORMAL)
        assert second.closed is None

    def test_an_expired_browser_is_closed(self) -> None:
        stage = Stage("token")
        client = stage.client()
        stage.harness.wait(100 * DAY - 1)
        stage.look()
        assert client.closed is None
        stage.harness.wait(1)
        stage.look()
        assert client.closed == CloseCode.NORMAL


def test_whoever_was_let_in_for_a_token_goes_with_it(stage: Stage) -> None:
    lists = {NetworkList("tor"): ParsedNetworks(HERE.encode())}
    stage.harness.context.networks.replace(lists, NetworkTable(list(lists.values())))
    token, record = stage.token("read")
    staff = stage.client(token)
    assert staff.closed is None
    stage.store.remove_token(record.id)
    stage.look()
    assert staff.closed == CloseCode.NETWORK_REFUSED


def test_nothing_is_looked_at_while_no_token_changes(stage: Stage) -> None:
    tokens = stage.harness.context.tokens
    token, _ = stage.token(days=1)
    stage.look()
    stage.client(token)
    assert not tokens.is_due(stage.harness.context.now())
    assert tokens.is_due(stage.harness.context.now() + DAY * 1000)
    assert not tokens.is_due(stage.harness.context.now())
