"""The codec of the binary form of `custom`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.native import Hub, scan
from fortepiano.protocol.custom_binary import decode, encode
from support.custom import PAYLOAD, binary

HEAD = {"m": "custom", "data": 5, "target": {"mode": "subscribed"}}


def test_a_decoded_message_has_its_head_and_payload() -> None:
    assert decode(binary(HEAD), Hub.strict_object) == (HEAD, PAYLOAD)
    assert decode(binary(HEAD, b""), Hub.strict_object) == (HEAD, b"")


def test_an_encoded_message_can_be_decoded() -> None:
    assert decode(encode(HEAD, PAYLOAD), Hub.strict_object) == (HEAD, PAYLOAD)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0\0\0", b"\0\0\0\0", b"\xff\xff\xff\xff{}", binary(HEAD, b"")[:-1]),
        *(binary({"m": "a"}), binary({"m": ["custom"]}), binary({}), binary([HEAD])),
        *(binary(b'{"m":"custom",}'), binary(b'{"m":"custom"}{}'), binary(b'{"m":"custom"},1')),
        *(binary(b'{"m":"custom","data":1e999}'), binary(b'{"m":"custom","data":"\xff"}')),
        binary(b'{"m":"custom","data":' + b"[" * 63 + b"]" * 63 + b"}"),
    ],
)
def test_other_data_is_no_message(data: bytes) -> None:
    assert decode(data, Hub.strict_object) is None


@given(st.binary(max_size=20))
def test_chance_data_is_no_message(data: bytes) -> None:
    assert decode(data, Hub.strict_object) is None


@pytest.mark.parametrize("levels", [60, 61, 62, 63, 64])
def test_an_object_may_be_as_deep_as_in_a_text_message(levels: int) -> None:
    head = b'{"m":"custom","data":' + b"[" * levels + b"]" * levels + b"}"
    is_strict = scan(b"[%b]" % head) is not None
    assert (decode(binary(head), Hub.strict_object) is not None) is is_strict


def test_half_a_surrogate_pair_is_replaced() -> None:
    decoded = decode(binary(b'{"m":"custom","data":"\\ud800"}'), Hub.strict_object)
    assert decoded == ({"m": "custom", "data": "\ufffd"}, PAYLOAD)
