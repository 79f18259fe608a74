"""The base class of all messages from clients, which returns what is wrong with one as a code."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fortepiano.model.notice_codes import Code
from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.config.rules import Rules

__all__ = ["Faults", "Shape", "time_fault"]

Faults = Mapping[str, Code]
"""Codes by the wire names of fields: the notice if that field is malformed."""


class Shape(msgspec.Struct, frozen=True):
    """A message from a client.

    Attributes:
        faults: The codes of fields whose type can be wrong; other fields cause no notice.
    """

    faults: ClassVar[Faults] = {}
    _fields: ClassVar[tuple[msgspec.structs.FieldInfo, ...]] = ()

    @classmethod
    def resolve(cls) -> None:
        """Resolve the annotations of all fields, while the class's module is complete.

        Otherwise the first message resolves them, perhaps while a reload imports the module again
        and its names are missing.
        """
        cls._fields = msgspec.structs.fields(cls)
        with suppress(msgspec.ValidationError):
            msgspec.convert({}, cls)

    @classmethod
    def misfit(cls, message: dict[str, Any]) -> Code | None:
        """Return the code of the first field that does not fit its type; None without a notice."""
        for field in cls._fields:
            name = field.encode_name
            if name in message:
                fits = _fits(message[name], field.type)
            else:
                fits = not field.required
            if not fits:
                return cls.faults.get(name)
        return None

    def fault(self, rules: Rules) -> Code | None:
        """Return the code of a value that the protocol forbids; None if there is none."""
        return None


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def time_fault(sent: float | str | None) -> Code | None:
    """Return BAD_TIME unless a duration is a number from 0, such a number as text, or left out."""
    if sent in (None, ""):
        return None
    time = validate.number(sent)
    return Code.BAD_TIME if time is None or time < 0 else None
