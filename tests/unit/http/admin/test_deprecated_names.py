"""Names and units of the paths without a version, and their translation to and from v1."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.http.admin.deprecated_names import (
    CHANGES,
    new_body,
    new_query,
    old_event,
    old_pointer,
    old_value,
    unknown_names,
)

BAN = CHANGES["POST", "/bans"]
NOTICE = CHANGES["POST", "/notices"]
EVENTS = CHANGES["GET", "/events"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"seconds": 60}, {"duration_ms": 60_000}),
        ({"seconds": 60.0}, {"duration_ms": 60_000}),
        ({"seconds": None}, {"duration_ms": None}),
        ({"seconds": True}, {"duration_ms": True}),
        ({"seconds": 0.5}, {"duration_ms": 0.5}),
        ({"seconds": "60"}, {"duration_ms": "60"}),
        ({"subject": "x", "until": 5}, {"subject": "x", "until": 5}),
        ([{"seconds": 60}], [{"seconds": 60}]),
        ("seconds", "seconds"),
    ],
)
def test_requests(old: Any, new: Any) -> None:
    assert new_body(old, BAN.body) == new


def test_names_of_v1_are_unknown_to_old_paths() -> None:
    body = {"to": "user", "subject": "x", "duration_ms": 5, "actor": "y"}
    assert unknown_names(body, NOTICE.body) == ["duration_ms", "subject"]
    assert unknown_names(["subject"], NOTICE.body) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seconds=1.5&x=%C3%A4", "duration_ms=1500.0&x=%C3%A4"),
        ("duration_ms=5&a=", "a="),
        ("seconds=soon", "duration_ms=soon"),
        ("", ""),
    ],
)
def test_queries(old: str, new: str) -> None:
    assert new_query(old, EVENTS.query) == new


def test_responses() -> None:
    ban = {"actor": "me", "subject": "you", "at": 5}
    names = CHANGES["GET", "/bans"].response
    old = {"by": "me", "subject": "you", "at": 5}
    assert old_value({"bans": [ban], "total": 1}, names) == {"bans": [old], "total": 1}
    names = CHANGES["GET", "/status"].response
    assert old_value({"counters": {"flush_ms": 12.345, "cold": 3}}, names) == {
        "counters": {"flush_microseconds": 12_345, "cold": 3}
    }


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"kind": "chat", "actor": "u"}, {"kind": "chat", "user_id": "u"}),
        (
            {"kind": "near_ban", "actor": "u", "subject": "s"},
            {"kind": "near_ban", "user_id": "u", "ban": "s"},
        ),
        (
            {"kind": "kick", "actor": "t", "subject": "u", "details": {"name": "n"}},
            {"kind": "kick", "by": "t", "subject": "u", "details": {"name": "n"}},
        ),
        ({"kind": "stopping"}, {"kind": "stopping"}),
        ({"counters": {"lag_ms": 0.5}}, {"counters": {"lag_microseconds": 500}}),
    ],
)
def test_events(new: dict[str, Any], old: dict[str, Any]) -> None:
    assert old_event(new) == old


def test_places_of_wrong_values() -> None:
    assert old_pointer("body/duration_ms", BAN) == "body/seconds"
    assert old_pointer("body/user/subject", NOTICE) == "body/user/user_id"
    assert old_pointer("query/duration_ms", EVENTS) == "query/seconds"
    assert old_pointer("query/limit", EVENTS) == "query/limit"
