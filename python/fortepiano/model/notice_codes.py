"""The codes of notices: programs go by them, because the sentences may change."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["Code"]


class Code(StrEnum):
    """The reason for a notice (docs/protocol.md, "Codes").

    The list is a contract: it only grows, and no code changes its meaning.

    Attributes:
        meaning: What happened.
        advice: What a client should do.
    """

    meaning: str
    advice: str

    def __new__(cls, name: str, meaning: str = "", advice: str = "") -> Self:
        """Make a code; its value, which clients get, is the name."""
        code = str.__new__(cls, name)
        code._value_ = name
        code.meaning = meaning
        code.advice = advice
        return code

    # Refusals.
    TOO_FAST = (
        "too_fast",
        "a rate, the note quota or the bytes of `custom` are used up, or rooms are made too fast",
        "wait a second or two, then send less; what was refused is lost",
    )
    TOO_MUCH = (
        "too_much",
        "more bytes or messages per second than anybody may send; the connection ends",
        "mend the program; do not reconnect automatically",
    )
    TOO_MANY_CONNECTIONS = (
        "too_many_connections",
        "the user has too many connections; this one ends",
        "close others; do not reconnect automatically",
    )
    BANNED = (
        "banned",
        "banned from a room; the client stays in another room, or is moved to one",
        "stay away until the ban ends",
    )
    SITE_BANNED = (
        "site_banned",
        "banned from the site; the connection ends",
        "do not reconnect automatically",
    )
    NETWORK_REFUSED = (
        "network_refused",
        "nobody may enter from this network, and the connection ends; or nobody may chat from it",
        "do not reconnect automatically; ask the operator for a token",
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
        "ask a moderator of the room for an invitation",
    )
    TOO_NEW = (
        "too_new",
        "not online for as long as the room demands (`minOnlineTime`)",
        "try later, without reconnecting",
    )
    MUTED = ("muted", "notes, chat or both are muted in this room", "be silent until `unmuted`")
    UNMUTED = ("unmuted", "the mute in this room has ended", "nothing")
    CHAT_OFF = ("chat_off", "chat is off in this room", "wait for a `ch` with `chat: true`")
    SLOW_MODE = (
        "slow_mode",
        "the time since the last line is shorter than the room demands (`slowMode`)",
        "wait for as many seconds, then send the line again",
    )
    MAY_NOT_CHAT = ("may_not_chat", "staff took the user's right to chat", "do not chat")
    ONLY_OWNER_PLAYS = (
        "only_owner_plays",
        "only the holder of the crown may play here (`crownsolo`)",
        "stop playing until a `ch` gives the user the crown, or turns `crownsolo` off",
    )
    ONLY_OWNER = (
        "only_owner",
        "only moderators of the room, or only the holder of the crown, may do that",
        "do not try again without the crown",
    )
    CROWN_RESTS = (
        "crown_rests",
        "the crown on the floor may not be taken yet",
        "try when `time` + `rest` of `ch.crown` is over",
    )
    HOLDER_IS_SAFE = (
        "holder_is_safe",
        "only staff can ban or mute the holder of the crown",
        "nothing",
    )
    NOT_ALLOWED = ("not_allowed", "a staff permission is missing", "do not try again")
    NOT_FOUND = (
        "not_found",
        "the user or the room named in a message of staff is not there, "
        "or there is no such message",
        "correct it",
    )
    UNREACHABLE = (
        "unreachable",
        "the part of the server that has the room does not answer; the client stays where it is",
        "try later",
    )
    # Malformed values.
    BAD_NOTES = (
        "bad_notes",
        "an `n` without a valid note, or whose `t` is no number",
        "correct it; see Notes",
    )
    BAD_MESSAGE = (
        "bad_message",
        "a text in `a`, `dm` or a message of staff is missing, empty, too long, or has characters "
        "that no text may have",
        "correct it; see Values",
    )
    BAD_NAME = ("bad_name", "the name of a user is not valid", "correct it; see Values")
    BAD_COLOR = ("bad_color", "a colour is not valid", "send `#` and six hex digits")
    BAD_AFK = ("bad_afk", "`afk` is neither true nor false", "send true or false")
    BAD_ROOM = ("bad_room", "the name of a room is not valid", "correct it; see Values")
    BAD_SETTINGS = (
        "bad_settings",
        "nothing in a `set`, or no value or switch of a message, is valid",
        "correct it; see Room settings",
    )
    BAD_ID = ("bad_id", "an id is not valid", "send the `_id` exactly as the server sent it")
    BAD_TIME = (
        "bad_time",
        "a duration is not a number, or is negative or not finite",
        "send milliseconds, 0 or more",
    )
    # News.
    KICKBANNED = (
        "kickbanned",
        "a user was banned from this room; all its participants get this notice",
        "nothing",
    )
    AWARD = ("award", "a user banned themselves from this room", "nothing")
    INVITED = ("invited", "the user is invited to the room that the text names", "nothing")
    COOWNER = ("coowner", "the user is now a co-owner of this room", "nothing")
    NOT_COOWNER = ("not_coowner", "the user is no longer a co-owner of this room", "nothing")
    ROOM_NOTICE = ("room_notice", "a room's greeting to users who enter (`notice`)", "show it")
    STAFF_NOTICE = ("staff_notice", "staff send a text, or tell what they did", "show it")
    RESTART = ("restart", "the server restarts, now or soon", "reconnect after a close with 4000")
    TOKEN_ENDED = (
        "token_ended",
        "the token was revoked or has expired: rights, tag and disguise of staff are gone, and the "
        "connection of a bot, or of a user known by the token, ends",
        "do not send the token again; ask the operator for another one",
    )
    RIGHTS_CHANGED = (
        "rights_changed",
        "the rights of the token were changed while the connection is open",
        "send `hi` again: the answer has the permissions that hold now",
    )
    DONE = ("done", "an action of staff is done, and saved", "nothing")
    NOT_SAVED = (
        "not_saved",
        "an action holds, but a restart may undo it: the store takes no writes",
        "tell the operator",
    )
