"""Bytes and messages of any kind: what is no message is ignored, and no handler fails."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fortepiano.handlers.decode import decode, kind_of, shaped
from fortepiano.handlers.dispatch import TABLE
from fortepiano.native import scan
from support.dispatch_harness import DispatchHarness
from support.grammar import FORBIDDEN

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100)

texts = st.text(max_size=20) | st.sampled_from(
    [
        *FORBIDDEN,
        "",
        "x" * 600,
        "\ud7ff\ue000",
        "\U0010ffff",
        "NaN",
        "1e999",
        "__proto__",
        "🎹" * 512,
    ]
)
numbers = st.sampled_from([0, -1, 2**53, 2**63, 2**64 - 1, -(2**63), 0.5, 1e308, -1e-308]) | (
    st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
known = st.sampled_from(["lobby", "a room", *(f"{number:024x}" for number in range(1, 4))])
scalars = st.none() | st.booleans() | numbers | texts | known
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def deep(levels: int) -> Any:
    """Return a value that is nested as deep as the scanner lets through, nearly."""
    return [] if levels == 0 else {"m": [deep(levels - 1)]}


keys = st.sampled_from(
    "color color2 chat visible crownsolo limit name afk mode id _id ids bits global".split()
)
inner_values = values | st.dictionaries(keys, values, max_size=4) | st.just(deep(20))
"""Values of `set`, `target` and the like, whose parts handlers read by name."""


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """A message of a type that Python handles, with any values in its fields."""
    kind = draw(st.sampled_from(sorted(TABLE)))
    names = [field.encode_name for field in msgspec.structs.fields(TABLE[kind].shape)]
    fields: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from([*names, "x"]))) if names else set[str]():
        inner = kind == "admin message" and name == "msg" and draw(st.booleans())
        fields[name] = draw(messages()) if inner else draw(inner_values)
    return fields | {"m": kind}


@patient
@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_bytes_are_decoded_or_refused_as_no_json(raw: bytes) -> None:
    with contextlib.suppress(orjson.JSONDecodeError):
        decode(raw)


BROKEN = [b"", b"{", b'{"m":"a"', b"\xff", b'{"m":"\xed\xa0\x80"}', b"[" * 2000, b"nan", b"{'m':1}"]


@pytest.mark.parametrize("raw", BROKEN)
def test_broken_json_is_refused_by_the_one_known_error(raw: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        decode(raw)


@patient
@given(st.lists(messages() | values, max_size=3), st.binary(max_size=3), st.integers(0, 400))
def test_what_the_scanner_lets_through_decodes(sent: list[Any], junk: bytes, at: int) -> None:
    text = orjson.dumps(sent)
    for broken in (text, text[:at] + junk + text[at:]):
        with contextlib.suppress(UnicodeDecodeError):
            for element in scan(broken.decode().encode()) or []:
                if element[0] == "cold":
                    message = decode(element[1])
                    assert kind_of(message) == message["m"]


@patient
@given(st.sampled_from(sorted(TABLE)), values)
def test_any_message_fits_its_shape_or_none(kind: str, value: Any) -> None:
    shape = TABLE[kind].shape
    names = [field.encode_name for field in msgspec.structs.fields(shape)]
    message = {"m": kind} | dict.fromkeys(names, value)
    assert isinstance(shaped(message, shape), shape | None)
    shape.misfit(message)


@pytest.mark.parametrize("scope", [None, "read", "admin"])
@patient
@given(sent=st.lists(messages(), min_size=1, max_size=8))
def test_no_handler_fails(scope: Any, sent: list[dict[str, Any]]) -> None:
    harness = DispatchHarness()
    others = [harness.enter("a room"), harness.enter("a room")]
    client = harness.enter("a room") if scope is None else harness.staff("a room", scope=scope)
    for message in sent:
        harness.dispatch.receive(client.session, orjson.dumps(message))
        harness.wait(1)
    assert harness.context.counters.failures == 0
    assert all(other.closed is None or scope == "admin" for other in others)


@patient
@given(
    st.binary(max_size=60), st.dictionaries(texts, values, max_size=3), st.integers(0, 2**32 - 1)
)
def test_no_binary_message_fails(payload: bytes, head: dict[str, Any], size: int) -> None:
    harness = DispatchHarness()
    client = harness.enter("a room")
    encoded = orjson.dumps(head | {"m": "custom", "target": head})
    for length in (size, len(encoded)):
        data = length.to_bytes(4) + encoded + payload
        for end in (len(data), 3, 4, 9):
            harness.dispatch.receive_binary(client.session, data[:end])
    assert harness.context.counters.failures == 0
