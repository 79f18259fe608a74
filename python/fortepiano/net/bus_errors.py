"""Errors of a broker, each in one line that says what an operator can do."""

import ssl
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import RedisError

from fortepiano.store.redis_url import client_for

__all__ = ["BusError", "RefusedError", "check_broker", "check_url", "explain", "refusal"]

_OLDEST = 7
"""The oldest version of Redis; Valkey counts on from there."""

_TOO_OLD = "is too old: Redis 7 or Valkey 7.2 is needed"

_CLUSTER = "belongs to a Redis Cluster, which has no one order of messages: one Redis is needed"

_CODES = {
    "WRONGPASS": "has another user or password than the URL",
    "NOAUTH": "wants a password: redis://user:password@host",
    "DENIED": "is in protected mode: give it a password, or bind it to this machine only",
    "NOPROTO": _TOO_OLD,
    "READONLY": "is a replica: the URL must name the master",
    "OOM": "has no memory left: raise its maxmemory",
    "LOADING": "is still reading its data",
    "MOVED": _CLUSTER,
    "CROSSSLOT": _CLUSTER,
    "CLUSTERDOWN": _CLUSTER,
}
"""Advice about an error, by its code."""

_WORDS = {
    "unknown command": _TOO_OLD,
    "without any password configured": "has no password, but the URL has one",
    "max number of clients": "has no connection left: raise its maxclients",
}
"""Advice about an error without a code of its own, by words in it."""


class BusError(Exception):
    """A broker that is of no use at the moment; the text continues "the broker …"."""


class RefusedError(BusError):
    """A command that the broker refuses."""


def check_url(url: str) -> None:
    """Check that a broker can be at a URL.

    Args:
        url: The URL; see `fortepiano.store.redis_url`.

    Raises:
        BusError: It is no URL of Redis, or that of a cluster.
    """
    try:
        client_for(url)
        scheme = urlsplit(url).scheme
    except (ValueError, TypeError, RedisError):
        text = "has no URL of Redis; write special characters of the login as %xx"
        raise BusError(text) from None
    if scheme.endswith("+cluster"):
        raise BusError(_CLUSTER)


def check_broker(hello: object) -> None:
    """Check that a broker can be used.

    Args:
        hello: The broker's answer to `HELLO`.

    Raises:
        BusError: It is too old, a replica, a sentinel or part of a cluster.
    """
    if not isinstance(hello, dict):
        raise BusError(_TOO_OLD)
    _check_answer(cast("dict[bytes, Any]", hello))


def _check_answer(hello: Mapping[bytes, Any]) -> None:
    version = bytes(hello.get(b"version", b"")).decode(errors="replace")
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) < _OLDEST:
        raise BusError(f"{_TOO_OLD}, and not {version or 'an unknown version'}")
    if hello.get(b"mode") == b"sentinel":
        raise BusError("is a sentinel: redis+sentinel://host/service")
    if hello.get(b"mode") == b"cluster":
        raise BusError(_CLUSTER)
    if hello.get(b"role", b"master") != b"master":
        raise BusError(_CODES["READONLY"])


def refusal(text: str) -> str:
    """Return advice about an error that the broker has sent.

    Args:
        text: The error: a code and words.
    """
    code, _, words = text.partition(" ")
    if code == "NOPERM":
        return _missing_right(words)
    found = (meaning for part, meaning in _WORDS.items() if part in words)
    return _CODES.get(code) or next(found, f"refuses: {text}")


def _missing_right(words: str) -> str:
    if "channel" in words:
        return "lets this user use no such channels: add them to its ACL, such as &{fortepiano}:*"
    return f"gives this user too few rights: {words}"


def explain(error: Exception) -> str:
    """Return why a broker cannot be reached.

    Args:
        error: An error of the loop, of TLS, or of a sentinel's client.
    """
    if isinstance(error, BusError):
        return str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"does not speak TLS as expected: {getattr(error, 'reason', '') or error}"
    if isinstance(error, TimeoutError):
        return "does not answer"
    if isinstance(error, MasterNotFoundError):
        return "is unknown to all sentinels that answer: check the name of the service"
    reason = (isinstance(error, OSError) and error.strerror) or str(error)
    return f"cannot be reached: {' '.join(reason.split()) or type(error).__name__}"
