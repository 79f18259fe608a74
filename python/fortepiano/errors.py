"""Exceptions and exit statuses.

Every exception has its data as attributes and builds its message in `__str__`. The hierarchy::

    FortepianoError
    ├── ChannelError         the other process of an upgrade has ended, is silent or unintelligible
    ├── ConfigError          settings cannot be used, one line per problem
    ├── InputError           a file given to a command cannot be read or is wrong
    ├── StoreError           the data folder or the store cannot be used
    │   ├── NothingStoredError   no server has stored anything there
    │   └── UnsavedError     the store has been closed while it took no changes
    ├── UnreachableError     no server answers at a URL
    ├── ReloadError          a running server cannot apply new settings or handlers
    ├── ControlError         no running server executes a command
    └── StartError           the server cannot start
        ├── AddressError     the server cannot listen on the host and port
        └── BinaryError      the compiled part is missing or cannot be imported

All of them are caused by the user or the machine. They end `fortepiano` with `ExitStatus.MISTAKE`
and their message as the only output. Any other exception is a bug.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

__all__ = [
    "AddressError",
    "BinaryError",
    "ChannelError",
    "ConfigError",
    "ControlError",
    "ExitStatus",
    "FortepianoError",
    "InputError",
    "NothingStoredError",
    "ReloadError",
    "StartError",
    "StoreError",
    "UnreachableError",
    "UnsavedError",
]


class ExitStatus(IntEnum):
    """Exit statuses of `fortepiano`."""

    STOPPED = 0
    """The command is done, or SIGTERM or SIGINT has stopped the server after draining."""

    BUG = 1
    """An unexpected exception; the traceback is for the project's issue tracker."""

    MISTAKE = 2
    """A `FortepianoError` or a wrong command line; stderr has one clear line per problem."""

    NOT_READY = 3
    """The server that `fortepiano status` has asked runs, but no traffic should come to it now."""

    INTERRUPTED = 130
    """SIGINT came before the server could handle it."""


class FortepianoError(Exception):
    """Base of all exceptions that are shown to the user as a message, without a traceback."""


class ConfigError(FortepianoError):
    """Settings cannot be used.

    Attributes:
        problems: One line each: the key, the allowed values, and the origin of the value.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class InputError(FortepianoError):
    """A file given to a command cannot be read, or has mistakes.

    Attributes:
        problems: One line each: the file, the place in it, and the mistake.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class ReloadError(FortepianoError):
    """A running server cannot apply new settings or handlers, and goes on with the old ones.

    Attributes:
        problems: One line each: the file or module that cannot be read or imported, and why.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class ChannelError(FortepianoError):
    """The other process of an upgrade has ended, is silent, or sends unintelligible messages."""


class ControlError(FortepianoError):
    """No running server executes a command.

    Attributes:
        folder: The data folder by which the server was looked for.
        reason: What prevents it.
    """

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder = folder
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.folder}: {self.reason}"


class StoreError(FortepianoError):
    """The data folder or the store cannot be used.

    Attributes:
        path: The file, the folder, or the URL of a store elsewhere.
        reason: The problem with it.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class NothingStoredError(StoreError):
    """No server has stored anything in the place that the settings name."""


class UnsavedError(StoreError):
    """The store has been closed while it took no changes.

    Attributes:
        cause: Why the store took none.
        changes: The changes that are not stored (`fortepiano.store.record_kinds.Changes`).
    """

    def __init__(self, path: Path | str, cause: str, changes: Mapping[Any, Any]) -> None:
        super().__init__(path, f"the last changes are lost: {cause}")
        self.args = (path, cause, changes)  # pickle and copy call the class with these
        self.cause = cause
        self.changes = changes


class UnreachableError(FortepianoError):
    """No server answers at a URL.

    Attributes:
        url: The URL.
        reason: The error, or the response, that came instead of an answer.
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
        reason: What prevents the start.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class AddressError(StartError):
    """The server cannot listen on the host and port.

    Attributes:
        host: The address to listen on.
        port: The TCP port to listen on.
        setting: The setting to change; empty where none is known.
    """

    def __init__(self, host: str, port: int, reason: str, setting: str = "") -> None:
        super().__init__(reason)
        self.args = (host, port, reason, setting)  # pickle and copy call the class with these
        self.host = host
        self.port = port
        self.setting = setting

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = self.host if self.host.startswith("unix:") else f"{host}:{self.port}"
        text = f"cannot listen on {place}: {self.reason}"
        return f"{self.setting}: {text}" if self.setting else text


class BinaryError(StartError):
    """The compiled part is missing or cannot be imported."""

    def __str__(self) -> str:
        return f"the program is incomplete: {self.reason}"
