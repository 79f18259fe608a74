"""What a store keeps: one class for each kind of record."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "AuditQuery",
    "AuditRecord",
    "BanRecord",
    "ChatRecord",
    "CrownRecord",
    "MuteRecord",
    "RoomRecord",
    "SaltRecord",
    "Scope",
    "SigningKey",
    "TokenRecord",
    "TokenScope",
    "UserRecord",
]

Scope: TypeAlias = Literal["read", "moderate", "admin"]
"""What the holder of a staff token may do, the least first (see `fortepiano.model.permissions`)."""

TokenScope: TypeAlias = Literal["read", "moderate", "admin", "bot", "user"]
"""What a token is for: to act as staff, or to be a certain bot or user."""

_count = itertools.count(secrets.randbelow(1 << 24))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs tokens.

    Attributes:
        id: The key's name in a token (`kid`); not a secret.
        secret: At least 32 bytes (RFC 7518 section 3.2).
        created: Milliseconds since 1970.
    """

    id: str
    secret: bytes
    created: int


@dataclass(frozen=True, slots=True)
class SaltRecord:
    """One of the two secrets for user ids.

    Attributes:
        number: 1 or 2.
        value: Hexadecimal digits.
    """

    number: int
    value: str


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What is remembered of a user who has changed something about himself.

    Attributes:
        id: 24 lower-case hex digits.
        name: As others see it.
        color: `#rrggbb`.
        first_seen: When he first came; milliseconds since 1970, 0 if nobody knows.
        last_seen: When he was last there; milliseconds since 1970, 0 if nobody knows.
    """

    id: str
    name: str
    color: str
    first_seen: int = 0
    last_seen: int = 0


@dataclass(frozen=True, slots=True)
class BanRecord:
    """Somebody who may not enter a room, or the whole site.

    Attributes:
        room: The room's name; empty for the whole site.
        subject: Who is banned: a user id, or a network such as `203.0.113.0/24` or
            `2001:db8::/64`, which only the whole site can ban.
        until: The first moment at which he may come back, milliseconds since 1970; None for never.
        by: The id of the user or token that banned him.
        reason: Why, for people; may be empty.
        at: When he was banned; milliseconds since 1970.
    """

    room: str
    subject: str
    until: int | None
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token, without the secret itself.

    Attributes:
        id: What people call it by; not a secret.
        digest: SHA-256 of the token, see `fortepiano.model.tokens.digest`; empty for a token that
            proves itself, of which only the revocation is stored.
        scope: What it is for.
        label: Whose it is or what it is for; may be empty.
        created: Milliseconds since 1970.
        expires: The first moment at which it is no longer valid, milliseconds since 1970; None
            for never.
        user_id: The user that its holder is; empty for tokens of the staff.
        revoked: When it was revoked, milliseconds since 1970; None if it was not.
    """

    id: str
    digest: str
    scope: TokenScope
    label: str
    created: int
    expires: int | None
    user_id: str = ""
    revoked: int | None = None


@dataclass(frozen=True, slots=True)
class MuteRecord:
    """What somebody may not do in a room.

    Attributes:
        notes: Whether his notes are dropped.
        chat: Whether his chat is refused.
    """

    notes: bool
    chat: bool


@dataclass(frozen=True, slots=True)
class CrownRecord:
    """A crown that lies on the floor of an empty room.

    Attributes:
        user_id: Who held it last.
        time: When it was dropped; milliseconds since 1970.
        start: Where it began to fall; percent of the window's width and height.
        end: Where it lies; likewise.
    """

    user_id: str
    time: int
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A room that outlives its people and the server.

    Attributes:
        name: Its name.
        settings: What is set, under the keys of the wire (docs/protocol.md, "Room settings").
        owner_id: The user it belongs to; empty for nobody.
        co_owners: Ids of users who rule beside the crown's holder.
        invited: Ids of users who may come in while it is invite-only.
        mutes: Who is muted, by user id.
        crown: Its crown; None if it has none.
        until: When it is forgotten if nobody has come back, milliseconds since 1970; None for a
            room that is permanent. Others are kept while the server restarts.
        claims: User ids, and when each of them left with the crown, which they get back by
            returning in time; milliseconds since 1970.
        maker: The id of who made it; empty where nobody knows.
    """

    name: str
    settings: Mapping[str, bool | int | str]
    owner_id: str = ""
    co_owners: tuple[str, ...] = ()
    invited: tuple[str, ...] = ()
    mutes: Mapping[str, MuteRecord] = field(default_factory=dict[str, MuteRecord])
    crown: CrownRecord | None = None
    until: int | None = None
    claims: tuple[tuple[str, int], ...] = ()
    maker: str = ""


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """The last lines of a room.

    Attributes:
        room: The room's name.
        lines: Messages as JSON, the oldest first.
    """

    room: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One act of moderation; written once and never changed.

    Attributes:
        id: Tells acts apart, and sorts like the time at which they happened.
        at: When; milliseconds since 1970.
        actor: The id of the user or token that acted.
        action: What was done, as one word.
        room: The room's name; empty where it was no room's matter.
        subject: To whom: a user id, a network, a token's id; may be empty.
        reason: Why, for people; may be empty.
        details: What else there is to know, such as a ban's end.
    """

    id: str
    at: int
    actor: str
    action: str
    room: str = ""
    subject: str = ""
    reason: str = ""
    details: Mapping[str, str | int | bool | None] = field(
        default_factory=dict[str, str | int | bool | None]
    )

    @staticmethod
    def next_id(at: int) -> str:
        """Return an id that no other act has, greater than those of earlier acts.

        Args:
            at: When it happened; milliseconds since 1970.
        """
        return f"{max(at, 0):012x}{next(_count) & 0xFFFF_FFFF:08x}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which acts of moderation to read; None stands for any.

    Attributes:
        limit: How many at most, the newest.
        actor: Who acted.
        action: What was done.
        room: Where.
        subject: To whom.
        since: No earlier than this; milliseconds since 1970.
        before: Earlier than this; milliseconds since 1970.
    """

    limit: int = 100
    actor: str | None = None
    action: str | None = None
    room: str | None = None
    subject: str | None = None
    since: int | None = None
    before: int | None = None

    def matches(self, record: AuditRecord) -> bool:
        """Tell whether an act is asked for."""
        wanted = (self.actor, self.action, self.room, self.subject)
        found = (record.actor, record.action, record.room, record.subject)
        return (
            all(one is None or one == other for one, other in zip(wanted, found, strict=True))
            and (self.since is None or self.since <= record.at)
            and (self.before is None or record.at < self.before)
        )
