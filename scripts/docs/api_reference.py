"""Write the table of the admin API's calls: `api_reference.py docs/administration.md`.

The table is generated from the OpenAPI document and stands between two marks. A test checks that
the file is up to date.
"""

from __future__ import annotations

from typing import Any

from fortepiano.http.admin.application import application
from marked_section import replace_section, update_document

__all__ = ["reference", "updated"]

_BEGIN = "<!-- admin API: made by `make docs` -->"
_END = "<!-- admin API: end -->"


def reference() -> str:
    """Return the table of all calls, as Markdown."""
    rows = [
        _row(f"{method.upper()} {path}", call)
        for path, calls in sorted(application().openapi()["paths"].items())
        for method, call in calls.items()
    ]
    return "\n".join(("| call | scope | what it does |", "|---|---|---|", *rows))


def _row(name: str, call: dict[str, Any]) -> str:
    query = [part["name"] for part in call.get("parameters", ()) if _is_required_query(part)]
    options = f"?{'&'.join(f'{one}=' for one in query)}" if query else ""
    (scheme,) = call["security"]
    (scope,) = scheme["HTTPBearer"]
    about = call["description"].partition("\n")[0]
    return f"| `{name}{options}` | {scope} | {about} |"


def _is_required_query(parameter: dict[str, Any]) -> bool:
    is_required: bool = parameter["required"]
    return is_required and parameter["in"] == "query"


def updated(text: str) -> str:
    """Return a document with the table between its marks replaced by a new one.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, _BEGIN, _END, reference())


if __name__ == "__main__":
    update_document(updated)
