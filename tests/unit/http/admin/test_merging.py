"""Answers of several nodes, merged into one list."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fortepiano.http.admin.merging import as_one, merged_list

Row = dict[str, Any]


def user(user_id: str, node: str, **facts: Any) -> Row:
    return {
        "id": user_id,
        "name": "Ann",
        "since": 5,
        "connections": 1,
        "rooms": ["lobby"],
        "scope": None,
        "nodes": [node],
    } | facts


def of_nodes(rows: list[tuple[int, int]], depth: int, key: str) -> list[Row]:
    """Three nodes' lists of rooms: each has the first rows of its own, in order."""
    documents = []
    for node in range(3):
        own = [room(number, people) for number, (at, people) in enumerate(rows) if at == node]
        own.sort(key=lambda one: (-one["people"], one["name"]))
        documents.append({key: own[:depth], "total": len(own)})
    return documents


def room(number: int, people: int) -> Row:
    return {"name": f"room {number:03}", "people": people}


def test_a_user_at_two_nodes_is_one() -> None:
    here = user("a", "x", name="new", rooms=["one", "two"], since=7)
    there = user("a", "y", name="old", rooms=["two", "three"], scope="admin", connections=2)
    assert as_one([here, there]) == {
        "id": "a",
        "name": "new",
        "since": 5,
        "connections": 3,
        "rooms": ["one", "two", "three"],
        "scope": "admin",
        "nodes": ["x", "y"],
    }


def test_users_are_counted_once_as_far_as_they_are_known() -> None:
    documents = [
        {"users": [user("a", "x", since=9), user("b", "x", since=3)], "total": 2},
        {"users": [user("a", "y", since=4), user("c", "y", since=6)], "total": 2},
    ]
    merged = merged_list("users", documents, 0, 10)
    assert [one["id"] for one in merged["users"]] == ["c", "a", "b"], "the latest first"
    assert merged["total"] == 3


def test_connections_stay_with_their_nodes() -> None:
    documents = [
        {"connections": [{"id": 3, "node": "x"}, {"id": 1, "node": "x"}], "total": 2},
        {"connections": [{"id": 1, "node": "y"}], "total": 1},
    ]
    merged = merged_list("connections", documents, 1, 2)
    assert merged["connections"] == [{"id": 1, "node": "x"}, {"id": 1, "node": "y"}]
    assert merged["total"] == 3


@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=30),
    offset=st.integers(0, 35),
    limit=st.integers(1, 35),
)
def test_pages_are_those_of_one_list(rows: list[tuple[int, int]], offset: int, limit: int) -> None:
    documents = of_nodes(rows, offset + limit, "rooms")
    whole = [room(number, people) for number, (_, people) in enumerate(rows)]
    whole.sort(key=lambda one: (-one["people"], one["name"]))
    merged = merged_list("rooms", documents, offset, limit)
    assert merged == {"rooms": whole[offset : offset + limit], "total": len(rows)}
