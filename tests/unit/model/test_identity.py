import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.config import IdentityMode, Settings
from fortepiano.model.addresses import NETWORK_BITS
from fortepiano.model.identity import (
    Bearer,
    Identity,
)
from fortepiano.model.user_ids import default_color, new_user_id
from fortepiano.native import subscriber
from fortepiano.store.records import SigningKey

USER = "0123456789abcdef01234567"
NOW = 1_795_300_000_000
DAY = 86_400_000
LIFE = 100 * DAY
OLD, NEW = SigningKey("old", b"o" * 32, 1), SigningKey("new", b"n" * 32, 2)


def test_id_is_the_first_half_of_the_salted_hash() -> None:
    expected = hashlib.sha256(b"one203.0.113.9two").hexdigest()[:24]
    assert Identity("ip", "one", "two", subscriber).user_id("203.0.113.9") == expected


@pytest.mark.parametrize("mode", ["ip", "token"])
def test_same_address_same_id(mode: IdentityMode) -> None:
    identity = Identity(mode, "a", "b", subscriber)
    assert identity.user_id("192.0.2.1") == identity.user_id("192.0.2.1")
    assert identity.user_id("192.0.2.1") != identity.user_id("192.0.2.2")


def test_each_salt_matters() -> None:
    salts = [(one, two) for one in ("", "x") for two in ("", "y")]
    made = {Identity("ip", *both, subscriber).user_id("192.0.2.1") for both in salts}
    assert len(made) == 4


def test_random_gives_a_new_id_each_time() -> None:
    identity = Identity("random", "", "", subscriber)
    made = {identity.user_id("127.0.0.1") for _ in range(50)}
    assert len(made) == 50
    assert all(len(user) == 24 and set(user) <= set("0123456789abcdef") for user in made)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::2"),
    ],
)
def test_one_subscriber_is_one_user(one: str, other: str) -> None:
    identity = Identity("ip", "s", "t", subscriber)
    assert identity.user_id(one) == identity.user_id(other)


def test_neighbouring_networks_are_two_users() -> None:
    identity = Identity("ip", "s", "t", subscriber)
    assert identity.user_id("2001:db8:0:1::1") != identity.user_id("2001:db8:0:2::1")


def test_ipv6_is_hashed_as_its_network() -> None:
    expected = hashlib.sha256(b"s2001:db8:0:1::/64t").hexdigest()[:24]
    assert Identity("ip", "s", "t", subscriber).user_id("2001:db8:0:1:2:3:4:5") == expected


@pytest.mark.parametrize(
    ("address", "user_id"),
    [
        ("203.0.113.9", "795dc0891078da89bd51c580"),
        ("::ffff:203.0.113.9", "795dc0891078da89bd51c580"),
        ("2001:db8:0:1:2:3:4:5", "774b2dd19aa03d4b6ee0b52a"),
        ("0:0:0:5::1", "500d12f9f0e4f34fc00d8643"),
        ("fe80::1%eth0", "95efc5aa097c9d690ab8184c"),
        ("unix:/run/x.sock", "1ae3a456273eb7ff0557d1fa"),
    ],
)
def test_the_ids_of_users_never_change(address: str, user_id: str) -> None:
    assert Identity("ip", "one", "two", subscriber).user_id(address) == user_id


def test_what_is_no_address_still_gives_an_id() -> None:
    assert len(Identity("ip", "s", "t", subscriber).user_id("unix:/run/x.sock")) == 24


def test_default_color_is_the_head_of_the_id() -> None:
    assert default_color("a1b2c3d4e5f6a1b2c3d4e5f6") == "#a1b2c3"


class TestMode:
    def test_the_address_is_the_user_by_default(self) -> None:
        assert Settings().identity_mode == "ip"

    def test_development_makes_users_of_connections(self) -> None:
        assert Settings(node_env="development").identity_mode == "random"

    @pytest.mark.parametrize("mode", ["ip", "token", "random"])
    @pytest.mark.parametrize("node_env", ["development", "production"])
    def test_what_is_chosen_counts(self, mode: str, node_env: str) -> None:
        settings = Settings.model_validate({"identity": {"mode": mode}, "node_env": node_env})
        assert settings.identity_mode == mode


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(head: object, claims: object, secret: bytes = NEW.secret) -> str:
    """Return a token with any head and claims, rightly signed."""
    text = f"{encoded(head)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


HEAD = {"alg": "HS256", "typ": "JWT", "kid": "new"}
CLAIMS = {"sub": USER, "iat": NOW // 1000, "exp": NOW // 1000 + 1000}


class TestTokens:
    identity = Identity("token", "s", "t", subscriber, keys=lambda: (OLD, NEW), token_days=100)
    before = Identity("token", "s", "t", subscriber, keys=lambda: (OLD,), token_days=100)
    elsewhere = Identity(
        "token", "s", "t", subscriber, keys=lambda: (SigningKey("new", b"x" * 32, 2),)
    )

    def test_what_is_signed_is_read(self) -> None:
        token = self.identity.sign(USER, NOW + 999)
        assert self.identity.read(token, NOW + 999) == Bearer(USER, NOW, True, NOW + LIFE)

    def test_the_newest_key_signs_and_all_are_accepted(self) -> None:
        assert jwt.get_unverified_header(self.identity.sign(USER, NOW))["kid"] == "new"
        old = self.before.sign(USER, NOW)
        assert self.before.read(old, NOW) == Bearer(USER, NOW, True, NOW + LIFE)
        assert self.identity.read(old, NOW) == Bearer(USER, NOW, False, NOW + LIFE)

    def test_a_key_that_is_gone_is_nobodys(self) -> None:
        assert self.before.read(self.identity.sign(USER, NOW), NOW) is None

    def test_a_token_lasts_its_time_and_is_due_after_half_of_it(self) -> None:
        token = self.identity.sign(USER, NOW)
        for days, fresh in ((0, True), (49, True), (50, False), (99, False)):
            assert self.identity.read(token, NOW + days * DAY) == Bearer(
                USER, NOW, fresh, NOW + LIFE
            )
        assert self.identity.read(token, NOW + 100 * DAY - 1) is not None
        assert self.identity.read(token, NOW + 100 * DAY) is None

    def test_a_foreign_key_with_the_name_of_ours_signs_nothing(self) -> None:
        assert self.identity.read(self.elsewhere.sign(USER, NOW), NOW) is None

    def test_ours_can_be_forged_here_so_what_follows_tests_something(self) -> None:
        assert self.identity.read(forged(HEAD, CLAIMS), NOW) is not None

    @pytest.mark.parametrize(
        "head",
        [
            {"alg": "none", "kid": "new"},
            {"alg": "None", "kid": "new"},
            {"alg": "HS512", "kid": "new"},
            {"alg": "RS256", "kid": "new"},
            {"alg": "HS256"},
            {"alg": "HS256", "kid": ""},
            {"alg": "HS256", "kid": None},
            {"alg": "HS256", "kid": 0},
            {"alg": "HS256", "kid": ["new"]},
            {"alg": "HS256", "kid": "other"},
            {"alg": "HS256", "kid": "../../dev/null"},
            {"alg": ["HS256"], "kid": "new"},
            {"alg": "HS256", "kid": "new", "crit": ["x"], "x": 1},
            {"kid": "new"},
            [],
            "x",
            None,
        ],
        ids=repr,
    )
    def test_any_other_head_is_no_token(self, head: object) -> None:
        assert self.identity.read(forged(head, CLAIMS), NOW) is None

    @pytest.mark.parametrize("alg", ["none", "HS256"])
    def test_nor_is_one_without_a_signature(self, alg: str) -> None:
        text = f"{encoded(HEAD | {'alg': alg})}.{encoded(CLAIMS)}"
        assert self.identity.read(f"{text}.", NOW) is None
        assert self.identity.read(text, NOW) is None

    def test_a_key_that_the_token_brings_along_is_not_asked(self) -> None:
        brought = {"kty": "oct", "k": encoded(b"x" * 32)}
        for more in ({"jwk": brought}, {"jku": "https://example.org"}, {"x5u": "https://a.b"}):
            assert self.identity.read(forged(HEAD | more, CLAIMS, b"x" * 32), NOW) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"sub": "x"},
            {"sub": USER.upper()},
            {"sub": USER + "0"},
            {"sub": USER + "\n"},
            {"sub": 5},
            {"sub": None},
            {"sub": [USER]},
            {"iat": "1"},
            {"iat": NOW / 1000},
            {"iat": True},
            {"iat": NOW // 1000 + 60},
            {"exp": NOW // 1000},
            {"exp": 0},
            {"exp": -1},
            {"exp": 1e999},
            {"exp": "tomorrow"},
            {"exp": None},
        ],
        ids=repr,
    )
    def test_nor_are_claims_that_make_no_sense(self, changes: dict[str, Any]) -> None:
        assert self.identity.read(forged(HEAD, CLAIMS | changes), NOW) is None

    @pytest.mark.parametrize("missing", CLAIMS)
    def test_nor_ones_that_are_missing(self, missing: str) -> None:
        claims = {name: value for name, value in CLAIMS.items() if name != missing}
        assert self.identity.read(forged(HEAD, claims), NOW) is None

    @pytest.mark.parametrize("claims", [[], "x", None, 5, b"\xff", b"{"], ids=repr)
    def test_nor_is_what_is_no_object(self, claims: object) -> None:
        assert self.identity.read(forged(HEAD, claims), NOW) is None

    def test_one_letter_less_or_more_or_other_is_no_token(self) -> None:
        token = self.identity.sign(USER, NOW)
        for at in range(len(token) - 1):
            other = "A" if token[at] != "A" else "B"
            assert self.identity.read(token[:at] + other + token[at + 1 :], NOW) is None
        assert self.identity.read(token[:-1], NOW) is None
        assert self.identity.read(token + "A", NOW) is None
        assert self.identity.read(f" {token}", NOW) is None

    @given(st.text() | st.text("ey.Ji_-{}="))
    def test_anything_else_is_none(self, text: str) -> None:
        assert self.identity.read(text, NOW) is None

    @pytest.mark.parametrize("text", ["", "..", "x" * 100_000, "\ud800.\ud800.x", "a.b.c", "\0"])
    def test_so_is_garbage(self, text: str) -> None:
        assert self.identity.read(text, NOW) is None


def test_new_users_are_like_no_other() -> None:
    made = {new_user_id() for _ in range(100)}
    assert len(made) == 100
    assert all(len(user) == 24 and set(user) <= set("0123456789abcdef") for user in made)


class TestNetworks:
    @pytest.mark.parametrize(
        ("address", "known_as"),
        [
            ("203.0.113.9", ["203.0.113.9/32", "203.0.113.0/24"]),
            ("::ffff:203.0.113.9", ["203.0.113.9/32", "203.0.113.0/24"]),
            (
                "2001:db8:1:2ff::9",
                ["2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"],
            ),
            ("fe80::1%eth0", ["fe80::/64", "fe80::/56", "fe80::/48"]),
            ("unix:/run/x.sock", []),
            ("", []),
        ],
    )
    def test_their_ids_are_salted_hashes(self, address: str, known_as: list[str]) -> None:
        wanted = [
            hashlib.sha256(f"one{network}two".encode()).hexdigest()[:24]
            + "/"
            + network.partition("/")[2]
            for network in known_as
        ]
        assert list(Identity("ip", "one", "two", subscriber).network_ids(address)) == wanted
        assert list(Identity("random", "one", "two", subscriber).network_ids(address)) == wanted

    @given(st.ip_addresses(), st.ip_addresses())
    def test_two_have_one_id_where_they_are_in_one_network(self, one: Any, other: Any) -> None:
        identity = Identity("ip", "a", "b", subscriber)
        one, other = (getattr(ip, "ipv4_mapped", None) or ip for ip in (one, other))
        for bits in NETWORK_BITS[one.version]:
            is_same = one.version == other.version and (
                int(one) >> one.max_prefixlen - bits == int(other) >> one.max_prefixlen - bits
            )
            ids = identity.network_ids(str(other))
            assert (identity.network_id(str(one), bits) in ids) == is_same
