"""What a server tells the one that goes on in its place; nobody who is connected notices."""

from fortepiano.handover.capture import capture
from fortepiano.handover.restore import restore
from fortepiano.handover.state import FORMAT, State, decode, encode

__all__ = ["FORMAT", "State", "capture", "decode", "encode", "restore"]
