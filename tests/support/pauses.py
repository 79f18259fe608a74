"""`fortepiano` that records the pauses of its garbage collector: `pauses.py FILE serve …`."""

from __future__ import annotations

import atexit
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from fortepiano.cli import main
from fortepiano.server.garbage_collector import MOST_NEW


class Pauses:
    """The garbage collections of the running server.

    Each has a generation, the number of objects looked at, and milliseconds of processor time.
    """

    def __init__(self) -> None:
        self.all: list[tuple[int, int, float]] = []
        self._looked_at = 0
        self._begun = 0.0

    def note(self, phase: str, info: dict[str, Any]) -> None:
        """Collector callback: record how long each collection took."""
        if phase == "start":
            self._looked_at = len(gc.get_objects(generation=0))
            # Processor time, not wall time: other processes of the machine must not count.
            self._begun = time.thread_time()
        elif gc.get_threshold()[0] == MOST_NEW:
            took = (time.thread_time() - self._begun) * 1000
            self.all.append((info["generation"], self._looked_at, took))


if __name__ == "__main__":
    pauses = Pauses()
    gc.callbacks.append(pauses.note)
    path = Path(sys.argv[1]).absolute()
    atexit.register(lambda: path.write_text(json.dumps(pauses.all)))
    sys.exit(main(sys.argv[2:]))
