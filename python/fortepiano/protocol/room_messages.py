"""Messages to clients that several modules send: quota, room and crown (docs/protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortepiano.config.rules import QuotaClass, Rules
    from fortepiano.model.crown import Crown
    from fortepiano.model.room import Room

__all__ = ["Message", "channel", "crown_message", "full_channel", "is_listed", "quota_message"]

Message = dict[str, Any]
"""A message to a client."""


def quota_message(quota: QuotaClass, rules: Rules) -> Message:
    """Return the message `nq` of a quota."""
    return {
        "m": "nq",
        "allowance": quota.allowance,
        "max": quota.max,
        "maxHistLen": rules.quota_history,
        "tick": rules.quota_tick_ms,
    }


def is_listed(room: Room) -> bool:
    """Tell whether a room is shown in the list of rooms."""
    return room.settings["visible"] is True


def full_channel(room: Room, rules: Rules) -> Message:
    """Return a room as in `ch`: as in `ls`, and with its co-owners."""
    info = channel(room, rules)
    if room.co_owners:
        info["coowners"] = sorted(room.co_owners)
    return info


def channel(room: Room, rules: Rules) -> Message:
    """Return a room as in `ls`."""
    info: Message = {
        "_id": room.name,
        "id": room.name,
        "count": room.count,
        "settings": room.settings,
    }
    if room.crown is not None:
        info["crown"] = crown_message(room.crown, rules)
    return info


def crown_message(crown: Crown, rules: Rules) -> Message:
    """Return a crown: with `participantId` if it is held, with `rest` if it lies on the floor."""
    message: Message = {
        "userId": crown.user_id,
        "time": crown.time,
        "startPos": {"x": crown.start[0], "y": crown.start[1]},
        "endPos": {"x": crown.end[0], "y": crown.end[1]},
    }
    if crown.holder is not None:
        message["participantId"] = crown.holder.id
    else:
        message["rest"] = rules.crown_idle_ms
    return message
