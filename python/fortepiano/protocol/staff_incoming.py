"""The messages of staff as typed Structs; `incoming` has those of all clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fortepiano.model.identity import OFFERED_BITS
from fortepiano.model.notice_codes import Code
from fortepiano.protocol import validate
from fortepiano.protocol.shape import Faults, Shape, time_fault

if TYPE_CHECKING:
    from fortepiano.config.rules import Rules

__all__ = ["Admin", "ClearChat", "SetColor", "SetName", "SiteBan", "Vanish"]


class ClearChat(Shape, frozen=True):
    """`clearchat`: staff clear the chat of the room they are in."""


class Vanish(Shape, frozen=True):
    """`v`: staff hide from others, or show themselves.

    Attributes:
        vanish: Whether to hide.
    """

    faults: ClassVar[Faults] = {"vanish": Code.BAD_SETTINGS}

    vanish: bool


class SiteBan(Shape, frozen=True):
    """`siteban`: staff ban a user or a network from the whole site.

    Attributes:
        id: The user id, or the network.
        duration: For how many milliseconds, as a number or text.
        permanent: Whether the ban is for ever, whatever the duration.
        reason: The reason that the user is shown.
        note: A note for the audit log only.
        network: The prefix length of the network around the user that is banned too: 24 (IPv4), 64,
            56 or 48, as a number or as text such as `/56`.
    """

    faults: ClassVar[Faults] = {
        "id": Code.BAD_ID,
        "duration": Code.BAD_TIME,
        "permanent": Code.BAD_SETTINGS,
        "reason": Code.BAD_MESSAGE,
        "note": Code.BAD_MESSAGE,
        "network": Code.BAD_ID,
    }

    id: str
    duration: int | float | str | None = None
    permanent: bool = False
    reason: str = ""
    note: str = ""
    network: int | float | str | None = None

    @property
    def bits(self) -> int | None:
        """The prefix length of that network; None if it is left out, 0 if it is not valid."""
        if isinstance(self.network, str):
            text = self.network.strip().removeprefix("/")
            return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
        if isinstance(self.network, float) and not self.network.is_integer():
            return 0
        return None if self.network is None else int(self.network)

    @property
    def milliseconds(self) -> float | None:
        """The duration in milliseconds; None for ever."""
        return None if self.permanent else validate.number(self.duration)

    def fault(self, rules: Rules) -> Code | None:
        """Require a finite duration from 0 or `permanent`, and no unknown size of network."""
        if self.bits is not None and self.bits not in OFFERED_BITS:
            return Code.BAD_ID
        if self.permanent:
            return None
        return Code.BAD_TIME if self.duration in (None, "") else time_fault(self.duration)


class SetColor(Shape, frozen=True):
    """`setcolor`: staff change a user's colour.

    Attributes:
        color: `#rrggbb`.
        id: The user id.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "color": Code.BAD_COLOR}

    color: str
    id: str = msgspec.field(name="_id")

    def fault(self, rules: Rules) -> Code | None:
        """Require a colour."""
        return None if validate.color(self.color) is not None else Code.BAD_COLOR


class SetName(Shape, frozen=True):
    """`setname`: staff change a user's name.

    Attributes:
        name: Up to 40 UTF-16 units.
        id: The user id.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "name": Code.BAD_NAME}

    name: str
    id: str = msgspec.field(name="_id")

    def fault(self, rules: Rules) -> Code | None:
        """Require a name that follows the rules for texts."""
        is_name = validate.name(self.name, rules.name_length) is not None
        return None if is_name else Code.BAD_NAME


class Admin(Shape, frozen=True):
    """`admin message`: a message of staff inside another message.

    Attributes:
        msg: The inner message.
    """

    faults: ClassVar[Faults] = {"msg": Code.BAD_MESSAGE}

    msg: dict[str, Any]

    def fault(self, rules: Rules) -> Code | None:
        """Require an inner message with a type, `m`."""
        return None if isinstance(self.msg.get("m"), str) else Code.BAD_MESSAGE
