"""The codes of notifications: what programs go by, since sentences may be worded anew."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["Code"]


class Code(StrEnum):
    """Why somebody is told something (docs/protocol.md, "Codes").

    The list is a contract: it only grows, and no code changes its meaning.

    Attributes:
        meaning: What happened.
        advice: What a client had best do about it.
    """

    meaning: str
    advice: str

    def __new__(cls, name: str, meaning: str = "", advice: str = "") -> Self:
        """Make the code of a name, which is what goes out."""
        code = str.__new__(cls, name)
        code._value_ = name
        code.meaning = meaning
        code.advice = advice
        return code

    # Refused for a reason of the rules.
    TOO_FAST = (
        "too_fast",
        "a rate, the note quota or the bytes of `custom` are used up, or rooms are made too fast",
        "wait a second or two, then send less; what was refused is lost",
    )
    TOO_MUCH = (
        "too_much",
        "more bytes or messages per second than anybody may send; the connection ends",
        "mend the program; do not come back by itself",
    )
    TOO_MANY_CONNECTIONS = (
        "too_many_connections",
        "the user has too many connections; this one ends",
        "close others; do not come back by itself",
    )
    BANNED = (
        "banned",
        "banned from a room; the client is, or is put, elsewhere",
        "stay away until the ban ends",
    )
    SITE_BANNED = (
        "site_banned",
        "banned from the site; the connection ends",
        "do not come back by itself",
    )
    NETWORK_REFUSED = (
        "network_refused",
        "nobody is let in from this network, and the connection ends; or nobody chats from it",
        "do not come back by itself; ask the operator for a token",
    )
    ROOM_FULL = ("room_full", "the room has as many people as its `limit`", "try later")
    NO_BOTS = (
        "no_bots",
        "the room keeps bots out (`allowBots`)",
        "go elsewhere, or ask the operator for a token",
    )
    INVITED_ONLY = (
        "invited_only",
        "the room is for invited people (`inviteOnly`)",
        "ask who rules it for an invitation",
    )
    TOO_NEW = (
        "too_new",
        "not online for as long as the room wants (`minOnlineTime`)",
        "try later, without reconnecting",
    )
    MUTED = ("muted", "notes, chat or both are silenced in this room", "be silent until `unmuted`")
    UNMUTED = ("unmuted", "one is heard again in this room", "nothing")
    CHAT_OFF = ("chat_off", "chat is off in this room", "wait for a `ch` with `chat: true`")
    SLOW_MODE = (
        "slow_mode",
        "the last line is not as long ago as the room wants (`slowMode`)",
        "wait for so many seconds, then say it again",
    )
    MAY_NOT_CHAT = ("may_not_chat", "staff took the user's right to chat", "do not chat")
    ONLY_OWNER_PLAYS = (
        "only_owner_plays",
        "only who holds the crown may play here (`crownsolo`)",
        "stop playing until one holds the crown or a `ch` lifts it",
    )
    ONLY_OWNER = (
        "only_owner",
        "only who holds the crown, or rules beside them, may do that",
        "do not try again without the crown",
    )
    CROWN_RESTS = (
        "crown_rests",
        "the crown on the floor may not be taken yet",
        "try when `time` + `rest` of `ch.crown` is over",
    )
    HOLDER_IS_SAFE = (
        "holder_is_safe",
        "nobody but staff bans or mutes who holds the crown",
        "nothing",
    )
    NOT_ALLOWED = ("not_allowed", "a permission of the staff is missing", "do not try again")
    NOT_FOUND = (
        "not_found",
        "the user or the room that a message of the staff names is not there, "
        "or there is no such message",
        "correct it",
    )
    # Malformed values.
    BAD_NOTES = (
        "bad_notes",
        "an `n` in which no note makes sense, or whose `t` is no number",
        "correct it; see Notes",
    )
    BAD_MESSAGE = (
        "bad_message",
        "a text of `a`, `dm` or of the staff is none, empty, too long, or holds what no text may",
        "correct it; see Values",
    )
    BAD_NAME = ("bad_name", "the name of a user is none", "correct it; see Values")
    BAD_COLOR = ("bad_color", "a colour is none", "send `#` and six hex digits")
    BAD_AFK = ("bad_afk", "`afk` is neither true nor false", "send true or false")
    BAD_ROOM = ("bad_room", "the name of a room is none", "correct it; see Values")
    BAD_SETTINGS = (
        "bad_settings",
        "nothing in a `set`, or no value or switch of a message, is valid",
        "correct it; see Room settings",
    )
    BAD_ID = ("bad_id", "what should be an id is none", "send the `_id` as it came")
    BAD_TIME = (
        "bad_time",
        "a duration is no number, negative or not finite",
        "send milliseconds from 0",
    )
    # News.
    KICKBANNED = ("kickbanned", "somebody was banned from this room; all in it hear it", "nothing")
    AWARD = ("award", "somebody banned themselves from this room", "nothing")
    INVITED = ("invited", "one is invited to a room, whose name stands in the text", "nothing")
    COOWNER = ("coowner", "one rules this room beside its owner", "nothing")
    NOT_COOWNER = ("not_coowner", "one rules this room no more", "nothing")
    ROOM_NOTICE = ("room_notice", "what a room tells who enters it (`notice`)", "show it")
    STAFF_NOTICE = ("staff_notice", "what the staff want to say, or did", "show it")
    RESTART = ("restart", "the server restarts, now or soon", "come back after a close with 4000")
    DONE = ("done", "what a member of the staff did is done, and saved", "nothing")
    NOT_SAVED = (
        "not_saved",
        "what was done holds, and a restart may undo it: the store takes no writes",
        "tell the operator",
    )
