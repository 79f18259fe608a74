"""What every message of clients has: a way to say, as a code, what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fortepiano.model.codes import Code
from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.config.rules import Rules

__all__ = ["Faults", "Shape", "time_fault"]

Faults = Mapping[str, Code]
"""The code of each field that can be wrong, by its name on the wire."""


class Shape(msgspec.Struct, frozen=True):
    """A message from a client.

    Attributes:
        faults: What is told of fields that do not fit; of others nobody is told.
    """

    faults: ClassVar[Faults] = {}

    @classmethod
    def misfit(cls, message: dict[str, Any]) -> Code | None:
        """Say what is wrong with a message that does not fit; None for what nobody is told."""
        for field in msgspec.structs.fields(cls):
            name = field.encode_name
            if name in message:
                fits = _fits(message[name], field.type)
            else:
                fits = not field.required
            if not fits:
                return cls.faults.get(name)
        return None

    def fault(self, rules: Rules) -> Code | None:
        """Say which value is not what the protocol allows; None where all are."""
        return None


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def time_fault(sent: float | str | None) -> Code | None:
    """Say whether a duration is wrong: a number, or one as a text, from 0; or none."""
    if sent in (None, ""):
        return None
    time = validate.number(sent)
    return Code.BAD_TIME if time is None or time < 0 else None
