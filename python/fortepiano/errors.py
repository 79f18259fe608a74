"""What can go wrong, as exceptions, close codes and exit statuses.

The tree; every class carries its data as attributes and builds its message in `__str__`::

    FortepianoError
    ├── ChannelError         the other process of an upgrade is gone, silent or not understood
    ├── ConfigError          settings that cannot be used, one line per problem
    ├── InputError           a file given to a command is not what it should be
    ├── StoreError           the data folder or the database in it cannot be used
    ├── UnreachableError     no server answers where one was asked for
    ├── ReloadError          a running server cannot take over what it was told to
    ├── ControlError         no running server takes the order of a command
    └── StartError           the server cannot start
        ├── AddressError     the host and port cannot be listened on
        └── BinaryError      the compiled part is missing or does not fit

All of them are of the user's or the machine's making and end `fortepiano` with
`ExitStatus.MISTAKE` and their message as the only output; any other exception is a bug.
"""

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

__all__ = [
    "AddressError",
    "BinaryError",
    "ChannelError",
    "CloseCode",
    "ConfigError",
    "ControlError",
    "ExitStatus",
    "FortepianoError",
    "InputError",
    "ReloadError",
    "StartError",
    "StoreError",
    "UnreachableError",
]


class ExitStatus(IntEnum):
    """How the process of `fortepiano` ends."""

    STOPPED = 0
    """Done, or stopped by SIGTERM or SIGINT after draining."""

    BUG = 1
    """An exception nobody expected; the traceback is for the project's issue tracker."""

    MISTAKE = 2
    """A `FortepianoError` or a wrong command line; one clear line is on stderr."""

    NOT_READY = 3
    """What `fortepiano status` asked is there, and no traffic should come to it now."""

    INTERRUPTED = 130
    """SIGINT before the server could handle it."""


class CloseCode(IntEnum):
    """WebSocket close codes the server sends (docs/protocol.md; 1xxx as in RFC 6455 section 7.4).

    What each means and whether a client should come back is in the table below it. 4001, 4003
    and 4500 to 4999 have a meaning on MultiplayerPiano.net and none here: they are never sent.
    """

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_TEXT = 1007
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TOO_SLOW = 1013
    RESTART = 4000
    BYTE_RATE = 4002
    SILENT = 4004
    NETWORK_REFUSED = 4005
    MESSAGE_RATE = 4007
    BANNED = 4008
    TOO_MANY_SOCKETS = 4009

    @property
    def meaning(self) -> str:
        """One line for people, sent as the close frame's reason (at most 123 bytes)."""
        return _CLOSES[self][0]

    @property
    def retry(self) -> bool:
        """Whether a client should connect again, after a pause that grows.

        False where the next connection would end the same way until a person changes something.
        """
        return _CLOSES[self][1]


_CLOSES: dict[CloseCode, tuple[str, bool]] = {
    CloseCode.NORMAL: ("bye", False),
    CloseCode.GOING_AWAY: ("the endpoint goes away", True),
    CloseCode.PROTOCOL_ERROR: ("a frame violates RFC 6455", False),
    CloseCode.INVALID_TEXT: ("a text frame is not UTF-8", False),
    CloseCode.TOO_BIG: ("a message is larger than the limit", False),
    CloseCode.INTERNAL_ERROR: ("an error inside the server", True),
    CloseCode.TOO_SLOW: ("reading too slowly, try again later", True),
    CloseCode.RESTART: ("the server is closing, reconnect in a few seconds", True),
    CloseCode.BYTE_RATE: ("too many bytes per second", False),
    CloseCode.SILENT: ("timed out: no sign of life", True),
    CloseCode.NETWORK_REFUSED: ("nobody is let in from this network", False),
    CloseCode.MESSAGE_RATE: ("too many messages per second", False),
    CloseCode.BANNED: ("banned from this site", False),
    CloseCode.TOO_MANY_SOCKETS: ("too many connections of one user", False),
}


class FortepianoError(Exception):
    """Root of the exceptions that are explained to the user instead of traced."""


class ConfigError(FortepianoError):
    """Settings that cannot be used.

    Attributes:
        problems: One line each: the key, what is allowed, and where the value came from.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class InputError(FortepianoError):
    """A file that was given to a command cannot be read, or something in it is wrong.

    Attributes:
        problems: One line each: the file, the place in it, and what is wrong.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class ReloadError(FortepianoError):
    """A running server cannot take over what it was told to; it goes on as it was.

    Attributes:
        problems: One line each: what cannot be read or imported, and why.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class ChannelError(FortepianoError):
    """The other process of an upgrade is gone, silent or not understood."""


class ControlError(FortepianoError):
    """No running server takes the order of a command.

    Attributes:
        folder: The data folder by which it was looked for.
        reason: What is in the way.
    """

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder = folder
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.folder}: {self.reason}"


class StoreError(FortepianoError):
    """The data folder, or the store, cannot be used.

    Attributes:
        path: The file or folder in question, or the URL of a store elsewhere.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class UnreachableError(FortepianoError):
    """No server answers where one was asked for.

    Attributes:
        url: Where.
        reason: What came instead of an answer.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.url}: no answer from a server of fortepiano: {self.reason}"


class StartError(FortepianoError):
    """The server cannot start.

    Attributes:
        reason: What is in the way.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class AddressError(StartError):
    """The host and port cannot be listened on.

    Attributes:
        host: The address asked for.
        port: The TCP port asked for.
    """

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(reason)
        self.args = (host, port, reason)  # what pickle and copy call the class with
        self.host = host
        self.port = port

    def __str__(self) -> str:
        if self.host.startswith("unix:"):
            return f"cannot listen on {self.host}: {self.reason}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"cannot listen on {host}:{self.port}: {self.reason}"


class BinaryError(StartError):
    """The compiled part is missing or does not fit."""

    def __str__(self) -> str:
        return f"the program is incomplete: {self.reason}"
