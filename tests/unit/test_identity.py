import hashlib

import pytest

from fortepiano.model.identity import Identity, default_color


def test_id_is_the_first_half_of_the_salted_hash() -> None:
    expected = hashlib.sha256(b"one203.0.113.9two").hexdigest()[:24]
    assert Identity("production", "one", "two").user_id("203.0.113.9") == expected


@pytest.mark.parametrize("mode", ["production", "test"])
def test_same_address_same_id(mode: str) -> None:
    identity = Identity(mode, "a", "b")  # type: ignore[arg-type]
    assert identity.user_id("192.0.2.1") == identity.user_id("192.0.2.1")
    assert identity.user_id("192.0.2.1") != identity.user_id("192.0.2.2")


def test_each_salt_matters() -> None:
    made = {
        Identity("production", one, two).user_id("192.0.2.1")
        for one in ("", "x")
        for two in ("", "y")
    }
    assert len(made) == 4


def test_development_gives_a_new_id_each_time() -> None:
    identity = Identity("development", "", "")
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
    identity = Identity("production", "s", "t")
    assert identity.user_id(one) == identity.user_id(other)


def test_neighbouring_networks_are_two_users() -> None:
    identity = Identity("production", "s", "t")
    assert identity.user_id("2001:db8:0:1::1") != identity.user_id("2001:db8:0:2::1")


def test_ipv6_is_hashed_as_its_network() -> None:
    expected = hashlib.sha256(b"s2001:db8:0:1::/64t").hexdigest()[:24]
    assert Identity("production", "s", "t").user_id("2001:db8:0:1:2:3:4:5") == expected


def test_what_is_no_address_still_gives_an_id() -> None:
    assert len(Identity("production", "s", "t").user_id("unix:/run/x.sock")) == 24


def test_default_color_is_the_head_of_the_id() -> None:
    assert default_color("a1b2c3d4e5f6a1b2c3d4e5f6") == "#a1b2c3"
