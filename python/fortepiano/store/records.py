"""The records of a store: one class for each kind."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "SITE",
    "USER_ID_LENGTH",
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
"""The rights of a staff token, the least first (see `fortepiano.model.permissions`)."""

TokenScope: TypeAlias = Literal["read", "moderate", "admin", "bot", "user"]
"""The purpose of a token: to act as staff, or to be a certain bot or user."""

USER_ID_LENGTH = 24
"""The length of a user's id, in hex digits; those of tokens and commands are shorter."""

SITE = ""
"""Stands for the room in bans from the whole site."""

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
    """A user who has changed their name or colour.

    Attributes:
        id: 24 lower-case hex digits.
        name: As others see it.
        color: `#rrggbb`.
        first_seen: When they first connected; milliseconds since 1970, 0 if unknown.
        last_seen: When they were last connected; milliseconds since 1970, 0 if unknown.
    """

    id: str
    name: str
    color: str
    first_seen: int = 0
    last_seen: int = 0


@dataclass(frozen=True, slots=True)
class BanRecord:
    """A ban from a room or from the whole site.

    Attributes:
        room: The room's name; empty for the whole site.
        subject: The banned user id, or a network such as `203.0.113.0/24` or `2001:db8::/64`.
            Networks can be banned from the whole site only.
        until: When the ban ends, milliseconds since 1970; None for a ban without end.
        by: The id of the user or token that made the ban.
        reason: The reason, for people; may be empty.
        at: When the ban was made; milliseconds since 1970.
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
        id: The public name of the token; not a secret.
        digest: SHA-256 of the token, see `fortepiano.model.tokens.digest`; empty for a signed
            token, of which only the revocation is stored.
        scope: The purpose of the token.
        label: A note about its owner or its purpose; may be empty.
        created: Milliseconds since 1970.
        expires: When the token stops being valid, milliseconds since 1970; None for never.
        user_id: The user whom the token identifies; empty for tokens of the staff.
        revoked: When the token was revoked, milliseconds since 1970; None if it was not.
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
    """The mute of a user in a room.

    Attributes:
        notes: Whether the user's notes are dropped.
        chat: Whether the user's chat is refused.
    """

    notes: bool
    chat: bool


@dataclass(frozen=True, slots=True)
class CrownRecord:
    """A crown that lies on the floor of an empty room.

    Attributes:
        user_id: The last holder.
        time: When the crown was dropped; milliseconds since 1970.
        start: Where the crown began to fall; percent of the window's width and height.
        end: Where the crown lies; percent of the window's width and height.
    """

    user_id: str
    time: int
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A permanent room, or one that is stored while the server restarts.

    Attributes:
        name: The name.
        settings: The settings, under the keys of the wire (docs/protocol.md, "Room settings").
        owner_id: The user to whom the room belongs; empty for nobody.
        co_owners: Ids of users who moderate the room beside the holder of the crown.
        invited: Ids of users who may enter while the room is invite-only.
        mutes: The mutes, by user id.
        crown: The crown; None if the room has none.
        until: When the record is deleted if nobody has come back, milliseconds since 1970; None
            for a permanent room. Other rooms are stored while the server restarts.
        claims: User ids, and when each of them left with the crown, which they get back by
            returning in time; milliseconds since 1970.
        maker: The id of the user who made the room; empty if unknown.
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
        id: A unique id; ids sort by the time of the acts.
        at: The time; milliseconds since 1970.
        actor: The id of the user or token that acted.
        action: The kind of act: a value of `AuditAction`, or its old spelling.
        room: The room's name; empty for an act that concerns no room.
        subject: The target: a user id, a network, a token's id; may be empty.
        reason: The reason, for people; may be empty.
        details: Further facts, such as a ban's end.
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

    @property
    def is_of_room(self) -> bool:
        """Whether a moderator of a room did it, and neither staff nor a command."""
        is_by_user = len(self.actor) == USER_ID_LENGTH
        return is_by_user and self.room != "" and "scope" not in self.details

    @staticmethod
    def next_id(at: int) -> str:
        """Return a new unique id, greater than those of earlier acts.

        Args:
            at: The time of the act; milliseconds since 1970.
        """
        return f"{max(at, 0):012x}{next(_count) & 0xFFFF_FFFF:08x}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A selection of acts of moderation; None stands for any.

    Attributes:
        limit: The most acts to return; the newest are chosen.
        actor: The id of the user or token that acted.
        action: The kind of act.
        room: The room's name.
        subject: The target.
        since: Only acts at this time or later; milliseconds since 1970.
        before: Only acts before this time; milliseconds since 1970.
    """

    limit: int = 100
    actor: str | None = None
    action: str | None = None
    room: str | None = None
    subject: str | None = None
    since: int | None = None
    before: int | None = None

    def matches(self, record: AuditRecord) -> bool:
        """Tell whether the query selects an act."""
        wanted = (self.actor, self.action, self.room, self.subject)
        found = (record.actor, record.action, record.room, record.subject)
        return (
            all(want is None or want == have for want, have in zip(wanted, found, strict=True))
            and (self.since is None or self.since <= record.at)
            and (self.before is None or record.at < self.before)
        )
