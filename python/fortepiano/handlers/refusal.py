"""What keeps a message of the staff from being done, as an exception with a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.model.codes import Code
from fortepiano.protocol.notices import MALFORMED

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context

__all__ = ["RefusedError"]

_WHY = {
    **MALFORMED,
    Code.NOT_ALLOWED: "You may not do that.",
    Code.NOT_FOUND: "There is nobody and nothing of that name.",
}


class RefusedError(Exception):
    """A message of the staff is not done.

    Args:
        code: Why.
        why: The same in words; the usual ones for the code if left out.

    Attributes:
        code: Why.
        why: The same in words.
    """

    def __init__(self, code: Code, why: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.why = _WHY[code] if why is None else why

    def send(self, context: Context, session: Session) -> None:
        """Tell whose message it is."""
        context.outbound.notify_once(session, self.code, self.why)
