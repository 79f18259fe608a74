"""The messages of clients as typed Structs; a message that does not fit its shape is ignored.

Fields whose parts are judged one by one (`set`) or that are taken as they come are `Any` here, and
checked in `validate`. Unknown fields are dropped.
"""

from typing import Any

import msgspec

__all__ = ["Bye", "Chat", "Devices", "Hello", "Join", "ListOff", "ListOn", "Profile", "Shape"]


class Shape(msgspec.Struct, frozen=True):
    """A message from a client."""


class Hello(Shape, frozen=True):
    """`hi`: the first message. Tokens, codes and log-ins are taken politely."""

    token: Any = None
    code: Any = None


class Devices(Shape, frozen=True):
    """`devices`: the MIDI devices of a browser. Nothing comes of it."""


class Bye(Shape, frozen=True):
    """`bye`: closes the connection."""


class Join(Shape, frozen=True):
    """`ch`: join a room, or create it with `set`."""

    id: str = msgspec.field(name="_id")
    set: Any = None


class Chat(Shape, frozen=True):
    """`a`: a line of chat; `reply_to` is the id of the line that it answers."""

    message: str
    reply_to: Any = None


class Profile(Shape, frozen=True):
    """`userset`: a new name, a new colour, or both."""

    set: dict[str, Any]


class ListOn(Shape, frozen=True):
    """`+ls`: the list of rooms, and then what changes in it."""


class ListOff(Shape, frozen=True):
    """`-ls`: no more of the list."""
