"""systemd's journal behind a descriptor, and the severities of lines in it."""

import logging
import os

__all__ = ["ERROR", "is_journal", "marked"]

ERROR = "<3>"
"""The mark of an error (sd-daemon(3), SD_ERR)."""

_MARKS = (
    (logging.CRITICAL, "<2>"),
    (logging.ERROR, ERROR),
    (logging.WARNING, "<4>"),
    (logging.INFO, "<6>"),
)


def is_journal(descriptor: int) -> bool:
    """Tell whether a descriptor leads to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        file = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{file.st_dev}:{file.st_ino}"


def marked(text: str, level: int) -> str:
    """Return a text with the mark of its severity before each line.

    Args:
        text: One or more lines.
        level: The severity, as in `logging`.
    """
    mark = next((mark for least, mark in _MARKS if level >= least), "<7>")
    return "\n".join(mark + line for line in text.split("\n"))
