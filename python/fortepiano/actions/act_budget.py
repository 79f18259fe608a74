"""The budget of acts that the audit log records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.refusal import RefusedError
from fortepiano.model.notice_codes import Code
from fortepiano.store.records import TokenRecord

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context

__all__ = ["spend_act"]


def spend_act(context: Context, by: Session | TokenRecord) -> None:
    """Count an act before it is done; anybody may moderate a room of their own, and fill the log.

    Staff have no budget: a raid is cleaned up at once, the operator has chosen them, and revoking
    a token stops them within a second.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for the act.

    Raises:
        RefusedError: The users of the address have done too much; the act must not be done.
    """
    if isinstance(by, TokenRecord) or by.scope is not None:
        return
    limits = context.limits
    rate = limits.act_burst, limits.acts_per_second
    if not context.rates.take_act(by, *rate, context.now()):
        context.counters.too_fast["act"] += 1
        raise RefusedError(Code.TOO_FAST, "You are moderating too fast.")
