"""The rules of play as plain numbers, and the two presets of them (docs/protocol.md)."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal, cast

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from fortepiano.config.parts import Part

__all__ = ["PRESETS", "QuotaClass", "Rate", "RuleSettings", "Rules"]

_CLOSED = ConfigDict(extra="forbid")
_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, config=_CLOSED)
class QuotaClass:
    """How many note events a user may send (docs/protocol.md, note quota)."""

    allowance: int = Field(ge=1, le=1_000_000, description="Note events regained per tick.")
    max: int = Field(ge=1, le=10_000_000, description="Note events that can be saved up.")


@dataclass(frozen=True, config=_CLOSED)
class Rate:
    """A token bucket; each message of one kind from one user takes one token."""

    burst: int = Field(ge=1, le=100_000, description="Messages that may come at once.")
    per_second: float = Field(
        gt=0, le=100_000, allow_inf_nan=False, description="Messages regained per second."
    )


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class Rules:
    """The rules of play as plain numbers; the defaults are the preset `quick`.

    Lengths of texts are counted in UTF-16 code units, as in browsers.
    """

    quota_lobby: QuotaClass = Field(
        default=QuotaClass(8000, 24000), description="Quota in special rooms."
    )
    quota_normal: QuotaClass = Field(
        default=QuotaClass(8000, 24000), description="Quota elsewhere."
    )
    quota_holder: QuotaClass = Field(
        default=QuotaClass(8000, 24000), description="Quota of the holder of the room's crown."
    )
    quota_history: Annotated[int, Part.HUB] = Field(
        default=3, ge=1, le=32, description="Ticks without points before the quota punishes; ticks."
    )
    quota_tick_ms: Annotated[int, Part.HUB] = Field(
        default=1000, ge=10, le=60_000, description="How often points are regained; milliseconds."
    )
    quota_forgiven_ticks: Annotated[int, Part.HUB] = Field(
        default=0,
        ge=0,
        le=10,
        description="Ticks by which a client's clock may be out of phase; ticks.",
    )
    quota_in_hello: bool = Field(
        default=True,
        description="Whether `nq` also comes with the reply to `hi`, not only on joining.",
    )
    crown_on_leave: Literal["passes", "falls"] = Field(
        default="passes",
        description="When the holder leaves, the crown `passes` to the participant who has been"
        " there longest, or `falls` to the floor.",
    )
    crown_idle_ms: int = Field(
        default=15_000,
        ge=0,
        le=_DAY_MS,
        description="How long a crown lies before others may take it; milliseconds.",
    )
    crown_return_ms: int = Field(
        default=10_000,
        ge=0,
        le=_DAY_MS,
        description="Time in which a holder who lost the connection gets the crown back by"
        " returning, although it has passed on, 0 for never; milliseconds.",
    )
    lobby_names: Literal["plain", "numbered"] = Field(
        default="plain",
        description="Special rooms: `lobby` and `test/…`, or also `lobby2`, `lobbyNaN` and such.",
    )
    lobby_limit: int = Field(
        default=0, ge=0, le=10_000, description="People in one lobby, 0 for no limit; participants."
    )
    test_rooms_kept: int = Field(
        default=64, ge=0, le=10_000, description="Empty rooms `test/…` kept with their chat; rooms."
    )
    kickban_ceiling_ms: int = Field(
        default=_DAY_MS,
        ge=0,
        le=366 * _DAY_MS,
        description="The longest ban from a room; milliseconds.",
    )
    kickban_usual_ms: int = Field(
        default=30 * 60 * 1000,
        ge=0,
        le=366 * _DAY_MS,
        description="Length of a ban from a room for which no time is given; milliseconds.",
    )
    empty_room_ms: int = Field(
        default=0, ge=0, le=_DAY_MS, description="How long an empty room lives on; milliseconds."
    )
    silence_ms: Annotated[int, Part.HUB] = Field(
        default=0,
        ge=0,
        le=_DAY_MS,
        description="Time without a `t` before 4004, 0 for off; milliseconds.",
    )
    notice_gap_ms: Annotated[int, Part.HUB] = Field(
        default=5000,
        ge=0,
        le=_DAY_MS,
        description="Time between two notifications of one code to one client; milliseconds.",
    )
    chat_length: int = Field(
        default=512, ge=1, le=8192, description="Longest chat line; UTF-16 units."
    )
    chat_history: int = Field(
        default=32, ge=0, le=1024, description="Chat lines a room keeps; lines."
    )
    name_length: int = Field(default=40, ge=1, le=512, description="Longest name; UTF-16 units.")
    room_name_length: int = Field(
        default=512, ge=1, le=4096, description="Longest room name; UTF-16 units."
    )
    rate_chat: Rate = Field(default=Rate(8, 1), description="`a` and `dm`.")
    rate_chat_holder: Rate = Field(
        default=Rate(10, 2.5), description="`a` and `dm` of a crown holder."
    )
    rate_room: Rate = Field(
        default=Rate(10, 2), description="`ch`, `chset`, `chown`, `kickban`, `unban`, `+ls`, `-ls`."
    )
    rate_userset: Rate = Field(default=Rate(30, 2), description="`userset`.")
    rate_time: Annotated[Rate, Part.HUB] = Field(default=Rate(30, 10), description="`t`.")
    rate_hello: Rate = Field(default=Rate(10, 1), description="`hi` and `devices`.")
    custom_notes: Annotated[bool, Part.HUB] = Field(
        default=False,
        description="Whether notes that are no keys of the piano pass, for scripts that draw.",
    )
    custom_bytes: int = Field(
        default=16_384, ge=0, le=1_048_576, description="Data of `custom` within one window; bytes."
    )
    custom_targets: int = Field(
        default=32, ge=1, le=1024, description="Users that one `custom` may name; users."
    )
    custom_window_ms: int = Field(
        default=10_000, ge=1, le=_DAY_MS, description="The window of `custom_bytes`; milliseconds."
    )

    def rate(self, kind: str, *, holder: bool = False) -> Rate | None:
        """Return the rate limit of a kind of message, per kind and user.

        Args:
            kind: The message's `m`.
            holder: Whether the sender holds the crown of their room.

        Returns:
            The bucket's size and refill. None for the kinds that are bounded otherwise (`n` by the
            quota, `m` by conflation, `custom` by its bytes) or need no bound (`bye`).
        """
        if holder and kind in {"a", "dm"}:
            return self.rate_chat_holder
        field = _RATE_OF.get(kind)
        return None if field is None else cast("Rate", getattr(self, field))


_ROOM_KINDS = (
    *("ch", "chset", "chown", "kickban", "unban", "+ls", "-ls"),
    *("bans", "mute", "invite", "coowner", "+custom", "-custom"),
    *("clearchat", "v", "siteban", "setcolor", "setname", "admin message"),
)
_RATE_OF = {
    "a": "rate_chat",
    "dm": "rate_chat",
    **dict.fromkeys(_ROOM_KINDS, "rate_room"),
    "userset": "rate_userset",
    "t": "rate_time",
    "hi": "rate_hello",
    "devices": "rate_hello",
}

PRESETS: Mapping[str, Rules] = {
    # The rules of the original Node server: generous, for friends.
    "quick": Rules(),
    # The rules of MultiplayerPiano.net: for strangers.
    "net": Rules(
        quota_lobby=QuotaClass(200, 600),
        quota_normal=QuotaClass(400, 1200),
        quota_holder=QuotaClass(600, 1800),
        quota_tick_ms=2000,
        quota_forgiven_ticks=1,
        quota_in_hello=False,
        crown_on_leave="falls",
        lobby_names="numbered",
        lobby_limit=20,
        kickban_ceiling_ms=60 * 60 * 1000,
        empty_room_ms=3000,
        silence_ms=60_000,
    ),
}


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class RuleSettings(Rules):
    """The section `rules`: a preset, and any of its numbers set otherwise."""

    preset: Literal["quick", "net"] = Field(
        default="quick", description="The preset from which every rule not set here is taken."
    )

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, given: Any) -> Any:
        if isinstance(given, ArgsKwargs):
            given = dict(given.kwargs or {})
        if not isinstance(given, dict):
            return given
        given = cast("dict[str, Any]", given)
        name = given.get("preset", "quick")
        # The field `preset` reports an unknown preset; the numbers still need defaults.
        base = PRESETS.get(name) if isinstance(name, str) else None
        return _laid_over(asdict(base or PRESETS["quick"]), given)

    def resolved(self) -> Rules:
        """Return the preset with the settings of this section applied."""
        return Rules(**{field.name: getattr(self, field.name) for field in fields(Rules)})


def _laid_over(base: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; where both have a key, the value of `given` wins."""
    merged = dict(base)
    for key, value in given.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = _laid_over(cast("dict[str, Any]", below), cast("dict[str, Any]", value))
        merged[key] = value
    return merged
