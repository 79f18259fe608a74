"""The key ring: the keys that sign tokens, in a file that only its owner can read.

The file is apart from the database, so that a copy of the database does not give the keys away.
Backups have the keys: without them, everybody
would be a new user after a restore.
"""

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fortepiano.errors import StoreError
from fortepiano.observe import logs
from fortepiano.store.files import make_folder, write_private
from fortepiano.store.records import SigningKey
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["FILE", "SECRET_BYTES", "KeyRing", "open_keys"]

FILE = "keys.json"
"""Name of the file in the data folder."""

SECRET_BYTES = 32
_VERSION = 1

_log = logs.logger(__name__)


class KeyRing:
    """The keys that sign tokens, the newest last.

    Args:
        path: The file, which is made together with the first key; None for memory only.
        kept: The most keys that remain when a new one is made.
    """

    def __init__(self, path: Path | None, kept: int) -> None:
        self._path = path
        self._kept = kept
        self._keys: tuple[SigningKey, ...] = ()
        self._seen: tuple[int, int] | None = None
        self._fault = ""

    def keys(self) -> tuple[SigningKey, ...]:
        """Return the keys."""
        return self._keys

    def open(self, now: int) -> None:
        """Read the keys, and make one if there is none.

        Args:
            now: The current time; milliseconds since 1970.

        Raises:
            StoreError: The file cannot be read or written, or others than its owner may read it.
        """
        self.refresh()
        if not self._keys:
            self.rotate(now)

    def refresh(self) -> None:
        """Read the file again if another process has changed it.

        Raises:
            StoreError: The file cannot be read.
        """
        if self._path is None:
            return
        try:
            found = self._path.stat()
            if self._seen == (found.st_mtime_ns, found.st_ino):
                return
            if found.st_mode & 0o077:
                raise StoreError(self._path, "holds secrets and may be read by others: chmod 600")
            self._keys = _read(self._path.read_bytes())
            self._seen = found.st_mtime_ns, found.st_ino
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(self._path, f"cannot be read: {error.strerror or error}") from None
        except (ValueError, KeyError, TypeError):
            raise StoreError(self._path, "is damaged; without it, all tokens end") from None

    def follow(self) -> None:
        """Call `refresh`; if that fails, keep the present keys and log each new reason once."""
        try:
            self.refresh()
        except StoreError as error:
            if self._fault != str(error):
                _log.warning("signing keys cannot be read", reason=str(error))
            self._fault = str(error)
        else:
            self._fault = ""

    def rotate(self, now: int) -> SigningKey:
        """Make a new key, which signs from now on, and drop the oldest ones.

        Args:
            now: The current time; milliseconds since 1970.

        Raises:
            StoreError: The file cannot be written.
        """
        self.refresh()
        key = SigningKey(secrets.token_hex(4), secrets.token_bytes(SECRET_BYTES), now)
        self._keys = (*self._keys, key)[-self._kept :]
        if self._path is not None:
            self._write(self._path)
        return key

    def replace(self, keys: Iterable[SigningKey]) -> None:
        """Replace all keys, as by those of a backup; the last one signs from now on.

        Raises:
            StoreError: The file cannot be written.
        """
        self._keys = tuple(keys)
        if self._path is not None:
            self._write(self._path)

    def _write(self, path: Path) -> None:
        """Replace the file as a whole, so that no other process reads half of it."""
        content = {
            "version": _VERSION,
            "keys": [
                {"id": key.id, "secret": key.secret.hex(), "created": key.created}
                for key in self._keys
            ],
        }
        try:
            make_folder(path.parent)
            write_private(path, json.dumps(content).encode("ascii"))
            found = path.stat()
        except OSError as error:
            raise StoreError(path, f"cannot be written: {error.strerror or error}") from None
        self._seen = found.st_mtime_ns, found.st_ino


def open_keys(settings: "Settings") -> KeyRing:
    """Open the key ring of a server; it stays empty unless identity.mode is "token".

    Raises:
        StoreError: The file cannot be read or written, or others than its owner may read it.
    """
    path = None if settings.store.url == "memory:" else settings.data_dir / FILE
    ring = KeyRing(path, settings.identity.keys_kept)
    if settings.identity_mode == "token":
        ring.open(now_ms())
    return ring


def _read(content: bytes) -> tuple[SigningKey, ...]:
    """Return the keys in the content of the file.

    Raises:
        ValueError, KeyError or TypeError: The content is not what `rotate` writes.
    """
    found = json.loads(content)
    if found["version"] != _VERSION:
        raise ValueError("another version")
    keys = tuple(
        SigningKey(key["id"], bytes.fromhex(key["secret"]), key["created"]) for key in found["keys"]
    )
    if any(len(key.secret) < SECRET_BYTES for key in keys):
        raise ValueError("a short secret")
    return keys
