"""The upgrade of a server: a new process adopts all clients of the old one, still connected."""

from fortepiano.upgrade.capture import capture
from fortepiano.upgrade.restore import restore
from fortepiano.upgrade.state import FORMAT, State, decode, encode

__all__ = ["FORMAT", "State", "capture", "decode", "encode", "restore"]
