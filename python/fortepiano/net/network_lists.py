"""Reads lists of networks from files, and again whenever these change.

Lists are those of the settings, and those that `fortepiano bans import --list` has put into the
data folder. What cannot be read, or is empty, changes nothing: the last good list stays.
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
from fortepiano.store.files import draft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fortepiano.config import NetworkSettings
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
_HEAD = b"#fortepiano "
"""Begins the first line of an imported list; what the list does stands behind it as JSON."""

_MOST_BYTES = 64 << 20
"""More, unpacked, is no list of networks."""

_GZIP = b"\x1f\x8b"

_LOOK_SECONDS = 1.0
"""How long what was imported takes to be known."""

_SETTLED_SECONDS = 1.0
"""A file that is younger may be half written."""

_LINES_TOLD = 5

_MOST_IMPORTED = 32
"""Besides those of the settings: 64 together."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that a list stands in."""

    meaning: NetworkList
    path: Path
    refresh_seconds: float = _LOOK_SECONDS


@dataclass(slots=True)
class _State:
    """What is known of a file."""

    due: float = 0.0
    stamp: tuple[int, int, int] | None = None
    listing: ParsedNetworks | None = None
    trouble: str = ""


def content_of(path: Path) -> bytes:
    """Return what is in a file, unpacked if it is packed by gzip.

    Raises:
        InputError: It cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            return unpacked(file.read(_MOST_BYTES + 1), str(path))
    except OSError as error:
        raise InputError([f"{path}: {error.strerror or error}"]) from None


def unpacked(data: bytes, name: str) -> bytes:
    """Return the content of a file, unpacked if it is packed by gzip.

    Args:
        data: The file.
        name: What it is called in complaints.

    Raises:
        InputError: It is damaged or too large.
    """
    if data.startswith(_GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(_MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError([f"{name}: is damaged: {error}"]) from None
    if len(data) > _MOST_BYTES:
        raise InputError([f"{name}: is larger than {_MOST_BYTES >> 20} MiB"])
    return data


def store_list(data_dir: Path, meaning: NetworkList, source: str, networks: ParsedNetworks) -> None:
    """Keep a list in the data folder, in place of an earlier one of the same name.

    Args:
        data_dir: The data folder.
        meaning: What the list is called and does.
        source: Where it came from.
        networks: The list.

    Raises:
        InputError: It cannot be written.
    """
    told = {"effect": meaning.effect, "words": meaning.words, "source": source}
    lines = [*networks.texts(), ""]
    folder = data_dir / _FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft(folder / f"{meaning.name}{_SUFFIX}") as file:
            file.write(_HEAD + orjson.dumps(told) + b"\n" + "\n".join(lines).encode())
    except OSError as error:
        raise InputError([f"{folder}: {error.strerror or error}"]) from None


def remove_list(data_dir: Path, name: str) -> bool:
    """Remove an imported list; whether there was one."""
    try:
        (data_dir / _FOLDER / f"{name}{_SUFFIX}").unlink()
    except FileNotFoundError:
        return False
    return True


def imported_lists(data_dir: Path) -> dict[Path, NetworkList]:
    """Return what was imported: the files, and what their lists are called and do."""
    with suppress(OSError):
        files = sorted((data_dir / _FOLDER).glob(f"*{_SUFFIX}"))
        return {path: meaning for path in files if (meaning := _meaning(path)) is not None}
    return {}


def _meaning(path: Path) -> NetworkList | None:
    try:
        with path.open("rb") as file:
            head = file.readline(1 << 16)
        said: object = orjson.loads(head.removeprefix(_HEAD) if head.startswith(_HEAD) else b"{}")
    except (OSError, orjson.JSONDecodeError):
        return None
    told = cast("dict[str, object]", said) if isinstance(said, dict) else {}
    effect: Effect = "chat" if told.get("effect") == "chat" else "enter"
    return NetworkList(path.name.removesuffix(_SUFFIX), effect, str(told.get("words", "")))


class NetworkListUpdater:
    """Keeps the lists of networks as their files are.

    Args:
        lists: What the gate and the handlers ask.
        data_dir: The data folder, in which imported lists are.
        settings: Returns the settings that are in force.
        changed: Called when other lists are in force.
    """

    def __init__(
        self,
        lists: NetworkLists,
        data_dir: Path,
        settings: Callable[[], NetworkSettings],
        changed: Callable[[], None],
    ) -> None:
        self._lists = lists
        self._data_dir = data_dir
        self._settings = settings
        self._changed = changed
        self._states: dict[Path, _State] = {}
        self._allowed: tuple[str, ...] = ()
        self._has_looked = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the files in a task of the running loop."""
        self._task = asyncio.create_task(self.run())

    def close(self) -> None:
        """Follow them no more."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Look after the files until cancelled; at once, if nobody has yet."""
        while True:
            try:
                await self.refresh(at_once=not self._has_looked)
            except Exception as error:  # or no list would ever change again
                _log.error("lists of networks are not read", exc_info=error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def refresh(self, *, at_once: bool = False) -> None:
        """Read what has changed.

        Args:
            at_once: Whether files that have been written just now are read too.
        """
        self._has_looked = True
        settings = self._settings()
        if settings.allowed != self._allowed:
            self._allowed = settings.allowed
            self._lists.allowed = Networks(list(settings.allowed))
        sources = list(self._sources(settings))
        self._states = {one.path: self._states.get(one.path, _State()) for one in sources}
        has_changed = False
        for source in sources:
            has_changed |= await self._refresh(source, at_once=at_once)
        wanted = {
            one.meaning: listing
            for one in sources
            if (listing := self._states[one.path].listing) is not None
        }
        if has_changed or list(wanted) != list(self._lists.lists):
            table = await asyncio.to_thread(NetworkTable, list(wanted.values()))
            self._lists.adopt(wanted, table)
            self._changed()

    def _sources(self, settings: NetworkSettings) -> Iterator[_Source]:
        named = {one.name for one in settings.lists}
        for one in settings.lists:
            yield _Source(
                NetworkList(one.name, one.effect, one.words), one.path, one.refresh_seconds
            )
        for path, meaning in list(imported_lists(self._data_dir).items())[:_MOST_IMPORTED]:
            if meaning.name not in named:
                yield _Source(meaning, path)

    async def _refresh(self, source: _Source, *, at_once: bool) -> bool:
        """Read a file if it is due and has changed; whether there is another list by now."""
        state, now = self._states[source.path], time.monotonic()
        if now < state.due and not at_once:
            return False
        state.due = now + source.refresh_seconds
        try:
            found = source.path.stat()
        except OSError as error:
            self._complain(source, state, error.strerror or str(error))
            return False
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp == state.stamp:
            if state.trouble and state.listing is not None and len(state.listing):
                state.trouble = ""
            return False
        if not at_once and 0 <= time.time() - found.st_mtime < _SETTLED_SECONDS:
            state.due = now
            return False
        state.stamp = stamp
        try:
            listing = await asyncio.to_thread(lambda: ParsedNetworks(content_of(source.path)))
        except InputError as error:
            self._complain(source, state, str(error))
            return False
        self._log_wrong_lines(source, listing)
        if not len(listing):
            self._complain(source, state, "there is no network in it")
            return False
        state.listing, state.trouble = listing, ""
        name, effect = source.meaning.name, source.meaning.effect
        _log.info(
            "list of networks", list=name, networks=len(listing), effect=effect, wrong=listing.wrong
        )
        return True

    def _complain(self, source: _Source, state: _State, why: str) -> None:
        """Say once what is wrong with a file, and that the last good list stays."""
        if state.trouble == why:
            return
        state.trouble = why
        kept = 0 if state.listing is None else len(state.listing)
        _log.warning(
            "list of networks is not read, the last good one stays",
            list=source.meaning.name,
            path=str(source.path),
            why=why,
            networks=kept,
        )

    def _log_wrong_lines(self, source: _Source, listing: ParsedNetworks) -> None:
        for line, why in listing.problems[:_LINES_TOLD]:
            _log.warning(
                "line of a list of networks is left out",
                list=source.meaning.name,
                line=line,
                why=why,
                wrong=listing.wrong,
            )
