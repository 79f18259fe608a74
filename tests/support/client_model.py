"""The state that a classic client derives from its messages: people, crown, settings, chat."""

from __future__ import annotations

from support.websocket_clients import Message

__all__ = ["ClientModel", "Line", "line"]

Line = tuple[str, str, str, str, str | None]
"""A line of chat: user id, name and colour at that time, text, and the line that it answers."""


def line(message: Message) -> Line:
    """Return what a chat message says."""
    p = message["p"]
    return (p["_id"], p["name"], p["color"], message["a"], message.get("r"))


class ClientModel:
    """The state of the original site's client, updated exactly as it does.

    Attributes:
        me: The id of the own participant.
        channel: The room as in the last `ch`.
        ppl: All participants by id.
        chat: All chat messages since the room was entered.
    """

    def __init__(self) -> None:
        """Begin with no room."""
        self.me = ""
        self.channel: Message = {}
        self.ppl: dict[str, Message] = {}
        self.chat: list[Message] = []

    def apply(self, message: Message) -> None:
        """Apply a message; messages that change no state are ignored."""
        match message["m"]:
            case "ch":
                self.channel = message["ch"]
                self.me = message.get("p", self.me)
                here = {entry["id"] for entry in message["ppl"]}
                self.ppl = {id: entry for id, entry in self.ppl.items() if id in here}
                for entry in message["ppl"]:
                    self._merge(entry)
            case "p":
                self._merge(message)
            case "m":
                if message["id"] in self.ppl:
                    self._merge(message)
            case "bye":
                self.ppl.pop(message["p"], None)
            case "c":
                self.chat = list(message["c"])
            case "a":
                self.chat.append(message)

    def _merge(self, entry: Message) -> None:
        known = self.ppl.setdefault(entry["id"], dict(entry))
        # The client ignores empty and zero values.
        known.update({key: entry[key] for key in ("x", "y", "color", "name") if entry.get(key)})
        # Without `afk` the last value stays.
        known["afk"] = entry.get("afk", known.get("afk"))
