"""Write the table of audit actions: `audit_reference.py docs/administration.md`.

The table is generated from `AuditAction` and stands between two marks. A test checks that the file
is up to date.
"""

from __future__ import annotations

from fortepiano.model.audit_actions import AuditAction
from marked_section import replace_section, update_document

__all__ = ["reference", "updated"]

_BEGIN = "<!-- audit actions: made by `make docs` -->"
_END = "<!-- audit actions: end -->"


def reference() -> str:
    """Return the table of all audit actions, as Markdown."""
    rows = (f"| `{action}` | {action.meaning} |" for action in AuditAction)
    return "\n".join(("| action | what was done |", "|---|---|", *rows))


def updated(text: str) -> str:
    """Return a document with the table between its marks replaced by a new one.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, _BEGIN, _END, reference())


if __name__ == "__main__":
    update_document(updated)
