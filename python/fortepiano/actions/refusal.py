"""The exception for a refused act, with a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.model.notice_codes import Code
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
    """An act is refused.

    Args:
        code: The reason.
        why: The reason in words; if left out, the usual words for the code.

    Attributes:
        code: The reason.
        why: The reason in words.
    """

    def __init__(self, code: Code, why: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.why = _WHY[code] if why is None else why

    def send(self, context: Context, session: Session) -> None:
        """Send a notice to the session that wanted the act."""
        context.outbound.notify_once(session, self.code, self.why)
