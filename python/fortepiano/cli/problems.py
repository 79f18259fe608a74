"""Problems of a command on stderr; the exit status never depends on who reads them."""

import os
import select
import sys

from fortepiano.observe.journal import ERROR, is_journal

__all__ = ["print_problems"]

_STDERR = 2

_READER_MS = 1000
"""How long a reader that has stopped may take to read again."""


def print_problems(message: str) -> None:
    """Print one line for each problem, marked as an error for systemd's journal.

    A reader that has stopped or is gone, or a full disk, costs the lines.
    """
    mark = ERROR if is_journal(_STDERR) else ""
    try:
        if _is_writable():
            for line in message.splitlines():
                print(f"{mark}fortepiano: {line}", file=sys.stderr)
    except OSError:
        # The lines wait in a buffer, which the interpreter would try to write at its end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        os.close(nowhere)


def _is_writable() -> bool:
    poll = select.poll()
    poll.register(_STDERR, select.POLLOUT)
    return bool(poll.poll(_READER_MS))
