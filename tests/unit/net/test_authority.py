"""Hosts and origins; the rest of what they do is in tests/attacks/test_foreign_pages.py."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fortepiano.config import Settings
from fortepiano.net.authority import is_known_host, is_permitted_origin


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("http://a", "a", True),
        ("http://a:80", "a", True),
        ("http://a", "A:80", True),
        ("https://a", "a:443", True),
        ("https://a:444", "a:444", True),
        ("http://[::1]:81", "[::1]:81", True),
        ("http://a", "a:443", False),
        ("http://a:81", "a", False),
        ("http://a", "b", False),
        ("http://b.a", "a", False),
        ("null", "null", False),
        ("http://", "", False),
        ("http://a/", "a", False),
    ],
)
def test_a_page_of_the_host_may_always_connect(origin: str, host: str, *, is_own: bool) -> None:
    assert is_permitted_origin(origin, host, ["https://other.example"]) is is_own
    assert is_permitted_origin(origin, host, [])


def test_settings_hold_origins_in_one_spelling() -> None:
    settings = Settings(origins=("HTTPS://Piano.Example.org:443", "null", "http://a:8080"))
    assert settings.origins == ("https://piano.example.org", "null", "http://a:8080")
    assert is_permitted_origin("https://piano.example.org", "x", settings.origins)
    assert is_permitted_origin("null", "x", settings.origins)


@pytest.mark.parametrize("wrong", ["piano.example.org", "https://a/b", "*", "", "https://"])
def test_what_is_no_origin_is_a_mistake(wrong: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        Settings(origins=(wrong,))


@pytest.mark.parametrize("wrong", ["http://a", "a:80", "a b", "", "*"])
def test_what_is_no_name_is_a_mistake(wrong: str) -> None:
    with pytest.raises(ValidationError, match="host name"):
        Settings(internal_hosts=(wrong,))


def test_names_are_known_in_any_spelling() -> None:
    names = Settings(internal_hosts=("Metrics.Internal.",)).internal_hosts
    assert is_known_host("metrics.INTERNAL:9180", names)
    assert is_known_host("[fe80::1]:9180", names)
    assert not is_known_host("x.metrics.internal", names)
    assert not is_known_host("", names)
