import hashlib
import itertools
from collections.abc import Callable
from typing import get_args

import pytest

from fortepiano.model import permissions
from fortepiano.model.permissions import (
    EVERYWHERE,
    Permission,
    admin_messages_of,
    hello_permissions,
    may_notify,
    permissions_of,
)
from fortepiano.model.tokens import digest, is_valid, mint
from fortepiano.store import Scope

SCOPES: tuple[Scope | None, ...] = (None, *get_args(Scope))
"""All scopes, the one with the fewest rights first."""

NOW = 1_795_300_000_000
DAY = 24 * 60 * 60 * 1000


class TestPermissions:
    def test_an_admin_has_all(self) -> None:
        assert permissions_of("admin") == set(get_args(Permission))

    def test_a_moderator_keeps_order_and_cannot_change_rooms(self) -> None:
        assert permissions_of("moderate") == {
            "clearChat",
            "vanish",
            "chownAnywhere",
            "usersetOthers",
            "siteBan",
        }

    @pytest.mark.parametrize("scope", [None, "read"])
    def test_others_have_none(self, scope: Scope | None) -> None:
        assert permissions_of(scope) == set()
        assert hello_permissions(scope) == {}
        assert admin_messages_of(scope) == set()

    @pytest.mark.parametrize("scope", SCOPES)
    def test_hi_announces_exactly_what_there_is(self, scope: Scope | None) -> None:
        assert set(hello_permissions(scope)) == permissions_of(scope)
        assert all(value is True for value in hello_permissions(scope).values())

    def test_what_is_announced_can_be_changed_without_harm(self) -> None:
        hello_permissions("admin").clear()
        assert len(hello_permissions("admin")) == 9

    @pytest.mark.parametrize("of", [permissions_of, admin_messages_of])
    def test_a_greater_scope_includes_the_smaller(
        self, of: Callable[[Scope | None], frozenset[str]]
    ) -> None:
        for less, more in itertools.pairwise(SCOPES):
            assert of(less) <= of(more)


class TestAdminMessages:
    def test_of_a_moderator(self) -> None:
        assert admin_messages_of("moderate") == {
            "color",
            "setcolor",
            "name",
            "setname",
            "clear_chat",
            "notification",
            "move",
            "siteunban",
        }

    def test_of_an_admin(self) -> None:
        assert {"restart", "ch_flag", "rename_channel"} <= admin_messages_of("admin")
        assert len(admin_messages_of("admin")) == 17

    @pytest.mark.parametrize("scope", SCOPES)
    def test_nobody_runs_code(self, scope: Scope | None) -> None:
        assert "eval" not in admin_messages_of(scope)

    @pytest.mark.parametrize(
        ("room", "user_id", "moderate"),
        [
            ("here", None, True),
            (None, "a" * 24, True),
            ("here", "a" * 24, True),
            (None, None, True),
            ("there", None, False),
            ("there", "a" * 24, False),
            (EVERYWHERE, None, False),
            (None, EVERYWHERE, False),
            ("here", EVERYWHERE, False),
        ],
    )
    def test_how_far_a_notification_reaches(
        self, room: str | None, user_id: str | None, moderate: bool
    ) -> None:
        assert may_notify("moderate", "here", room, user_id) is moderate
        assert may_notify("admin", "here", room, user_id)
        assert not may_notify("read", "here", room, user_id)
        assert not may_notify(None, "here", room, user_id)

    def test_a_room_named_like_everywhere_opens_nothing(self) -> None:
        assert not may_notify("moderate", EVERYWHERE, EVERYWHERE, None)


class TestTokens:
    def test_form(self) -> None:
        token, record = mint("moderate", "Ann's", NOW, None)
        start, token_id, secret = token.split("_")
        assert (start, token_id) == ("fp", record.id)
        assert len(bytes.fromhex(secret)) == 32
        assert (record.scope, record.label, record.created) == ("moderate", "Ann's", NOW)

    def test_only_the_digest_is_kept(self) -> None:
        token, record = mint("admin", "", NOW, None)
        assert record.digest == digest(token) == hashlib.sha256(token.encode()).hexdigest()
        assert token.rpartition("_")[2] not in repr(record)

    def test_each_is_new(self) -> None:
        made = [mint("read", "", NOW, None) for _ in range(50)]
        assert len({token for token, _ in made}) == 50
        assert len({record.id for _, record in made}) == 50

    @pytest.mark.parametrize("token", ["", "x", "fp_", "\ud800", "é" * 10_000])
    def test_anything_has_a_digest(self, token: str) -> None:
        assert len(digest(token)) == 64

    def test_without_an_end(self) -> None:
        _, record = mint("read", "", NOW, None)
        assert record.expires is None
        assert is_valid(record, NOW + 1000 * 365 * DAY)

    def test_with_an_end(self) -> None:
        _, record = mint("read", "", NOW, 7)
        assert record.expires == NOW + 7 * DAY
        assert is_valid(record, NOW + 7 * DAY - 1)
        assert not is_valid(record, NOW + 7 * DAY)


def test_exports() -> None:
    assert all(hasattr(permissions, name) for name in permissions.__all__)
