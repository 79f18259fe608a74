"""The declarations of room settings, and that everything else derives from them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fortepiano.http import public_site
from fortepiano.http.admin.room_settings_request import RoomSettingsRequest, room_settings_request
from fortepiano.http.page_modules import GENERATED
from fortepiano.model.room_settings import (
    NORMAL_SETTINGS,
    SETTINGS,
    SPECIAL_SETTINGS,
    Color,
    Kind,
    Switch,
    Text,
    WholeNumber,
    moderator_settings,
)
from fortepiano.protocol import validate
from room_settings_reference import reference, updated

WEB = Path(public_site.__file__).parents[1] / "web"
DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"


def page_schema() -> dict[str, Any]:
    """The schema in the generated module of the page."""
    text = GENERATED["room_settings_schema.js"]()
    found = re.fullmatch(r"export const SETTINGS = (.+);\n", text, re.DOTALL)
    assert found is not None, text
    schema: dict[str, Any] = json.loads(found[1])
    return schema


def api_bound(name: str, bound: str) -> int:
    """A bound in the schema of the admin API's request, made anew."""
    value: int = room_settings_request().model_json_schema()["properties"][name]["anyOf"][0][bound]
    return value


def row(name: str) -> str:
    """The row of a setting in the table of docs/protocol.md, made anew."""
    (found,) = [line for line in reference().splitlines() if line.startswith(f"| `{name}` |")]
    return found


def test_a_bound_is_changed_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = replace(SETTINGS["slowMode"], kind=WholeNumber(7200))
    monkeypatch.setitem(SETTINGS, "slowMode", setting)
    assert validate.settings({"slowMode": 7200}) == {"slowMode": 7200}
    assert validate.settings({"slowMode": 7201}) == {}
    assert api_bound("slowMode", "maximum") == 7200
    assert page_schema()["slowMode"]["most"] == 7200
    assert "| 0 to 7200 |" in row("slowMode")


def test_a_length_is_changed_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "notice", replace(SETTINGS["notice"], kind=Text(600)))
    assert validate.settings({"notice": "x" * 600}) == {"notice": "x" * 600}
    assert validate.settings({"notice": "x" * 601}) == {}
    assert api_bound("notice", "maxLength") == 600
    assert page_schema()["notice"]["longest"] == 600
    assert "| text, at most 600 |" in row("notice")


def test_a_new_setting_is_known_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = replace(SETTINGS["color2"], name="color3")
    monkeypatch.setitem(SETTINGS, "color3", setting)
    assert validate.settings({"color3": "#abcdef"}) == {"color3": "#abcdef"}
    assert validate.settings({"color3": ""}) == {"color3": None}
    assert "color3" in room_settings_request().model_json_schema()["properties"]
    assert page_schema()["color3"] == page_schema()["color2"]
    assert row("color3")


def test_page_and_admin_api_know_what_moderators_may_set() -> None:
    names = [setting.name for setting in moderator_settings()]
    assert SETTINGS.keys() - names == {"lobby", "owner_id"}
    assert list(page_schema()) == names
    document = RoomSettingsRequest.model_json_schema()
    assert list(document["properties"]) == names
    assert document["additionalProperties"] is False


def test_defaults() -> None:
    ordinary = {"visible": True, "chat": True, "crownsolo": False, "color": "#3b5054"}
    always = {"allowBots": True, "noindex": False, "no cussing": False}
    assert ordinary | always == NORMAL_SETTINGS
    colors = {"color": "#73b3cc", "color2": "#273546"}
    assert ordinary | always | colors | {"lobby": True} == SPECIAL_SETTINGS
    for setting in moderator_settings():
        if setting.default is not None:
            assert not setting.is_removable, "clients would show the value of the room before"
            default = {setting.name: setting.default}
            assert validate.settings(default) == default


INPUTS: dict[type[Kind], str] = {
    Switch: "checkbox",
    Color: "color",
    WholeNumber: "number",
    Text: "text",
}
"""The types of fields in the form of the page, by kind."""


def test_the_form_of_the_page_has_every_setting_and_no_bound_of_its_own() -> None:
    page = (WEB / "index.html").read_text("utf-8")
    form = page.partition('<form id="rules-form"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input name="([^"]+)" type="([^"]+)"', form))
    assert fields.pop("outer") == "checkbox"
    assert fields == {s.name: INPUTS[type(s.kind)] for s in moderator_settings()}
    assert re.findall(r"\b(?:min|max|maxlength)=", form) == []


TYPES: dict[type[Kind], str] = {
    Switch: "boolean",
    Color: "string",
    WholeNumber: "number",
    Text: "string",
}
"""The types of TypeScript by kind."""


def test_the_types_of_the_page_have_every_setting() -> None:
    types = (WEB / "assets" / "types.d.ts").read_text("utf-8")
    body = types.partition("  interface Settings {\n")[2].partition("  }\n")[0]
    found = re.findall(r'^    "?([\w ]+?)"?\?: (\w+);$', body, re.MULTILINE)
    assert dict(found) == {name: TYPES[type(s.kind)] for name, s in SETTINGS.items()}


def test_the_table_of_the_protocol_is_up_to_date() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert updated(text) == text, "run `make docs`"


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no"):
        updated("# The protocol\n")
