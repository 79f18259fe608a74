"""The messages of clients as typed Structs; a message that does not fit its shape is ignored.

Fields whose parts are judged one by one (`set`), or that are taken politely whatever they are, are
`Any` here. Unknown fields are dropped. `is_valid` checks what a type cannot say; it comes before
the rate limit, so that a malformed message costs nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.rules import Rules

__all__ = [
    "Admin",
    "Ban",
    "Bans",
    "Bye",
    "Chat",
    "ClearChat",
    "CoOwner",
    "Crowning",
    "Custom",
    "CustomOff",
    "CustomOn",
    "Devices",
    "Direct",
    "Hello",
    "Invite",
    "Join",
    "ListOff",
    "ListOn",
    "MuteOne",
    "Profile",
    "RoomSettings",
    "SetColor",
    "SetName",
    "Shape",
    "SiteBan",
    "Unban",
    "Vanish",
]


class Shape(msgspec.Struct, frozen=True):
    """A message from a client."""

    def is_valid(self, rules: Rules) -> bool:
        """Whether the values are what the protocol allows."""
        return True


class Hello(Shape, frozen=True):
    """`hi`: the first message.

    Attributes:
        token: Of the staff, a bot or a user; or anything else, which is ignored.
        code: The answer to `b`, which is ignored.
        login: How some clients log in elsewhere, which is ignored.
    """

    token: Any = None
    code: Any = None
    login: Any = None


class Devices(Shape, frozen=True):
    """`devices`: the MIDI devices of a browser. Nothing comes of it."""


class Bye(Shape, frozen=True):
    """`bye`: closes the connection."""


class Join(Shape, frozen=True):
    """`ch`: join a room, or create it.

    Attributes:
        id: The room's name, up to 512 UTF-16 units.
        set: Settings for a room that is made by this message.
    """

    id: str = msgspec.field(name="_id")
    set: Any = None

    def is_valid(self, rules: Rules) -> bool:
        """The name follows the rules for texts."""
        return validate.name(self.id, rules.room_name_length) is not None


class RoomSettings(Shape, frozen=True):
    """`chset`: change the settings of the room one holds the crown of.

    Attributes:
        set: Settings; absent ones stay, except `color2`, which is deleted.
    """

    set: dict[str, Any]

    def is_valid(self, rules: Rules) -> bool:
        """Something in it is valid."""
        return bool(validate.settings(self.set))


class Crowning(Shape, frozen=True):
    """`chown`: give the crown away, drop it, or pick it up.

    Attributes:
        id: Whom to give it; oneself to pick it up; nobody in the room, or absent, to drop it.
    """

    id: Any = None


class Chat(Shape, frozen=True):
    """`a`: a line of chat.

    Attributes:
        message: Up to 512 UTF-16 units.
        reply_to: The id of the line that it answers.
    """

    message: str
    reply_to: Any = None

    def is_valid(self, rules: Rules) -> bool:
        """The message follows the rules for texts."""
        return validate.text(self.message, rules.chat_length) is not None


class Direct(Chat, frozen=True, kw_only=True):
    """`dm`: a line of chat to one person in the room.

    Attributes:
        id: His user id.
    """

    id: str = msgspec.field(name="_id")


class Profile(Shape, frozen=True):
    """`userset`: a new name, a new colour, whether one is away, or several of them.

    Attributes:
        set: `name`, up to 40 UTF-16 units, `color`, `#rrggbb`, and `afk`, true or false.
    """

    set: dict[str, Any]

    def is_valid(self, rules: Rules) -> bool:
        """One part of it is valid."""
        parts = (
            validate.name(self.set.get("name"), rules.name_length),
            validate.color(self.set.get("color")),
            validate.switch(self.set.get("afk")),
        )
        return any(part is not None for part in parts)


class ListOn(Shape, frozen=True):
    """`+ls`: the list of rooms, and then what changes in it."""


class ListOff(Shape, frozen=True):
    """`-ls`: no more of the list."""


class Ban(Shape, frozen=True):
    """`kickban`: throw somebody out of the room one holds the crown of.

    Attributes:
        id: His user id; he need not be in the room, but online.
        ms: For how long; 0 throws him out only.
    """

    ms: int | float
    id: str = msgspec.field(name="_id")

    def is_valid(self, rules: Rules) -> bool:
        """The time is finite and not negative."""
        return math.isfinite(self.ms) and self.ms >= 0


class Unban(Shape, frozen=True):
    """`unban`: lift a ban from the room one holds the crown of.

    Attributes:
        id: The user id.
    """

    id: str = msgspec.field(name="_id")


class Bans(Shape, frozen=True):
    """`bans`: ask for the bans of the room one rules. The answer is `bans`."""


class MuteOne(Shape, frozen=True, kw_only=True):
    """`mute`: silence somebody in the room one rules; both false lifts it.

    Attributes:
        id: His user id.
        notes: Whether his notes are dropped.
        chat: Whether his chat is refused.
    """

    notes: bool = False
    chat: bool = False
    id: str = msgspec.field(name="_id")


class Invite(Shape, frozen=True, kw_only=True):
    """`invite`: let somebody into the invite-only room one rules.

    Attributes:
        id: His user id.
        on: False takes the invitation back.
    """

    on: bool = True
    id: str = msgspec.field(name="_id")


class CoOwner(Shape, frozen=True, kw_only=True):
    """`coowner`: let somebody rule beside the holder of the crown, who sends it.

    Attributes:
        id: His user id.
        on: False takes it back.
    """

    on: bool = True
    id: str = msgspec.field(name="_id")


class CustomOn(Shape, frozen=True):
    """`+custom`: receive custom messages."""


class CustomOff(Shape, frozen=True):
    """`-custom`: receive no more custom messages."""


class Target(msgspec.Struct, frozen=True):
    """Whom a custom message goes to, never the sender.

    Attributes:
        mode: "subscribed": all who sent `+custom`; "id" or "ids": users.
        id: A user id, with mode "id".
        ids: Up to 32 user ids, with mode "ids".
        everywhere: Beyond the room (`global` on the wire).
    """

    mode: str
    id: str | None = None
    ids: list[str] | None = None
    everywhere: bool = msgspec.field(name="global", default=False)


class Custom(Shape, frozen=True):
    """`custom`: data from one client to others, for bots and scripts.

    Attributes:
        target: Whom it goes to.
        data: Anything.
    """

    target: Target
    data: Any = None

    def is_valid(self, rules: Rules) -> bool:
        """The target's mode is one of three, and has what it needs."""
        target = self.target
        if target.mode == "ids":
            return target.ids is not None and len(target.ids) <= rules.custom_targets
        return target.mode == "subscribed" or (target.mode == "id" and target.id is not None)


class ClearChat(Shape, frozen=True):
    """`clearchat`: staff clear the chat of the room they are in."""


class Vanish(Shape, frozen=True):
    """`v`: staff hide from others, or show themselves.

    Attributes:
        vanish: Whether to hide.
    """

    vanish: bool


class SiteBan(Shape, frozen=True):
    """`siteban`: staff ban somebody from the whole site.

    Attributes:
        id: His user id.
        duration: For how long; milliseconds.
        permanent: For ever, whatever the duration.
        reason: What he is told.
        note: What only the log is told.
    """

    id: str
    duration: int | float | None = None
    permanent: bool = False
    reason: str = ""
    note: str = ""

    def is_valid(self, rules: Rules) -> bool:
        """There is a time, finite and not negative, or it is for ever."""
        if self.permanent:
            return True
        return self.duration is not None and math.isfinite(self.duration) and self.duration >= 0


class SetColor(Shape, frozen=True):
    """`setcolor`: staff change somebody's colour.

    Attributes:
        color: `#rrggbb`.
        id: His user id.
    """

    color: str
    id: str = msgspec.field(name="_id")

    def is_valid(self, rules: Rules) -> bool:
        """It is a colour."""
        return validate.color(self.color) is not None


class SetName(Shape, frozen=True):
    """`setname`: staff change somebody's name.

    Attributes:
        name: Up to 40 UTF-16 units.
        id: His user id.
    """

    name: str
    id: str = msgspec.field(name="_id")

    def is_valid(self, rules: Rules) -> bool:
        """The name follows the rules for texts."""
        return validate.name(self.name, rules.name_length) is not None


class Admin(Shape, frozen=True):
    """`admin message`: a message of staff within a message.

    Attributes:
        msg: The inner message.
    """

    msg: dict[str, Any]

    def is_valid(self, rules: Rules) -> bool:
        """The inner message has a name."""
        return isinstance(self.msg.get("m"), str)
