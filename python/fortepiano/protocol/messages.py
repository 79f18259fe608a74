"""Messages that several senders need: quota, room and crown as they go out (docs/protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortepiano.config.rules import QuotaClass, Rules
    from fortepiano.model.crown import Crown
    from fortepiano.model.room import Room

__all__ = ["Message", "channel", "crown_message", "full_channel", "is_listed", "quota_message"]

Message = dict[str, Any]
"""A message to clients."""


def quota_message(quota: QuotaClass, rules: Rules) -> Message:
    """Return `nq`, whose numbers are keys of the message itself."""
    return {
        "m": "nq",
        "allowance": quota.allowance,
        "max": quota.max,
        "maxHistLen": rules.quota_history,
        "tick": rules.quota_tick_ms,
    }


def is_listed(room: Room) -> bool:
    """Return whether a room is shown in the list of rooms."""
    return room.settings["visible"] is True


def full_channel(room: Room, rules: Rules) -> Message:
    """Return a room as `ch` has it: with its co-owners, if there are any."""
    info = channel(room, rules)
    if room.co_owners:
        info["coowners"] = sorted(room.co_owners)
    return info


def channel(room: Room, rules: Rules) -> Message:
    """Return a room as `ls` has it; `ch` adds the co-owners."""
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
    """Return a crown; one without `participantId` lies on the floor, and rests for a while."""
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
