"""The messages of the staff as typed Structs, as `shapes` has those of everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fortepiano.model.codes import Code
from fortepiano.model.identity import OFFERED_BITS
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
    """`siteban`: staff ban somebody from the whole site.

    Attributes:
        id: His user id.
        duration: For how long; milliseconds, a number or one as a text.
        permanent: For ever, whatever the duration.
        reason: What he is told.
        note: What only the log is told.
        network: How much of the network around them is banned with them: 24 (IPv4), 64, 56 or 48
            bits, as a number or as text such as `/56`.
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
        """How many bits of the address count; None where no network is to be banned, 0 for none."""
        if isinstance(self.network, str):
            text = self.network.strip().removeprefix("/")
            return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
        if isinstance(self.network, float) and not self.network.is_integer():
            return 0
        return None if self.network is None else int(self.network)

    @property
    def milliseconds(self) -> float | None:
        """For how long; None for ever."""
        return None if self.permanent else validate.number(self.duration)

    def fault(self, rules: Rules) -> Code | None:
        """There is a time, finite and not negative, or it is for ever; a network is one of ours."""
        if self.bits is not None and self.bits not in OFFERED_BITS:
            return Code.BAD_ID
        if self.permanent:
            return None
        return Code.BAD_TIME if self.duration in (None, "") else time_fault(self.duration)


class SetColor(Shape, frozen=True):
    """`setcolor`: staff change somebody's colour.

    Attributes:
        color: `#rrggbb`.
        id: His user id.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "color": Code.BAD_COLOR}

    color: str
    id: str = msgspec.field(name="_id")

    def fault(self, rules: Rules) -> Code | None:
        """It is a colour."""
        return None if validate.color(self.color) is not None else Code.BAD_COLOR


class SetName(Shape, frozen=True):
    """`setname`: staff change somebody's name.

    Attributes:
        name: Up to 40 UTF-16 units.
        id: His user id.
    """

    faults: ClassVar[Faults] = {"_id": Code.BAD_ID, "name": Code.BAD_NAME}

    name: str
    id: str = msgspec.field(name="_id")

    def fault(self, rules: Rules) -> Code | None:
        """The name follows the rules for texts."""
        is_name = validate.name(self.name, rules.name_length) is not None
        return None if is_name else Code.BAD_NAME


class Admin(Shape, frozen=True):
    """`admin message`: a message of staff within a message.

    Attributes:
        msg: The inner message.
    """

    faults: ClassVar[Faults] = {"msg": Code.BAD_MESSAGE}

    msg: dict[str, Any]

    def fault(self, rules: Rules) -> Code | None:
        """The inner message has a name."""
        return None if isinstance(self.msg.get("m"), str) else Code.BAD_MESSAGE
