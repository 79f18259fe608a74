"""The OpenAPI documents: of v1, and of the paths without a version."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from fastapi.openapi.utils import get_openapi

from fortepiano.http.admin.calls import Problem
from fortepiano.http.admin.deprecated_names import CHANGES, NO_CHANGES, Names
from fortepiano.http.admin.deprecated_paths import OLD, V1
from fortepiano.http.admin.live import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from pydantic import BaseModel

__all__ = ["deprecated_document", "v1_document"]

_REFERENCE = "#/components/schemas/"
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "default")

_OF_CLUSTER = {"all", "differences", "missing_nodes", "node", "nodes"}
"""Fields and parameters of nodes of a cluster."""

_OLD_ABOUT = """
The calls without a version in their path. They are deprecated, work in 0.1 only, and are the calls
of `/api/v1` (`/openapi.json`) under older names of some fields.
"""


def v1_document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of v1."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
    )
    for model in (Problem, Event):
        _add_schema(document, model)
    _event_data(document).update(
        contentMediaType="application/json",
        contentSchema={
            "anyOf": [{"$ref": f"{_REFERENCE}{name}"} for name in ("Event", "StatusResponse")]
        },
    )
    return document


def _event_data(document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the data of an event."""
    response = document["paths"][f"{V1}/events"]["get"]["responses"]["200"]
    event: dict[str, Any] = response["content"]["text/event-stream"]["itemSchema"]
    data: dict[str, Any] = event["properties"]["data"]
    return data


def _add_schema(document: dict[str, Any], model: type[BaseModel]) -> None:
    schema = model.model_json_schema(ref_template=f"{_REFERENCE}{{model}}")
    document["components"]["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}


def deprecated_document(v1: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document of the paths without a version.

    Args:
        v1: The document of v1.
    """
    document = deepcopy(v1)
    document["info"]["description"] = _OLD_ABOUT.strip()
    # An event has other old names for each kind.
    for key in ("contentMediaType", "contentSchema"):
        del _event_data(document)[key]
    del document["components"]["schemas"]["Event"]
    schemas = document["components"]["schemas"]
    _drop_cluster(document)
    paths = {path.removeprefix(V1): calls for path, calls in document["paths"].items()}
    for path, calls in paths.items():
        for method, call in calls.items():
            call["deprecated"] = True
            _rename_call(call, schemas, method.upper(), path)
    document["paths"] = {OLD + path: calls for path, calls in paths.items()}
    return document


def _drop_cluster(document: dict[str, Any]) -> None:
    """Leave out what is younger than these paths: the calls and fields of a cluster."""
    del document["paths"][f"{V1}/cluster"]
    for schema in document["components"]["schemas"].values():
        for name in _OF_CLUSTER & schema.get("properties", {}).keys():
            del schema["properties"][name]
            if name in schema.get("required", ()):
                schema["required"].remove(name)
    for calls in document["paths"].values():
        for call in calls.values():
            call["parameters"] = [
                one for one in call.get("parameters", ()) if one["name"] not in _OF_CLUSTER
            ]


def _rename_call(call: dict[str, Any], schemas: dict[str, Any], method: str, path: str) -> None:
    changes = CHANGES.get((method, path), NO_CHANGES)
    for parameter in call.get("parameters", ()):
        for old, renamed in changes.query.items():
            if parameter["name"] == renamed.name:
                parameter["name"] = old
                _rescale(parameter["schema"], old, renamed.times)
    for part, names in (("requestBody", changes.body), ("responses", changes.response)):
        for name in set(_references(call.get(part), schemas)) if names else ():
            _rename_fields(schemas[name], names)


def _rename_fields(schema: dict[str, Any], names: Names) -> None:
    """Rename the properties of a schema."""
    known = {renamed.name: (old, renamed.times) for old, renamed in names.items()}
    properties: dict[str, Any] = {}
    for name, field in schema.get("properties", {}).items():
        old, times = known.get(name, (name, 1))
        if name in known:
            _rescale(field, old, times)
        properties[old] = field
    schema["properties"] = properties
    if "required" in schema:
        schema["required"] = [known.get(name, (name,))[0] for name in schema["required"]]


def _rescale(field: dict[str, Any], name: str, times: float) -> None:
    """Give a field the title and the bounds that it has under its old name."""
    field["title"] = name.replace("_", " ").title()
    for schema in (field, *field.get("anyOf", ())):
        for bound in _BOUNDS:
            if isinstance(schema.get(bound), (int, float)) and times != 1:
                value = schema[bound] / times
                schema[bound] = int(value) if value.is_integer() else value


def _references(part: object, schemas: dict[str, Any]) -> Iterator[str]:
    """Find the names of all schemas that a part of the document refers to, directly or not."""
    if isinstance(part, list):
        for one in cast("list[object]", part):
            yield from _references(one, schemas)
    elif isinstance(part, dict):
        for key, value in cast("dict[str, object]", part).items():
            if key == "$ref":
                name = str(value).removeprefix(_REFERENCE)
                yield name
                yield from _references(schemas[name], schemas)
            else:
                yield from _references(value, schemas)
