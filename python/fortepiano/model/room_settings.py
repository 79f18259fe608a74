"""The settings of rooms, each declared once: SETTINGS.

The validator of what clients send (`protocol/validate.py`), the admin API, the page and the table
of docs/protocol.md ("Room settings") derive from these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fortepiano.store.records import USER_ID_LENGTH

__all__ = [
    "NORMAL_SETTINGS",
    "SETTINGS",
    "SPECIAL_SETTINGS",
    "Color",
    "Kind",
    "RoomSetting",
    "Setter",
    "Settings",
    "Switch",
    "Text",
    "Wanted",
    "WholeNumber",
    "moderator_settings",
]

Settings = dict[str, bool | int | str]
"""A room's settings under the keys of the wire."""

Wanted = dict[str, bool | int | str | None]
"""Changes of a room's settings; None removes a setting."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The kind of a setting that is true or false."""


@dataclass(frozen=True, slots=True)
class Color:
    """The kind of a setting that is a colour."""


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """The kind of a setting that is a whole number.

    Attributes:
        most: The greatest value; the least is 0.
    """

    most: int


@dataclass(frozen=True, slots=True)
class Text:
    """The kind of a setting that is a text, which may be empty.

    Attributes:
        longest: The most UTF-16 units.
    """

    longest: int


Kind = Switch | Color | WholeNumber | Text


class Setter(Enum):
    """The people who may set a setting; the value names them in documents."""

    MODERATORS = "moderators"
    STAFF = "staff"
    SERVER = "the server"


@dataclass(frozen=True, slots=True)
class RoomSetting:
    """One setting of rooms.

    Attributes:
        name: The key on the wire.
        kind: The values that it may have.
        meaning: The meaning in one sentence, without capital and full stop.
        default: The value in a new room; None if the setting is absent there.
        is_removable: Whether null or an empty text removes it.
        setter: Those who may set it; staff may set what moderators may.
    """

    name: str
    kind: Kind
    meaning: str
    default: bool | int | str | None = None
    is_removable: bool = False
    setter: Setter = Setter.MODERATORS


_DECLARED = (
    RoomSetting("visible", Switch(), "whether the room is in the list", default=True),
    RoomSetting("chat", Switch(), "whether people may chat", default=True),
    RoomSetting(
        "crownsolo", Switch(), "whether only the holder of the crown may play", default=False
    ),
    RoomSetting("color", Color(), "the colour of the page's background", default="#3b5054"),
    RoomSetting(
        "color2",
        Color(),
        "the colour around it",
        is_removable=True,
    ),
    RoomSetting("allowBots", Switch(), "false keeps out programs", default=True),
    RoomSetting(
        "noindex",
        Switch(),
        "asks bots to stay out, and hides from them who is here",
        default=False,
    ),
    RoomSetting(
        "no cussing",
        Switch(),
        "swear words become asterisks, in disguise too, in all names here and in the lines of all"
        " but the room's moderators",
        default=False,
    ),
    RoomSetting("limit", WholeNumber(99), "people at once", is_removable=True),
    RoomSetting(
        "minOnlineTime",
        WholeNumber(86_400_000),
        "the time after a user first came to the server in which they may not enter; milliseconds",
        is_removable=True,
    ),
    RoomSetting("inviteOnly", Switch(), "whether only invited people may enter"),
    RoomSetting(
        "slowMode",
        WholeNumber(3600),
        "time between two lines of one user; seconds",
        is_removable=True,
    ),
    RoomSetting(
        "noteQuota",
        WholeNumber(1_000_000),
        "the most that the `allowance` of anybody here may be",
        is_removable=True,
    ),
    RoomSetting("notice", Text(512), 'a text shown to each user who enters; "" for none'),
    RoomSetting("lobby", Switch(), "true in special rooms, else absent", setter=Setter.SERVER),
    RoomSetting(
        "owner_id",
        Text(USER_ID_LENGTH),
        "the id of the user who may always enter, and take the crown",
        setter=Setter.STAFF,
    ),
)

SETTINGS: dict[str, RoomSetting] = {setting.name: setting for setting in _DECLARED}
"""All settings by their name on the wire."""

NORMAL_SETTINGS: Settings = {
    setting.name: setting.default for setting in _DECLARED if setting.default is not None
}
"""The settings of a new room.

No room ever lacks one of these: where one is absent, clients show that of the room before.
"""

SPECIAL_SETTINGS: Settings = NORMAL_SETTINGS | {
    "color": "#73b3cc",
    "color2": "#273546",
    "lobby": True,
}
"""The settings of a special room, which stay."""


def moderator_settings() -> list[RoomSetting]:
    """Return the settings that a room's moderators may change."""
    return [setting for setting in SETTINGS.values() if setting.setter is Setter.MODERATORS]
