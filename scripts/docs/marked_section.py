"""Replace the section of a document between two marks."""

import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["replace_section", "update_document"]


def update_document(updated: Callable[[str], str]) -> None:
    """Replace the document that the command line names by its updated text.

    Args:
        updated: Returns the new text of a document.
    """
    document = Path(sys.argv[1])
    document.write_text(updated(document.read_text("utf-8")), "utf-8")


def replace_section(text: str, begin: str, end: str, section: str) -> str:
    """Return a document with the section between two marks replaced.

    Args:
        text: The document.
        begin: The mark before the section, which stays.
        end: The mark after the section, which stays.
        section: The new section.

    Raises:
        ValueError: The marks are missing.
    """
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the document has no {begin} … {end}")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"
