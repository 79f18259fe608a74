"""Reads network lists from files, and again when a file changes.

There are lists in the settings, and lists in the data folder, which `fortepiano bans import --list`
puts there. A file that cannot be read, or is empty, changes nothing: the last good list stays.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson

from fortepiano.errors import InputError
from fortepiano.model.network_lists import NetworkList
from fortepiano.native import Networks, NetworkTable, ParsedNetworks
from fortepiano.observe.logs import logger
from fortepiano.store.files import make_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fortepiano.config import NetworkSettings
    from fortepiano.config.live import Live
    from fortepiano.model.network_lists import Effect, NetworkLists

__all__ = [
    "NetworkListUpdater",
    "content_of",
    "imported_lists",
    "remove_list",
    "store_list",
    "unpacked",
]

_FOLDER = "networks"
_SUFFIX = ".txt"
_HEADER_MARK = b"#fortepiano "
"""The beginning of the first line of an imported list. JSON follows: effect, text and source."""

_MAX_BYTES = 64 << 20
"""The largest size of a file, unpacked; no network list is larger."""

_GZIP = b"\x1f\x8b"

_POLL_SECONDS = 1.0
"""The time between two checks for changed files and new imports."""

_SETTLED_SECONDS = 1.0
"""The age from which a file is read: a younger one may be half written."""

_MAX_LOGGED_LINES = 5
"""How many invalid lines of a file are logged."""

_MAX_IMPORTED = 32
"""The largest number of imported lists; with those of the settings, 64."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file with a list.

    Attributes:
        description: The name, effect and text of the list.
        path: The file.
        refresh_seconds: The time between two checks of the file.
    """

    description: NetworkList
    path: Path
    refresh_seconds: float = _POLL_SECONDS


@dataclass(slots=True)
class _FileState:
    """The last reading of a file.

    Attributes:
        due: When to check the file again; seconds on the monotonic clock.
        version: Its time of change (nanoseconds), size (bytes) and inode.
        networks: The last good list, if there was one.
        problem: Why the file could not be read; empty where it could.
    """

    due: float = 0.0
    version: tuple[int, int, int] | None = None
    networks: ParsedNetworks | None = None
    problem: str = ""


def content_of(path: Path) -> bytes:
    """Return the content of a file, unpacked if it is in gzip format.

    Raises:
        InputError: The file cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            return unpacked(file.read(_MAX_BYTES + 1), str(path))
    except OSError as error:
        raise InputError([f"{path}: {error.strerror or error}"]) from None


def unpacked(data: bytes, name: str) -> bytes:
    """Return data, unpacked if it is in gzip format.

    Args:
        data: The bytes of a file.
        name: The name of the file in errors.

    Raises:
        InputError: The data is damaged or too large.
    """
    if data.startswith(_GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(_MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError([f"{name}: is damaged: {error}"]) from None
    if len(data) > _MAX_BYTES:
        raise InputError([f"{name}: is larger than {_MAX_BYTES >> 20} MiB"])
    return data


def store_list(
    data_dir: Path, description: NetworkList, source: str, networks: ParsedNetworks
) -> None:
    """Store a list in the data folder; replace an earlier one of the same name.

    Args:
        data_dir: The data folder.
        description: The name, effect and text of the list.
        source: The file that was imported, for people.
        networks: The networks.

    Raises:
        InputError: The list cannot be written.
    """
    header = {"effect": description.effect, "words": description.words, "source": source}
    lines = "\n".join([*networks.texts(), ""])
    content = _HEADER_MARK + orjson.dumps(header) + b"\n" + lines.encode()
    folder = data_dir / _FOLDER
    try:
        make_folder(folder)
        write_private(folder / f"{description.name}{_SUFFIX}", content)
    except OSError as error:
        raise InputError([f"{folder}: {error.strerror or error}"]) from None


def remove_list(data_dir: Path, name: str) -> bool:
    """Remove an imported list; return whether there was one."""
    try:
        (data_dir / _FOLDER / f"{name}{_SUFFIX}").unlink()
    except FileNotFoundError:
        return False
    return True


def imported_lists(data_dir: Path) -> dict[Path, NetworkList]:
    """Return the imported lists: the file of each, with its name, effect and text."""
    with suppress(OSError):
        files = sorted((data_dir / _FOLDER).glob(f"*{_SUFFIX}"))
        return {path: found for path in files if (found := _description(path)) is not None}
    return {}


def _description(path: Path) -> NetworkList | None:
    """Read the first line of an imported list; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 16)
        is_header = line.startswith(_HEADER_MARK)
        value: object = orjson.loads(line.removeprefix(_HEADER_MARK) if is_header else b"{}")
    except (OSError, orjson.JSONDecodeError):
        return None
    header = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    effect: Effect = "chat" if header.get("effect") == "chat" else "enter"
    return NetworkList(path.name.removesuffix(_SUFFIX), effect, str(header.get("words", "")))


class NetworkListUpdater:
    """Updates the network lists in force when their files change.

    Args:
        lists: The lists in force, which admission and the handlers read.
        data_dir: The data folder, which contains imported lists.
        live: The settings in force.
        changed: Called after other lists come into force.
    """

    def __init__(
        self,
        lists: NetworkLists,
        data_dir: Path,
        live: Live,
        changed: Callable[[], None],
    ) -> None:
        self._lists = lists
        self._data_dir = data_dir
        self._live = live
        self._changed = changed
        self._states: dict[Path, _FileState] = {}
        self._allowed: tuple[str, ...] = ()
        self._has_refreshed = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Start a task that follows the files, and return it."""
        self._task = asyncio.create_task(self.run())
        return self._task

    def close(self) -> None:
        """Cancel the task."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Follow the files until cancelled; the first time, read even files written just now."""
        while True:
            try:
                await self.refresh(at_once=not self._has_refreshed)
            except Exception as error:  # otherwise no list would ever change again
                _log.error("lists of networks are not read", exc_info=error)
            await asyncio.sleep(_POLL_SECONDS)

    async def refresh(self, *, at_once: bool = False) -> None:
        """Read the files that have changed.

        Args:
            at_once: Whether files written just now, and files not due yet, are read too.
        """
        self._has_refreshed = True
        settings = self._live.settings.networks
        if settings.allowed != self._allowed:
            self._allowed = settings.allowed
            self._lists.allowed = Networks(list(settings.allowed))
        sources = list(self._sources(settings))
        self._states = {
            source.path: self._states.get(source.path, _FileState()) for source in sources
        }
        has_changed = False
        for source in sources:
            has_changed |= await self._refresh(source, at_once=at_once)
        wanted = {
            source.description: networks
            for source in sources
            if (networks := self._states[source.path].networks) is not None
        }
        if has_changed or list(wanted) != list(self._lists.lists):
            table = await asyncio.to_thread(NetworkTable, list(wanted.values()))
            self._lists.replace(wanted, table)
            self._changed()

    def _sources(self, settings: NetworkSettings) -> Iterator[_Source]:
        """Yield the lists of the settings, then the imported ones with other names."""
        names = {listed.name for listed in settings.lists}
        for listed in settings.lists:
            description = NetworkList(listed.name, listed.effect, listed.words)
            yield _Source(description, listed.path, listed.refresh_seconds)
        for path, description in list(imported_lists(self._data_dir).items())[:_MAX_IMPORTED]:
            if description.name not in names:
                yield _Source(description, path)

    async def _refresh(self, source: _Source, *, at_once: bool) -> bool:
        """Read a file if it is due and has changed; return whether its list is another one."""
        state, now = self._states[source.path], time.monotonic()
        if now < state.due and not at_once:
            return False
        state.due = now + source.refresh_seconds
        try:
            found = source.path.stat()
        except OSError as error:
            self._warn_once(source, state, error.strerror or str(error))
            return False
        version = (found.st_mtime_ns, found.st_size, found.st_ino)
        if version == state.version:
            if state.problem and state.networks is not None and len(state.networks):
                state.problem = ""
            return False
        if not at_once and 0 <= time.time() - found.st_mtime < _SETTLED_SECONDS:
            state.due = now
            return False
        state.version = version
        try:
            parsed = await asyncio.to_thread(lambda: ParsedNetworks(content_of(source.path)))
        except InputError as error:
            self._warn_once(source, state, str(error))
            return False
        self._log_wrong_lines(source, parsed)
        if not len(parsed):
            self._warn_once(source, state, "there is no network in it")
            return False
        state.networks, state.problem = parsed, ""
        name, effect = source.description.name, source.description.effect
        _log.info(
            "list of networks", list=name, networks=len(parsed), effect=effect, wrong=parsed.wrong
        )
        return True

    def _warn_once(self, source: _Source, state: _FileState, why: str) -> None:
        """Log why a file is not read, unless that was the reason the last time too."""
        if state.problem == why:
            return
        state.problem = why
        count = 0 if state.networks is None else len(state.networks)
        _log.warning(
            "list of networks is not read, the last good one stays",
            list=source.description.name,
            path=str(source.path),
            why=why,
            networks=count,
        )

    def _log_wrong_lines(self, source: _Source, parsed: ParsedNetworks) -> None:
        for line, why in parsed.problems[:_MAX_LOGGED_LINES]:
            _log.warning(
                "line of a list of networks is left out",
                list=source.description.name,
                line=line,
                why=why,
                wrong=parsed.wrong,
            )
