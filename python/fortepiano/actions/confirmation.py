"""Confirmations: notices to the author of an act, once the act is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.model.notice_codes import Code
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context

__all__ = ["UNSAVED", "confirm", "warn_unsaved"]

UNSAVED = " It is not saved yet: the store does not take writes."
"""Added to a notice of an act that a restart would undo."""


def confirm(context: Context, session: Session, text: str) -> None:
    """Confirm an act to its author with a notice, once it has been saved."""

    def on_saved(is_saved: bool) -> None:
        if session.user is not None:  # the session may have ended meanwhile
            done = notice(text, Code.DONE) if is_saved else notice(text + UNSAVED, Code.NOT_SAVED)
            context.outbound.send(session, [done])

    context.store.when_saved(on_saved)


def warn_unsaved(context: Context, session: Session, text: str) -> None:
    """Send the author of an act a notice if the act cannot be saved; else nothing."""

    def on_saved(is_saved: bool) -> None:
        if not is_saved and session.user is not None:
            context.outbound.send(session, [notice(text + UNSAVED, Code.NOT_SAVED)])

    context.store.when_saved(on_saved)
