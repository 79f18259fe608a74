"""Write the members of `CloseCode`: `close_code_members.py python/fortepiano/model/close_codes.py`.

The table of the compiled core is the only one, and a test checks that the members are up to date.
They are generated, rather than made at the import, so that type checkers and handlers know them
without the binary.
"""

from __future__ import annotations

import json

from fortepiano.native import CLOSE_CODES
from marked_section import replace_section, update_document

__all__ = ["members", "updated"]

_BEGIN = "    # members: made by `make docs`"
_END = "    # members: end"


def members() -> str:
    """Return one line of Python for each close code that the server sends."""
    return "\n".join(
        f"    {name} = ({number}, {json.dumps(meaning, ensure_ascii=False)}, {retry})"
        for number, name, meaning, retry, is_sent in CLOSE_CODES
        if is_sent
    )


def updated(text: str) -> str:
    """Return the module with the members between its marks replaced by new ones.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, _BEGIN, _END, members())


if __name__ == "__main__":
    update_document(updated)
