"""The messages of clients as typed Structs; a message that does not fit its shape does nothing.

Fields whose parts are judged one by one (`set`), or that are taken politely whatever they are, are
`Any` here. Unknown fields are dropped. `misfit` and `fault` say what is wrong with a message as a
code, `fault` for what a type cannot say; both come before the rate limit, so that a malformed
message costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fortepiano.model.codes import Code
from fortepiano.protocol import validate
from fortepiano.protocol.shape import Faults, Shape, time_fault

if TYPE_CHECKING:
    from fortepiano.config.rules import Rules

__all__ = [
    "Bans",
    "Bye",
    "Chat",
    "Chown",
    "CoOwner",
    "Custom",
    "CustomOff",
    "CustomOn",
    "Devices",
    "DirectMessage",
    "Hello",
    "Invite",
    "JoinRoom",
    "KickBan",
    "ListOff",
    "ListOn",
    "MuteUser",
    "Profile",
    "RoomSettings",
    "Unban",
]


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


class JoinRoom(Shape, frozen=True):
    """`ch`: join a room, or create it.

    Attributes:
        id: The room's name, up to 512 UTF-16 units.
        set: Settings for a room that is made by this message.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ROOM}

    id: str = msgspec.field(name="_id")
    set: Any = None

    def fault(self, rules: Rules) -> Code | None:
        """The name follows the rules for texts."""
        is_name = validate.name(self.id, rules.room_name_length) is not None
        return None if is_name else Code.BAD_ROOM


class RoomSettings(Shape, frozen=True):
    """`chset`: change the settings of the room one holds the crown of.

    Attributes:
        set: Settings; absent ones stay, except `color2`, which is deleted.
    """

    faults: ClassVar[Faults] = {"set": Code.BAD_SETTINGS}

    set: dict[str, Any]

    def fault(self, rules: Rules) -> Code | None:
        """Something in it is valid."""
        return None if validate.settings(self.set) else Code.BAD_SETTINGS


class Chown(Shape, frozen=True):
    """`chown`: give the crown away, drop it, or pick it up.

    Attributes:
        id: Whom to give it; oneself to pick it up; nobody in the room, or absent, to drop it.
    """

    id: Any = None

    def fault(self, rules: Rules) -> Code | None:
        """Whom to give it is a text, or nobody."""
        return None if self.id is None or isinstance(self.id, str) else Code.BAD_ID


class Chat(Shape, frozen=True):
    """`a`: a line of chat.

    Attributes:
        message: Up to 512 UTF-16 units.
        reply_to: The id of the line that it answers.
    """

    faults: ClassVar[Faults] = {"message": Code.BAD_MESSAGE}

    message: str
    reply_to: Any = None

    def fault(self, rules: Rules) -> Code | None:
        """The message follows the rules for texts."""
        is_line = validate.chat(self.message, rules.chat_length) is not None
        return None if is_line else Code.BAD_MESSAGE


class DirectMessage(Chat, frozen=True, kw_only=True):
    """`dm`: a line of chat to one person in the room.

    Attributes:
        id: His user id.
    """

    faults: ClassVar[Faults] = {"message": Code.BAD_MESSAGE, "_id": Code.BAD_ID}

    id: str = msgspec.field(name="_id")


class Profile(Shape, frozen=True):
    """`userset`: a new name, a new colour, whether one is away, or several of them.

    Attributes:
        set: `name`, up to 40 UTF-16 units, `color`, `#rrggbb`, and `afk`, true or false.
    """

    faults: ClassVar[Faults] = {"set": Code.BAD_SETTINGS}

    set: dict[str, Any]

    def fault(self, rules: Rules) -> Code | None:
        """One part of it is valid; else the first one that is there is what is wrong."""
        parts = {
            Code.BAD_NAME: ("name", validate.name(self.set.get("name"), rules.name_length)),
            Code.BAD_COLOR: ("color", validate.color(self.set.get("color"))),
            Code.BAD_AFK: ("afk", validate.switch(self.set.get("afk"))),
        }
        if any(value is not None for _, value in parts.values()):
            return None
        wrong = (code for code, (key, _) in parts.items() if key in self.set)
        return next(wrong, Code.BAD_SETTINGS)


class ListOn(Shape, frozen=True):
    """`+ls`: the list of rooms, and then what changes in it."""


class ListOff(Shape, frozen=True):
    """`-ls`: no more of the list."""


class KickBan(Shape, frozen=True):
    """`kickban`: throw somebody out of the room one holds the crown of.

    Attributes:
        id: His user id; he need not be in the room, but online.
        ms: For how long, a number or one as a text; 0 only throws them out. Absent, null or empty:
            30 minutes.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "ms": Code.BAD_TIME}

    id: str = msgspec.field(name="_id")
    ms: int | float | str | None = None

    @property
    def duration(self) -> float | None:
        """For how long; milliseconds, None where none is said."""
        return None if self.ms in (None, "") else validate.number(self.ms)

    def fault(self, rules: Rules) -> Code | None:
        """The time is a finite number that is not negative, or left out."""
        return time_fault(self.ms)


class Unban(Shape, frozen=True):
    """`unban`: lift a ban from the room one holds the crown of.

    Attributes:
        id: The user id.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID}

    id: str = msgspec.field(name="_id")


class Bans(Shape, frozen=True):
    """`bans`: ask for the bans of the room one rules. The answer is `bans`."""


class MuteUser(Shape, frozen=True, kw_only=True):
    """`mute`: silence somebody in the room one rules; both false lifts it.

    Attributes:
        id: His user id.
        notes: Whether his notes are dropped.
        chat: Whether his chat is refused.
    """

    faults: ClassVar[Faults] = {
        "_id": Code.BAD_ID,
        "notes": Code.BAD_SETTINGS,
        "chat": Code.BAD_SETTINGS,
    }

    notes: bool = False
    chat: bool = False
    id: str = msgspec.field(name="_id")


class Invite(Shape, frozen=True, kw_only=True):
    """`invite`: let somebody into the invite-only room one rules.

    Attributes:
        id: His user id.
        on: False takes the invitation back.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "on": Code.BAD_SETTINGS}

    on: bool = True
    id: str = msgspec.field(name="_id")

    def fault(self, rules: Rules) -> Code | None:
        """It is the id of a user, who need not be here."""
        return None if validate.user_id(self.id) is not None else Code.BAD_ID


class CoOwner(Shape, frozen=True, kw_only=True):
    """`coowner`: let somebody rule beside the holder of the crown, who sends it.

    Attributes:
        id: His user id.
        on: False takes it back.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "on": Code.BAD_SETTINGS}

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

    def has_target(self, rules: Rules) -> bool:
        """Whether the target's mode is one of three, and has what it needs."""
        target = self.target
        if target.mode == "ids":
            return target.ids is not None and len(target.ids) <= rules.custom_targets
        return target.mode == "subscribed" or (target.mode == "id" and target.id is not None)
