"""The nodes of a cluster that a call of the admin API concerns."""

from __future__ import annotations

import json
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qsl

from fortepiano.http.admin.deprecated_paths import V1
from fortepiano.model.texts import settled

if TYPE_CHECKING:
    from fortepiano.http.asked_calls import Question

__all__ = ["Place", "Route", "route_of"]


class Place(Enum):
    """The place where a call is answered."""

    HERE = auto()
    """At this node: what all nodes share, or what is this node's own."""

    LIST = auto()
    """At all nodes, each of which lists its own."""

    PERSON = auto()
    """At all nodes, each of which shows its own connections of one user."""

    HOME = auto()
    """At the home of a room."""

    USER = auto()
    """At a node with a connection of a user."""

    EVERYBODY = auto()
    """At this node, for the people of all nodes."""

    NODE = auto()
    """At one node, by name."""

    EACH = auto()
    """At each node by itself."""


class Route(NamedTuple):
    """The place where a call is answered, and more about it.

    Attributes:
        place: The place.
        room: The room.
        user_id: The user.
        node: The name of the node; empty for this one.
    """

    place: Place
    room: str = ""
    user_id: str = ""
    node: str = ""


_HERE = Route(Place.HERE)


def route_of(question: Question) -> Route:
    """Return where a call is answered; one that is wrong is refused here."""
    query = dict(parse_qsl(question.query, keep_blank_values=True))
    body = _fields_of(question.body)
    call = question.method, question.path.removeprefix(f"{V1}/").split("/")
    match call:
        case "GET", ["rooms" | "users" | "connections" | "cluster"]:
            return Route(Place.LIST)
        case _, ["room", *_]:
            return _at_home(query.get("name"))
        case "POST", ["connections", _, "kick"]:
            return Route(Place.NODE, node=query.get("node", ""))
        case "POST", ["configuration", "reload"] if query.get("all") == "true":
            return Route(Place.EACH)
        case _, ["users", user_id, *what]:
            return _of_user(question.method, user_id, what, body)
        case "POST", ["bans"]:
            subject = _text(body.get("subject"))
            return _at_home(body.get("room")) if body.get("room") else _with_user(subject)
        case "POST", ["notices"]:
            return _of_notice(body)
        case _:
            return _HERE


def _fields_of(body: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _at_home(room: object) -> Route:
    return Route(Place.HOME, room=settled(room)) if isinstance(room, str) else _HERE


def _with_user(user_id: str) -> Route:
    return Route(Place.USER, user_id=user_id) if user_id else _HERE


def _of_user(method: str, user_id: str, what: list[str], body: dict[str, Any]) -> Route:
    match method, what:
        case "GET", []:
            return Route(Place.PERSON, user_id=user_id)
        case "PUT", ["mute"]:
            return _at_home(body.get("room"))
        case ("PATCH", []) | ("PUT", ["tag"]) | ("POST", ["kick" | "move"]):
            return _with_user(user_id)
        case _:
            return _HERE


def _of_notice(body: dict[str, Any]) -> Route:
    match body.get("to"):
        case "room":
            return _at_home(body.get("room"))
        case "user":
            return _with_user(_text(body.get("subject")))
        case "all":
            return Route(Place.EVERYBODY)
        case _:
            return _HERE
