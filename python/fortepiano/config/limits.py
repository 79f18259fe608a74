"""The section `limits`: what clients may cost."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

from pydantic import Field, model_validator

from fortepiano.config.parts import Part
from fortepiano.config.section import Frequency, Networks, Seconds, Section

__all__ = ["SHARED", "LimitSettings"]

SHARED: Final[Mapping[str, float]] = {
    "connections_per_address": 8,
    "sockets_per_address": 3,
    "sockets_per_48": 3,
    "sockets_per_user": 3,
    "connects_per_second": 1,
    "connect_burst": 3,
    "rooms_per_second": 0.1,
    "room_burst": 1,
    "new_users_per_hour": 4,
    "caused_bytes_per_second": 262_144,
    "failed_tokens_per_minute": 2,
    "failed_token_burst": 2,
}
"""The limits that rise with `people_per_address`, and by how much for each person.

Reckoned for a school: a pupil has a tab or two, and a third one while the page reloads. A whole
class connects at the same moment, four classes an hour, perhaps with browsers that forget their
tokens each time.
"""

_CONNECTIONS = 256
_MOST_PEOPLE = 1000
_MOST = {"new_users_per_hour": 10_000, "caused_bytes_per_second": 1_073_741_824}


def _number(given: object) -> int:
    """Return a setting as a whole number; 0 if it is none, which its own check reports."""
    try:
        return int(cast("Any", given))
    except (TypeError, ValueError, OverflowError):
        return 0


class LimitSettings(Section):
    """The section `limits`: what one client, one address and all clients together may cost."""

    sockets: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="WebSockets of the whole server; 0 for what the limit of open files allows.",
    )
    people_per_address: int = Field(
        default=0,
        ge=0,
        le=_MOST_PEOPLE,
        description="How many people may share an address, as in a school: limits of addresses that"
        " are not set rise to what so many people need; 0 to leave them.",
    )
    connections_per_address: Annotated[int, Part.THROTTLE] = Field(
        default=_CONNECTIONS,
        ge=1,
        le=1_000_000,
        description="Connections of an IPv4 address or a /64 of IPv6, from accept to close, for"
        " pages and WebSockets together. A /48 has four times as many, and nobody more than a"
        " quarter of the open files; connections.",
    )
    sockets_per_address: Annotated[int, Part.THROTTLE] = Field(
        default=16,
        ge=1,
        le=1_000_000,
        description="WebSockets of an IPv4 address or a /64 of IPv6; sockets.",
    )
    sockets_per_48: Annotated[int, Part.THROTTLE] = Field(
        default=64, ge=1, le=1_000_000, description="WebSockets of a /48 of IPv6; sockets."
    )
    sockets_per_user: int = Field(
        default=16,
        ge=1,
        le=1_000_000,
        description="WebSockets of one user, from all addresses, before 4009; sockets.",
    )
    connects_per_second: Annotated[Frequency, Part.THROTTLE] = Field(
        default=5, description="WebSockets that an address may open; per second."
    )
    connect_burst: Annotated[int, Part.THROTTLE] = Field(
        default=20,
        ge=1,
        le=1_000_000,
        description="WebSockets that an address may open at once, after a pause; sockets.",
    )
    bytes_per_second: Annotated[int, Part.HUB] = Field(
        default=1_048_576,
        ge=1024,
        le=1_073_741_824,
        description="What a client may send before 4002; bytes per second.",
    )
    messages_per_second: Annotated[int, Part.HUB] = Field(
        default=5000,
        ge=1,
        le=10_000_000,
        description="What a client may send before 4007; messages per second.",
    )
    caused_bytes_per_second: int = Field(
        default=7_340_032,
        ge=65_536,
        le=_MOST["caused_bytes_per_second"],
        description="What the messages of an address may make the server send to all together,"
        " notes and pointers apart; beyond it they wait; bytes per second.",
    )
    burst_seconds: Annotated[Seconds, Part.HUB] = Field(
        default=5, description="How many seconds' worth of bytes and messages may come at once."
    )
    rooms_per_second: Annotated[Frequency, Part.THROTTLE] = Field(
        default=1, description="Rooms that an address may make; per second."
    )
    room_burst: Annotated[int, Part.THROTTLE] = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="Rooms that an address may make at once, after a pause; rooms.",
    )
    acts_per_second: Frequency = Field(
        default=5,
        description="Acts of moderation, each a row of the audit log, by users of an address; not"
        " by staff; per second.",
    )
    act_burst: int = Field(
        default=50,
        ge=1,
        le=1_000_000,
        description="Acts of moderation by an address at once, after a pause; acts.",
    )
    bans_per_room: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="Bans from one room, and from all rooms by one user; the oldest ends; bans.",
    )
    room_bans: int = Field(
        default=20_000,
        ge=1,
        le=10_000_000,
        description="Bans from rooms in all, those of closed rooms included; bans.",
    )
    new_users_per_hour: Annotated[int, Part.THROTTLE] = Field(
        default=3,
        ge=0,
        le=_MOST["new_users_per_hour"],
        description="Browsers of an address that get a token; others share its user; per hour.",
    )
    failed_tokens_per_minute: Annotated[Frequency, Part.THROTTLE] = Field(
        default=6, description="Wrong tokens after which no token of an address counts; per minute."
    )
    failed_token_burst: Annotated[int, Part.THROTTLE] = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="Wrong tokens that an address may send at once, after a pause; tokens.",
    )
    addresses: Annotated[int, Part.THROTTLE] = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Addresses that are remembered; beyond it, only those with open sockets.",
    )
    exempt: Annotated[Networks, Part.THROTTLE] = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks to which no limit of addresses, bytes and messages applies.",
    )
    message_bytes: Annotated[int, Part.HUB] = Field(
        default=1_048_576,
        ge=1024,
        le=16_777_216,
        description="Longest message from a client, as long as the note quota allows; bytes.",
    )
    fragments: Annotated[int, Part.HUB] = Field(
        default=1024, ge=1, le=65_536, description="Frames of one message; frames."
    )
    lag_soft_bytes: Annotated[int, Part.HUB] = Field(
        default=262_144,
        ge=4096,
        le=1_073_741_824,
        description="A reader that is behind by more gets no pointers of others; bytes.",
    )
    lag_hard_bytes: Annotated[int, Part.HUB] = Field(
        default=2_097_152,
        ge=4096,
        le=1_073_741_824,
        description="A reader that is behind by more is closed with 1013; bytes.",
    )
    stall_seconds: Annotated[Seconds, Part.HUB] = Field(
        default=10,
        description="A reader without any progress for longer is closed, WebSockets with 1013;"
        " seconds.",
    )
    head_seconds: Seconds = Field(
        default=10, description="Time for the head of a request; seconds."
    )
    head_bytes: int = Field(
        default=16_384, ge=1024, le=1_048_576, description="Longest head of a request; bytes."
    )
    handshakes: int = Field(
        default=4096,
        ge=1,
        le=1_000_000,
        description="Sockets at once that have finished no handshake and no request; sockets.",
    )
    hello_seconds: Annotated[Seconds, Part.HUB] = Field(
        default=30, description="Time from the handshake to `hi` before 4004; seconds."
    )
    ping_seconds: Annotated[Seconds, Part.HUB] = Field(
        default=25, description="Time between WebSocket pings; seconds."
    )
    pong_seconds: Annotated[Seconds, Part.HUB] = Field(
        default=10, description="Time for the answer to a ping; seconds."
    )
    drain_seconds: float = Field(
        default=10,
        ge=0,
        le=3600,
        description="Over how long a stopping server closes sockets; seconds.",
    )

    @model_validator(mode="before")
    @classmethod
    def _raise_shared_limits(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        values = cast("dict[str, Any]", given)
        people = _number(values.get("people_per_address"))
        raised: dict[str, Any] = {}
        if 0 < people <= _MOST_PEOPLE:
            for name, each in SHARED.items():
                least = cls.__pydantic_fields__[name].default
                most = _MOST.get(name, 1_000_000)
                raised[name] = min(max(least, type(least)(people * each)), most)
        # An address with many WebSockets may load as many pages meanwhile.
        sockets = min(_number((raised | values).get("sockets_per_address")), 500_000)
        if 2 * sockets > raised.get("connections_per_address", _CONNECTIONS):
            raised["connections_per_address"] = 2 * sockets
        return raised | values
