"""Changes that could not be stored when the server stopped: kept in a file until the next start.

The file is in the data folder. Where that has no room, the file is in the folder that systemd has
made for the running server (RUNTIME_DIRECTORY), in that of temporary files, or in /dev/shm.
"""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fortepiano.errors import StoreError, UnsavedError
from fortepiano.observe import logs
from fortepiano.store.base import Store
from fortepiano.store.dump import FLUSH_EVERY, removers, savers
from fortepiano.store.files import draft
from fortepiano.store.location import place_of
from fortepiano.store.record_kinds import (
    BAN,
    NAMED,
    TOKEN,
    USER,
    AnyKind,
    Changes,
    Key,
    Record,
    to_json,
)
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["UnsavedChanges"]

_VERSION = 1
_DELETED = b"null"

_STORED_SECONDS = 5.0
"""How long a start waits until the changes are stored."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - names are random, and owners are checked

_log = logs.logger(__name__)


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    fortepiano_unsaved: int
    at: int


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    key: tuple[str, ...]
    record: msgspec.Raw


class _End(msgspec.Struct, forbid_unknown_fields=True):
    changes: int


class _Found(NamedTuple):
    """The content of a file: when it was written, and the changes."""

    at: int
    changes: Changes


class UnsavedChanges:
    """Files with the changes that a store has not taken.

    Args:
        settings: The settings of the server.
    """

    def __init__(self, settings: "Settings") -> None:
        self._folder = settings.data_dir
        place = [str(settings.data_dir.resolve()), *place_of(settings).values()]
        digest = hashlib.sha256("\0".join(place).encode()).hexdigest()[:16]
        self._prefix = f"fortepiano-unsaved-{digest}-"  # no other server takes the file for its own
        self._taken_in: list[Path] = []  # files whose changes are in memory, and not yet stored

    def close(self, store: Store) -> None:
        """Close a store, and write to a file what it has not taken.

        Raises:
            StoreError: Some changes are not stored; says how many of which kind, and where they
                are.
        """
        taken_in = self._taken_in
        try:
            store.close()
        except UnsavedError as error:
            changes: Changes = dict(error.changes)
            file, missing = self._write(changes)
            why = [f"the last changes are not stored: {error.cause}"]
            if file is not None:
                written = {key: one for key, one in changes.items() if key not in missing}
                why.append(f"{_numbers(written)} are in {file}, and the next start takes them in")
            if missing:
                why.append(f"{_numbers(missing)} are lost")
            else:
                _remove(taken_in)  # the new file has their changes
            raise StoreError(error.path, "; ".join(why)) from None
        _remove(taken_in)

    def take_in(self, store: Store) -> None:
        """Store the changes of files that an earlier server has left, and remove the files.

        A record that has been changed since then stays. Where the store does not take the changes
        either, they count in memory, and the files stay until it has.
        """
        save, remove = savers(store), removers(store)
        for file, found in list(self._read_files()):
            changed = _Changed(store)
            for number, ((kind, key), record) in enumerate(found.changes.items(), 1):
                is_newest = changed.at(kind, key) <= found.at
                if is_newest and record is not None and kind in save:
                    save[kind](record)
                elif is_newest and record is None and kind in remove:
                    remove[kind](*key)
                if number % FLUSH_EVERY == 0 and store.healthy:
                    store.flush(_STORED_SECONDS)  # the store's queue has bounds
            if store.healthy and store.flush(_STORED_SECONDS):
                _remove([file])
            else:
                self._taken_in.append(file)
                self._remove_once_stored(store, file)
            told = _numbers(found.changes)
            _log.info("changes of the last stop are taken in", changes=told, path=str(file))

    def discard(self) -> None:
        """Remove the files: the store has been replaced as a whole."""
        _remove(list(self._files()))

    def _remove_once_stored(self, store: Store, file: Path) -> None:
        """Remove a file when its changes are stored, so that no later start repeats them."""

        def wait() -> None:
            if store.flush(threading.TIMEOUT_MAX):
                _remove([file])

        threading.Thread(target=wait, name="unsaved", daemon=True).start()

    def _places(self) -> Iterator[Path]:
        """Yield the folders for a file, the best first."""
        yield self._folder
        yield from map(Path, filter(None, os.environ.get("RUNTIME_DIRECTORY", "").split(":")))
        yield Path(tempfile.gettempdir())
        yield _SHARED_MEMORY

    def _files(self) -> Iterator[Path]:
        for place in dict.fromkeys(self._places()):
            with contextlib.suppress(OSError):
                yield from sorted(place.glob(f"{self._prefix}*"))

    def _read_files(self) -> Iterator[tuple[Path, _Found]]:
        """Yield the files that can be read; of others, the log says why not."""
        for file in self._files():
            try:
                yield file, _read(file, self._folder)
            except (OSError, ValueError, msgspec.MsgspecError) as error:
                _log.warning("unsaved changes cannot be read", path=str(file), reason=str(error))

    def _write(self, changes: Changes) -> tuple[Path | None, Changes]:
        """Write changes where there is room: all of them, or else the urgent ones.

        Returns:
            The file, None if there is no room; and the changes that are not in it.
        """
        urgent = {(kind, key): one for (kind, key), one in changes.items() if kind.urgent}
        for chosen in (changes, urgent):
            for place in self._places() if chosen else ():
                file = place / f"{self._prefix}{secrets.token_hex(4)}"
                with contextlib.suppress(OSError), draft(file) as out:
                    out.writelines(_lines(chosen))
                if file.exists():
                    missing = {key: one for key, one in changes.items() if key not in chosen}
                    return file, missing
        return None, changes


def _lines(changes: Changes) -> Iterator[bytes]:
    yield to_json(_Header(_VERSION, now_ms())) + b"\n"
    for (kind, key), record in changes.items():
        text = _DELETED if record is None else to_json(record)
        yield to_json(_Change(kind.name, key, msgspec.Raw(text))) + b"\n"
    yield to_json(_End(len(changes))) + b"\n"


def _read(file: Path, folder: Path) -> _Found:
    """Read a file, if its owner is the server's user or the data folder's.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is another user's, or damaged, or of a newer version.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        owners = {os.geteuid(), folder.stat().st_uid}
        is_private = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
        if found.st_uid not in owners or not is_private:
            raise ValueError("belongs to another user, or others may read it")
        header, *lines, end = stream.read().splitlines()
    head = msgspec.json.decode(header, type=_Header)
    if head.fortepiano_unsaved > _VERSION:
        raise ValueError("was written by a newer fortepiano")
    changes = dict(map(_change, lines))
    if msgspec.json.decode(end, type=_End).changes != len(changes):
        raise ValueError("is not whole")
    return _Found(head.at, changes)


def _change(text: bytes) -> tuple[tuple[AnyKind, Key], Record | None]:
    change = msgspec.json.decode(text, type=_Change)
    kind = NAMED.get(change.kind)
    if kind is None:
        raise ValueError(f"{change.kind!r} is of a newer fortepiano")
    text = bytes(change.record)
    record = None if text == _DELETED else kind.from_json(text)
    return (kind, change.key), record


class _Changed:
    """The times at which stored records were last changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bans = {BAN.key(ban): ban.at for ban in store.bans()}

    def at(self, kind: AnyKind, key: Key) -> int:
        """Return when a record was last changed; 0 if that is unknown, or there is none."""
        if kind is BAN:
            return self._bans.get(key, 0)
        if kind is USER:
            user = self._store.user(*key)
            return 0 if user is None else user.last_seen
        token = self._store.token_by_id(*key) if kind is TOKEN else None
        return 0 if token is None else max(token.created, token.revoked or 0)


def _numbers(changes: Changes) -> str:
    counts = Counter(kind.name for kind, _ in changes)
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _remove(files: list[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()
