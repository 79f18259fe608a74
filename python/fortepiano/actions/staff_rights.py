"""Rights of staff: given with a token at `hi`, and taken when the token ends or is narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.rename import mark_look_alikes
from fortepiano.actions.rooms import refresh_quota
from fortepiano.actions.tag import clear_tag
from fortepiano.actions.vanish import set_hidden
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import permissions_of, staff_scope
from fortepiano.model.tokens import still_staff, still_valid
from fortepiano.observe.logs import logger
from fortepiano.protocol.notices import notice
from fortepiano.store.records import TokenRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.model.permissions import Permission
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.store.records import Scope

__all__ = ["change_scope", "enforce_tokens", "give_scope", "set_rights"]

_FLAGS: dict[Permission, str] = {
    "vanish": "vanish",
    "chownAnywhere": "cansetcrowns",
    "playNotesAnywhere": "no note rate limit",
}
"""The flags of users that stand for a permission: staff could give them to themselves."""

_log = logger(__name__)


def set_rights(context: Context, session: Session, user: User, token: TokenRecord | None) -> None:
    """Give a session the rights of a staff token; None takes all rights.

    Args:
        context: The context.
        session: The session.
        user: The session's user.
        token: The token; one of a bot or a user gives no rights.
    """
    scope = None if token is None else staff_scope(token)
    if token is not None and scope is not None:
        user.add_staff_token(token)
    give_scope(context, session, user, scope)
    context.elsewhere.note_rights(session)


def give_scope(context: Context, session: Session, user: User, scope: Scope | None) -> None:
    """Give a session the rights of a scope; None takes all rights."""
    session.scope, session.permissions = scope, permissions_of(scope)
    plays = "playNotesAnywhere" in session.permissions
    context.hub.set_privileges(session.client, plays_anywhere=plays, unlimited=scope is not None)
    mark_look_alikes(context, user)


def enforce_tokens(context: Context) -> bool:
    """Take from all sessions and users what their tokens do not give any more.

    Returns:
        Whether a token had ended or was changed.
    """
    now = context.now()
    if not context.tokens.is_due(now):
        return False
    users = list(context.directory.users.values())
    # All sessions are looked at: `any` would stop at the first that has changed.
    changed = [
        _check_session(context, user, tab, now) for user in users for tab in [*user.sessions]
    ]
    for user in users:
        _check_user(context, user, now)
    return any(changed)


def _check_session(context: Context, user: User, session: Session, now: int) -> bool:
    """Compare the token of a session with the store; return whether it has ended or changed."""
    held = session.token
    if held is None:
        return False
    found = still_valid(context.store, held, now)
    if found is None or not _is_same_holder(held, found):
        _end_token(context, user, session)
        return True
    session.token = found
    context.tokens.add(found)
    if not isinstance(found, TokenRecord) or staff_scope(found) == session.scope:
        return False
    _change_rights(context, user, session, found)
    text = "The rights of your token were changed."
    context.outbound.send(session, [notice(text, Code.RIGHTS_CHANGED)])
    return True


def _is_same_holder(held: object, found: object) -> bool:
    """Tell whether two states of a token name the same user, and a bot in both or in neither."""
    if not (isinstance(held, TokenRecord) and isinstance(found, TokenRecord)):
        return True
    is_bot = held.scope == "bot", found.scope == "bot"
    return held.user_id == found.user_id and is_bot[0] == is_bot[1]


def _end_token(context: Context, user: User, session: Session) -> None:
    """Take all rights from a session; end it if its user is known by the token alone."""
    session.token = None
    _log.info("token ended", user=user.id, scope=session.scope)
    text = "Your token does not count any more."
    context.outbound.send(session, [notice(text, Code.TOKEN_ENDED)])
    if session.scope is not None:
        _change_rights(context, user, session, None)
    if session.is_known_by_token:
        session.connection.close(CloseCode.NORMAL, "the token has ended")


def _change_rights(
    context: Context, user: User, session: Session, token: TokenRecord | None
) -> None:
    saw_hidden = "vanish" in session.permissions
    set_rights(context, session, user, token)
    _show_hidden(context, session, saw_hidden=saw_hidden)


def change_scope(context: Context, user: User, session: Session, scope: Scope | None) -> None:
    """Give a session the rights of another scope, as the node where its token is looked at does."""
    saw_hidden = "vanish" in session.permissions
    give_scope(context, session, user, scope)
    _show_hidden(context, session, saw_hidden=saw_hidden)


def _show_hidden(context: Context, session: Session, *, saw_hidden: bool) -> None:
    """Send a session its room again if it sees other people now than it did."""
    participant = session.participant
    if participant is None or not participant.room.hidden:
        return
    if saw_hidden != ("vanish" in session.permissions):
        # The client shows people whom it may not see now, or lacks some whom it may see.
        quota = context.world.quota_class(participant)
        context.outbound.send_room(session, participant, quota)


def _check_user(context: Context, user: User, now: int) -> None:
    """Take from a user what they could give themselves as staff, and could not give now.

    The tag, the disguise and the flags of a user outlive the session, and for a minute the last
    one. So they depend on the tokens with which the user has been staff, not on open sessions.
    """
    held = user.staff_tokens
    if not held:
        return
    now_valid = {
        token_id: found
        for token_id, token in held.items()
        if (found := still_staff(context.store, token, now)) is not None
    }
    user.staff_tokens = now_valid or None
    for token in now_valid.values():
        context.tokens.add(token)
    lost = _permissions(held.values()) - _permissions(now_valid.values())
    _clear_flags(context, user, lost)
    if "vanish" in lost:
        set_hidden(context, user, is_hidden=False)
    if not now_valid and user.tag is not None:
        clear_tag(context, user)


def _permissions(tokens: Iterable[TokenRecord]) -> frozenset[Permission]:
    """Return what any of some tokens permits."""
    return frozenset(
        permission for token in tokens for permission in permissions_of(staff_scope(token))
    )


def _clear_flags(context: Context, user: User, lost: frozenset[Permission]) -> None:
    for permission in _FLAGS.keys() & lost:
        (user.flags or {}).pop(_FLAGS[permission], None)
    if lost:
        context.elsewhere.note_user(user)
    for participant in user.participations:
        refresh_quota(context, participant)
