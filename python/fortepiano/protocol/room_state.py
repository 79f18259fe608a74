"""The state of a room beside participants and chat, as one node passes it to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from fortepiano.protocol.user_profile import UserProfile
from fortepiano.store.records import RoomRecord

if TYPE_CHECKING:
    from fortepiano.model.room import Room

__all__ = ["RoomState", "profile_in", "read_state", "state_of"]


class RoomState(msgspec.Struct, kw_only=True):
    """The state of a room.

    Attributes:
        record: The record of the room; `until` is None only if the room is permanent.
        holder: The id of the user who holds the crown; empty for nobody.
    """

    record: RoomRecord
    holder: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RoomState)


def state_of(room: Room) -> bytes:
    """Return the state of a room as bytes."""
    record = room.record(until=None if room.is_permanent else 0)
    holder = room.holder.user.id if room.holder is not None else ""
    return _encoder.encode(RoomState(record=record, holder=holder))


def read_state(stored: bytes) -> RoomState:
    """Return the state that `state_of` returned as bytes.

    Raises:
        msgspec.MsgspecError: The bytes are no state.
    """
    return _decoder.decode(stored)


def profile_in(head: bytes) -> UserProfile | None:
    """Return the profile of a user from an entry of `ppl`; None if it has none.

    Args:
        head: The entry without its position and the closing brace. Its version is the lowest, so
            that what the user's own node says counts.
    """
    try:
        entry: dict[str, Any] = orjson.loads(head + b"}")
        return UserProfile(
            id=entry["_id"],
            name=entry["name"],
            color=entry["color"],
            since=0,
            tag=entry.get("tag"),
            is_hidden=entry.get("vanished", False),
            is_afk=entry.get("afk", False),
        )
    except (ValueError, KeyError):
        return None
