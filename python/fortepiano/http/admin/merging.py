"""Answers of several nodes, merged into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["LISTS", "as_one", "merged_list"]

Row = dict[str, Any]


class _List(NamedTuple):
    """The rows of a list, and their order.

    Attributes:
        key: The field with the rows.
        order: Returns what the rows are sorted by; None to keep the nodes' rows together.
        joined: Returns the rows without those that stand for the same thing; None for all.
    """

    key: str
    order: Callable[[Row], Any] | None = None
    joined: Callable[[Iterable[Row]], list[Row]] | None = None


def as_one(users: Sequence[Row]) -> Row:
    """Return one user, of what several nodes know; name, colour and tag are those of the first."""
    rooms = dict.fromkeys(room for user in users for room in user["rooms"])
    scopes = [user["scope"] for user in users if user["scope"] is not None]
    return users[0] | {
        "since": min(user["since"] for user in users),
        "connections": sum(user["connections"] for user in users),
        "rooms": list(rooms),
        "scope": scopes[0] if scopes else None,
        "nodes": [node for user in users for node in user["nodes"]],
    }


def _users(rows: Iterable[Row]) -> list[Row]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return [as_one(users) for users in found.values()]


def _fullest_first(room: Row) -> tuple[int, str]:
    return -room["people"], room["name"]


def _latest_first(user: Row) -> tuple[int, str]:
    return -user["since"], user["id"]


LISTS = {
    "rooms": _List("rooms", _fullest_first),
    "users": _List("users", _latest_first, _users),
    "connections": _List("connections"),
}
"""The lists by the last part of their paths."""


def merged_list(kind: str, documents: Sequence[Row], offset: int, limit: int) -> Row:
    """Return a page of a list.

    Args:
        kind: A key of `LISTS`.
        documents: The lists of the nodes, each with its first rows.
        offset: How many rows to pass over.
        limit: How many rows at most.
    """
    known, total = LISTS[kind], sum(document["total"] for document in documents)
    rows = [row for document in documents for row in document[known.key]]
    if known.joined is not None:
        total -= len(rows)
        rows = known.joined(rows)
        total += len(rows)
    if known.order is not None:
        rows.sort(key=known.order)
    return {known.key: rows[offset : offset + limit], "total": total}
