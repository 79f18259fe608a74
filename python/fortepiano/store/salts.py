"""A copy of the salts in the data folder, for a start while Redis does not answer."""

from pathlib import Path

import orjson

from fortepiano.errors import StoreError
from fortepiano.store.files import make_folder, write_private

__all__ = ["SALTS", "read_salts", "write_salts"]

SALTS = "salts.json"
"""Name of the copy in the data folder."""


def read_salts(path: Path) -> tuple[str, str] | None:
    """Return the copied salts; None if there is no copy.

    Raises:
        StoreError: There is a copy, but it cannot be read.
    """
    try:
        salts = orjson.loads(path.read_bytes())
        return str(salts["salt1"]), str(salts["salt2"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError):
        raise StoreError(path, "is damaged; without it the salts come from Redis") from None


def write_salts(path: Path, salts: tuple[str, str]) -> None:
    """Write the copy atomically, readable by its owner only.

    Raises:
        StoreError: The copy cannot be written.
    """
    text = orjson.dumps({"salt1": salts[0], "salt2": salts[1]}) + b"\n"
    try:
        make_folder(path.parent)
        write_private(path, text)
    except OSError as error:
        raise StoreError(path, f"cannot be written: {error.strerror or error}") from None
