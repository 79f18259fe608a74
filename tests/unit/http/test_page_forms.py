"""Forms of the pages: Enter presses the first submit button, which must be the only one."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

import fortepiano

PACKAGE = Path(fortepiano.__file__).parent

PAGES = [PACKAGE / "web" / "index.html", PACKAGE / "http" / "admin_page" / "index.html"]


class Forms(HTMLParser):
    """The submit buttons of each form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[dict[str, str | None]]] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self.found.append([])
            self._is_inside = True
        kind = attributes.get("type") or ("submit" if tag == "button" else "text")
        if self._is_inside and tag in {"button", "input"} and kind in {"submit", "image"}:
            self.found[-1].append(attributes)

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "form"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_no_form_has_a_second_submit_button(page: Path) -> None:
    forms = Forms()
    forms.feed(page.read_text())
    assert len(forms.found) >= 2
    assert [buttons for buttons in forms.found if len(buttons) > 1] == []
