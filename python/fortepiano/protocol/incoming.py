"""The messages of clients as typed Structs; a message that does not fit its shape is ignored.

A field is `Any` if its parts are checked one by one (`set`), or if any value is accepted. Unknown
fields are dropped. `misfit` and `fault` return what is wrong with a message as a code: `misfit`
checks types, and `fault` all that types cannot express. Both run before the rate limit, so that a
malformed message takes no token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fortepiano.model.notice_codes import Code
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
        token: The token of staff, a bot or a user; any other value is ignored.
        code: The answer to `b`, which is ignored.
        login: The login of some clients at other servers, which is ignored.
    """

    token: Any = None
    code: Any = None
    login: Any = None


class Devices(Shape, frozen=True):
    """`devices`: the MIDI devices of a browser. It has no effect."""


class Bye(Shape, frozen=True):
    """`bye`: closes the connection."""


class JoinRoom(Shape, frozen=True):
    """`ch`: join a room, or create it.

    Attributes:
        id: The room's name, up to 512 UTF-16 units.
        set: Settings for the room, if this message creates it.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ROOM}

    id: str = msgspec.field(name="_id")
    set: Any = None

    def fault(self, rules: Rules) -> Code | None:
        """Require a name that follows the rules for texts."""
        is_name = validate.name(self.id, rules.room_name_length) is not None
        return None if is_name else Code.BAD_ROOM


class RoomSettings(Shape, frozen=True):
    """`chset`: change the settings of the room; for its moderators.

    Attributes:
        set: Settings; absent ones stay, except `color2`, which is deleted.
    """

    faults: ClassVar[Faults] = {"set": Code.BAD_SETTINGS}

    set: dict[str, Any]

    def fault(self, rules: Rules) -> Code | None:
        """Require at least one valid setting."""
        return None if validate.settings(self.set) else Code.BAD_SETTINGS


class Chown(Shape, frozen=True):
    """`chown`: give the crown away, drop it, or pick it up.

    Attributes:
        id: The user id of a participant who gets it; the sender's own to pick it up; absent, or of
            nobody in the room, to drop it.
    """

    id: Any = None

    def fault(self, rules: Rules) -> Code | None:
        """Require a text, or no id."""
        return None if self.id is None or isinstance(self.id, str) else Code.BAD_ID


class Chat(Shape, frozen=True):
    """`a`: a line of chat.

    Attributes:
        message: Up to 512 UTF-16 units.
        reply_to: The id of the line to which this one replies.
    """

    faults: ClassVar[Faults] = {"message": Code.BAD_MESSAGE}

    message: str
    reply_to: Any = None

    def fault(self, rules: Rules) -> Code | None:
        """Require a message that follows the rules for texts."""
        is_line = validate.chat(self.message, rules.chat_length) is not None
        return None if is_line else Code.BAD_MESSAGE


class DirectMessage(Chat, frozen=True, kw_only=True):
    """`dm`: a line of chat to one participant of the room.

    Attributes:
        id: The participant's user id.
    """

    faults: ClassVar[Faults] = {"message": Code.BAD_MESSAGE, "_id": Code.BAD_ID}

    id: str = msgspec.field(name="_id")


class Profile(Shape, frozen=True):
    """`userset`: change the sender's name, colour, whether they are away, or several of these.

    Attributes:
        set: `name`, up to 40 UTF-16 units, `color`, `#rrggbb`, and `afk`, true or false.
    """

    faults: ClassVar[Faults] = {"set": Code.BAD_SETTINGS}

    set: dict[str, Any]

    def fault(self, rules: Rules) -> Code | None:
        """Require at least one valid part; else return the code of the first part in `set`."""
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
    """`+ls`: open the list of rooms. The server sends the list, and then its changes."""


class ListOff(Shape, frozen=True):
    """`-ls`: close the list of rooms. The server sends no more changes."""


class KickBan(Shape, frozen=True):
    """`kickban`: move a user out of the room, and ban them from it; for the room's moderators.

    Attributes:
        id: The user id. The user must be online, but need not be in the room.
        ms: For how many milliseconds, as a number or text; 0 bans nobody, and only moves them out.
            Absent, null or empty: 30 minutes.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "ms": Code.BAD_TIME}

    id: str = msgspec.field(name="_id")
    ms: int | float | str | None = None

    @property
    def duration(self) -> float | None:
        """The duration in milliseconds; None if it is left out."""
        return None if self.ms in (None, "") else validate.number(self.ms)

    def fault(self, rules: Rules) -> Code | None:
        """Require a finite number from 0, or no number."""
        return time_fault(self.ms)


class Unban(Shape, frozen=True):
    """`unban`: lift a ban from the room; for its moderators.

    Attributes:
        id: The user id.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID}

    id: str = msgspec.field(name="_id")


class Bans(Shape, frozen=True):
    """`bans`: ask for the bans of the room; for its moderators. The answer is `bans`."""


class MuteUser(Shape, frozen=True, kw_only=True):
    """`mute`: mute a participant of the room; both false ends it; for the room's moderators.

    Attributes:
        id: The participant's user id.
        notes: Whether their notes are dropped.
        chat: Whether their chat is refused.
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
    """`invite`: allow a user to enter the room while it is invite-only; for its moderators.

    Attributes:
        id: The user id.
        on: False takes the invitation back.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "on": Code.BAD_SETTINGS}

    on: bool = True
    id: str = msgspec.field(name="_id")

    def fault(self, rules: Rules) -> Code | None:
        """Require a user id; the user need not be online."""
        return None if validate.user_id(self.id) is not None else Code.BAD_ID


class CoOwner(Shape, frozen=True, kw_only=True):
    """`coowner`: make a participant co-owner of the room; only for the holder of the crown.

    Attributes:
        id: The participant's user id.
        on: False ends it.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "on": Code.BAD_SETTINGS}

    on: bool = True
    id: str = msgspec.field(name="_id")


class CustomOn(Shape, frozen=True):
    """`+custom`: receive custom messages."""


class CustomOff(Shape, frozen=True):
    """`-custom`: receive no more custom messages."""


class Target(msgspec.Struct, frozen=True):
    """The receivers of a custom message; the sending connection is never one of them.

    Attributes:
        mode: "subscribed": all who sent `+custom`; "id" or "ids": users.
        id: A user id, with mode "id".
        ids: Up to 32 user ids, with mode "ids".
        everywhere: Whether receivers outside of the room count too (`global` on the wire).
    """

    mode: str
    id: str | None = None
    ids: list[str] | None = None
    everywhere: bool = msgspec.field(name="global", default=False)


class Custom(Shape, frozen=True):
    """`custom`: data from one client to others, for bots and scripts.

    Attributes:
        target: The receivers.
        data: Any value.
    """

    target: Target
    data: Any = None

    def has_target(self, rules: Rules) -> bool:
        """Tell whether the target's mode is one of the three, and has the ids that it needs."""
        target = self.target
        if target.mode == "ids":
            return target.ids is not None and len(target.ids) <= rules.custom_targets
        return target.mode == "subscribed" or (target.mode == "id" and target.id is not None)
