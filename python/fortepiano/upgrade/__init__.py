"""What a server tells the one that goes on in its place; nobody who is connected notices."""

from fortepiano.upgrade.capture import capture
from fortepiano.upgrade.restore import restore
from fortepiano.upgrade.state import FORMAT, State, decode, encode

__all__ = ["FORMAT", "State", "capture", "decode", "encode", "restore"]
