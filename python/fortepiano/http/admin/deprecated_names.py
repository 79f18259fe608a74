"""The names and units of the paths without a version, and their translation to and from v1.

Version 0.2 drops those paths, and this module and `deprecated_paths` with them. The calls are the
same functions; CHANGES has all that differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CHANGES",
    "NO_CHANGES",
    "Changes",
    "Names",
    "Renamed",
    "new_body",
    "new_query",
    "old_event",
    "old_pointer",
    "old_value",
    "unknown_names",
]


class Renamed(NamedTuple):
    """The name of a field in v1, and its unit.

    Attributes:
        name: The name in v1.
        times: The factor that turns the old number into the one of v1.
    """

    name: str
    times: float = 1


Names = dict[str, Renamed]
"""Renamed fields by their old names."""


class Changes(NamedTuple):
    """The differences of one call between the path without a version and v1.

    Attributes:
        query: Renamed parameters of the query.
        body: Renamed fields of the request.
        response: Renamed fields of the response, at any depth.
    """

    query: Names = {}  # noqa: RUF012 - never changed
    body: Names = {}  # noqa: RUF012
    response: Names = {}  # noqa: RUF012


NO_CHANGES: Final = Changes()

_ACTOR: Final[Names] = {"by": Renamed("actor")}
_SECONDS: Final[Names] = {"seconds": Renamed("duration_ms", 1000)}
_STATUS: Final[Names] = {
    "flush_microseconds": Renamed("flush_ms", 0.001),
    "lag_microseconds": Renamed("lag_ms", 0.001),
}
_PERSON: Final[Names] = {"user_id": Renamed("actor")}
_EVENTS: Final[dict[str, Names]] = {
    "arrived": _PERSON,
    "gone": _PERSON,
    "entered": _PERSON,
    "left": _PERSON,
    "chat": _PERSON,
    "near_ban": _PERSON | {"ban": Renamed("subject")},
}
"""Renamed fields of events by their kinds; all other kinds are acts."""

CHANGES: Final[dict[tuple[str, str], Changes]] = {
    ("GET", "/bans"): Changes(response=_ACTOR),
    ("POST", "/bans"): Changes(body=_SECONDS, response=_ACTOR),
    ("POST", "/notices"): Changes(body=_SECONDS | {"user_id": Renamed("subject")}),
    ("PUT", "/room/crown"): Changes(body={"user_id": Renamed("holder")}),
    ("GET", "/connections"): Changes(query={"user": Renamed("user_id")}),
    ("GET", "/status"): Changes(response=_STATUS),
    ("GET", "/events"): Changes(query=_SECONDS),
}
"""The differences by method and path, without `/api` and the version."""


def new_query(query: str, names: Names) -> str:
    """Return a query with the names of v1; an old path ignores those as it ignores others."""
    known = {renamed.name for renamed in names.values()}
    pairs: list[tuple[str, str]] = []
    for name, text in parse_qsl(query, keep_blank_values=True):
        renamed = names.get(name)
        if renamed is not None:
            pairs.append((renamed.name, _scaled_text(text, renamed.times)))
        elif name not in known:
            pairs.append((name, text))
    return urlencode(pairs)


def unknown_names(body: object, names: Names) -> list[str]:
    """Return the names of v1 in a request to an old path, where they are unknown."""
    if not isinstance(body, dict):
        return []
    return [renamed.name for renamed in names.values() if renamed.name in body]


def new_body(body: Any, names: Names) -> Any:
    """Return a request with the names and units of v1."""
    if not isinstance(body, dict):
        return body
    return {
        names[name].name if name in names else name: (
            _scaled(value, names[name].times) if name in names else value
        )
        for name, value in cast("dict[str, Any]", body).items()
    }


def old_value(value: Any, names: Names) -> Any:
    """Return a response, or a part of one, with the names and units of the old paths."""
    if isinstance(value, list):
        return [old_value(item, names) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    return dict(_old_item(name, one, names) for name, one in cast("dict[str, Any]", value).items())


def _old_item(name: str, value: Any, names: Names) -> tuple[str, Any]:
    for old, renamed in names.items():
        if renamed.name == name:
            return old, value if renamed.times == 1 else round(value / renamed.times)
    return name, old_value(value, names)


def old_event(event: dict[str, Any]) -> Any:
    """Return the data of an event with the names and units of the old paths."""
    kind = event.get("kind")
    return old_value(event, _STATUS if kind is None else _EVENTS.get(kind, _ACTOR))


def old_pointer(pointer: str, changes: Changes) -> str:
    """Return the place of a wrong value with the names of the old paths."""
    names: Mapping[str, Renamed] = changes.query | changes.body
    old = {renamed.name: name for name, renamed in names.items()}
    return "/".join(old.get(step, step) for step in pointer.split("/"))


def _scaled(value: Any, times: float) -> Any:
    """Return a whole number in the unit of v1; the models refuse all other values as before."""
    if times == 1 or isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    is_whole = isinstance(value, int) or value.is_integer()
    return value * times if is_whole else value


def _scaled_text(text: str, times: float) -> str:
    try:
        return text if times == 1 else str(float(text) * times)
    except ValueError:
        return text
