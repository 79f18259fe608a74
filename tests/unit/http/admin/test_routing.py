"""The nodes that each call of the admin API concerns."""

from __future__ import annotations

import json

import pytest

from fortepiano.http.admin.application import application
from fortepiano.http.admin.routing import Place, Route, route_of
from fortepiano.http.asked_calls import Question

ANN = "a" * 24

HERE = Route(Place.HERE)
HOME = Route(Place.HOME, room="a room")
USER = Route(Place.USER, user_id=ANN)

CALLS: dict[tuple[str, str], tuple[object, Route]] = {
    ("GET", "/rooms"): (None, Route(Place.LIST)),
    ("GET", "/users"): (None, Route(Place.LIST)),
    ("GET", "/connections"): (None, Route(Place.LIST)),
    ("GET", "/cluster"): (None, Route(Place.LIST)),
    ("GET", "/users/{user_id}"): (None, Route(Place.PERSON, user_id=ANN)),
    ("GET", "/room"): (None, HOME),
    ("PATCH", "/room/settings"): ({}, HOME),
    ("PUT", "/room/crown"): ({}, HOME),
    ("DELETE", "/room/chat"): (None, HOME),
    ("POST", "/room/close"): ({}, HOME),
    ("PUT", "/room/permanent"): ({}, HOME),
    ("PUT", "/users/{user_id}/mute"): ({"room": " a room "}, HOME),
    ("PATCH", "/users/{user_id}"): ({}, USER),
    ("PUT", "/users/{user_id}/tag"): ({}, USER),
    ("POST", "/users/{user_id}/kick"): ({}, USER),
    ("POST", "/users/{user_id}/move"): ({}, USER),
    ("POST", "/bans"): ({"subject": ANN}, USER),
    ("POST", "/notices"): ({"to": "all"}, Route(Place.EVERYBODY)),
    ("POST", "/connections/{number}/kick"): ({}, Route(Place.NODE)),
    ("POST", "/configuration/reload"): (None, HERE),
    ("GET", "/configuration/changes"): (None, HERE),
    ("GET", "/configuration"): (None, HERE),
    ("GET", "/status"): (None, HERE),
    ("GET", "/events"): (None, HERE),
    ("GET", "/audit"): (None, HERE),
    ("GET", "/bans"): (None, HERE),
    ("DELETE", "/bans"): (None, HERE),
}


def route(method: str, path: str, body: object = None, query: str = "name=a+room") -> Route:
    path = path.replace("{user_id}", ANN).replace("{number}", "7")
    raw = b"" if body is None else json.dumps(body).encode()
    return route_of(Question(method=method, path=f"/api/v1{path}", query=query, body=raw))


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_where_a_call_is_answered(method: str, path: str) -> None:
    body, expected = CALLS[method, path]
    assert route(method, path, body) == expected


def test_no_call_is_forgotten() -> None:
    paths = application().openapi()["paths"]
    known = {(method.upper(), path[len("/api/v1") :]) for path in paths for method in paths[path]}
    assert known == CALLS.keys()


@pytest.mark.parametrize(
    ("call", "body", "query", "expected"),
    [
        (("POST", "/bans"), {"subject": ANN, "room": "a room"}, "", HOME),
        (("POST", "/notices"), {"to": "room", "room": "a room"}, "", HOME),
        (("POST", "/notices"), {"to": "user", "subject": ANN}, "", USER),
        (("POST", "/configuration/reload"), None, "all=true", Route(Place.EACH)),
        (("POST", "/connections/7/kick"), {}, "node=b", Route(Place.NODE, node="b")),
    ],
)
def test_what_a_request_says_counts(
    call: tuple[str, str], body: object, query: str, expected: Route
) -> None:
    assert route(*call, body, query) == expected


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (("POST", "/bans"), {}),
        (("POST", "/bans"), {"subject": 5}),
        (("POST", "/bans"), {"room": 5}),
        (("POST", "/notices"), {"to": "some"}),
        (("POST", "/notices"), [1]),
        (("PUT", "/users/{user_id}/mute"), {"room": None}),
        (("GET", "/room"), None),
        (("GET", "/nothing"), None),
        (("DELETE", "/users/{user_id}"), None),
    ],
)
def test_what_is_wrong_is_refused_here(call: tuple[str, str], body: object) -> None:
    assert route(*call, body, "") == HERE


def test_a_body_that_is_none_is_refused_here() -> None:
    question = Question(method="POST", path="/api/v1/bans", body=b"[" * 100_000)
    assert route_of(question) == HERE
