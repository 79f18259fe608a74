"""The OpenAPI documents: names of v1, and the paths without a version, which stay as they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from api_reference import updated
from fortepiano import __version__
from fortepiano.http.admin.application import application
from fortepiano.http.admin.deprecated_names import CHANGES
from fortepiano.http.admin.documents import deprecated_document

ADMINISTRATION = Path(__file__).parents[4] / "docs" / "administration.md"
OLD_CALLS = Path(__file__).with_name("deprecated_calls.json")
"""The calls without a version, as they were before there was v1."""

INSTANTS = {"at", "before", "now", "since", "started", "until"}
SCOPES = {"read", "moderate", "admin"}
SCHEMA = "#/components/schemas/"
WORDS_FOR_PEOPLE = ("title", "description", "format", "discriminator")


@cache
def v1() -> dict[str, Any]:
    return application().openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            yield f"{method.upper()} {path}", call


def bodies(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas of a call's request and of its responses that are no problems."""
    yield from (one["schema"] for one in call.get("requestBody", {}).get("content", {}).values())
    for status, response in call["responses"].items():
        if status.startswith("2"):
            yield from (one.get("schema", {}) for one in response.get("content", {}).values())


def references(schema: dict[str, Any]) -> list[str]:
    """The names of the schemas that one of a body refers to, without those inside them."""
    found = [schema, *schema.get("oneOf", ())]
    return [one["$ref"].removeprefix(SCHEMA) for one in found if "$ref" in one]


def shape(part: Any, document: dict[str, Any]) -> Any:
    """A part of a document with its schemas in place, without words for people."""
    if isinstance(part, list):
        return [shape(one, document) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = part["$ref"].removeprefix(SCHEMA)
        return shape(document["components"]["schemas"][name], document)
    return {
        key: (
            {name: shape(field, document) for name, field in value.items()}
            if key == "properties"
            else shape(value, document)
        )
        for key, value in part.items()
        if key not in WORDS_FOR_PEOPLE
    }


def calls(document: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of each call, as clients see it."""
    return {
        name: {
            "parameters": shape(call.get("parameters", []), document),
            "bodies": [shape(schema, document) for schema in bodies(call)],
            "statuses": sorted(call["responses"]),
        }
        for name, call in operations(document)
    }


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from schema.get("properties", {}).items()


def all_fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """The names and schemas of all fields and parameters of v1."""
    for schema in v1()["components"]["schemas"].values():
        yield from fields(schema)
    for _, call in operations(v1()):
        for parameter in call.get("parameters", ()):
            yield parameter["name"], parameter["schema"]


def test_all_calls_are_below_the_version() -> None:
    assert all(path.startswith("/api/v1/") for path in v1()["paths"])


def test_schemas_have_short_names_of_their_own() -> None:
    names = list(v1()["components"]["schemas"])
    assert all(re.fullmatch("[A-Z][A-Za-z]+", name) for name in names), names


def test_requests_and_responses_are_called_so() -> None:
    requests, responses = set(), set()
    for _, call in operations(v1()):
        for schema in bodies({"responses": {}} | {"requestBody": call.get("requestBody", {})}):
            requests.update(references(schema))
        for schema in bodies({"responses": call["responses"]}):
            responses.update(references(schema))
    assert all(name.endswith("Request") for name in requests), requests
    assert all(name.endswith("Response") for name in responses), responses
    for name in v1()["components"]["schemas"].keys() - requests - responses:
        assert not name.endswith(("Request", "Response", "View", "Wish")), name


def test_operations_have_short_names_of_their_own() -> None:
    names = [call["operationId"] for _, call in operations(v1())]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+_[a-z_]+", name) for name in names), names
    assert not any("api" in name for name in names), names


def test_operations_name_their_scope() -> None:
    for name, call in operations(v1()):
        ((scope,),) = (scheme["HTTPBearer"] for scheme in call["security"])
        assert scope in SCOPES, name


def test_there_is_one_unit_of_time() -> None:
    for name, schema in all_fields():
        assert not re.search("second|minute|hour|_s$", name), name
        if name in INSTANTS:
            text = json.dumps(schema)
            assert '"unix-ms"' in text and '"integer"' in text, name


def test_there_is_one_word_for_who_acts() -> None:
    names = {name for name, _ in all_fields()}
    assert {"actor", "subject"} <= names
    assert not {"by", "who", "whom", "author", "target"} & names


def test_the_old_calls_are_as_they_were() -> None:
    old = deprecated_document(v1())
    assert all(call["deprecated"] for _, call in operations(old))
    expected = json.loads(OLD_CALLS.read_text("utf-8"))
    found = json.loads(json.dumps(calls(old)))
    for call in (expected, found):
        # One of the old counters has another name and unit in v1, where it has a fraction.
        del call["GET /api/status"]["bodies"][0]["properties"]["counters"]
    # A status says more than before.
    status = found["GET /api/status"]["bodies"][0]
    del status["properties"]["cluster"]
    status["required"].remove("cluster")
    assert found == expected


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_there_is_a_call_for_each_change(method: str, path: str) -> None:
    assert f"{method} /api/v1{path}" in dict(operations(v1()))


def test_the_old_calls_end_with_the_next_version() -> None:
    major, minor = (int(part) for part in __version__.split(".")[:2])
    assert (major, minor) < (0, 2), "remove deprecated_names.py, deprecated_paths.py and their uses"


def test_the_table_in_the_documents_is_up_to_date() -> None:
    text = ADMINISTRATION.read_text("utf-8")
    assert updated(text) == text, "run `make docs`"
