"""Settings that must be equal on all nodes, and those that should be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fortepiano.cluster.description import (
    BUS_VERSION,
    Description,
    describe,
    describe_again,
    differences,
)
from fortepiano.config import Settings
from fortepiano.store.owner import Owner
from fortepiano.store.records import SigningKey

SALTS = "salt-one", "salt-two"
KEY = SigningKey("k1", b"0" * 32, 1)
OTHER_KEY = SigningKey("k1", b"1" * 32, 1)


def described(
    salts: tuple[str, str] = SALTS, keys: tuple[SigningKey, ...] = (), **settings: Any
) -> Description:
    return describe(Settings(**settings), Owner(), salts, keys)


def test_equal_nodes_differ_in_nothing() -> None:
    assert differences(described(), "other", described()) == ([], [])
    assert differences(described(keys=(KEY,)), "other", described(keys=(KEY,))) == ([], [])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (described(salts=("salt-one", "")), "salt1, salt2: other than at the node piano-2"),
        (described(salts=("salt-onesalt-two", "")), "salt1, salt2: other than at the node piano-2"),
        (described(identity={"mode": "token"}), "identity.mode: other than at the node piano-2"),
        (described(node_env="development"), "identity.mode: other than at the node piano-2"),
        (
            described(keys=(KEY,), identity={"mode": "token"}),
            "identity.mode: other than at the node piano-2",
        ),
        (described(keys=(KEY,)), "keys.json: other than at the node piano-2"),
        (described(keys=(OTHER_KEY,)), "keys.json: other than at the node piano-2"),
    ],
)
def test_nodes_that_would_give_other_ids_are_refused(other: Description, told: str) -> None:
    refused, warned = differences(described(), "piano-2", other)
    assert len(refused) == 1
    assert refused[0].startswith(told)
    assert warned == []


def test_a_node_with_other_settings_is_what_it_would_be_after_a_restart() -> None:
    before, after = described(keys=(KEY,)), described(keys=(KEY,), motd="new")
    assert before != after
    assert describe_again(before, Settings(motd="new")) == after


def test_keys_in_another_order_are_the_same() -> None:
    newer = SigningKey("k2", b"2" * 32, 2)
    one, other = described(keys=(KEY, newer)), described(keys=(newer, KEY))
    assert differences(one, "other", other) == ([], [])


def test_another_bus_is_refused_and_nothing_else_is_compared() -> None:
    other = msgspec.structs.replace(described(motd="x"), bus=BUS_VERSION + 1, version="9.9")
    refused, warned = differences(described(), "piano-2", other)
    assert warned == []
    (line,) = refused
    assert "with 9.9 of the node piano-2" in line
    assert f"version {BUS_VERSION} of the protocol between nodes, not {BUS_VERSION + 1}" in line
    assert "with that of the node x" in differences(described(), "x", Description()).refused[0]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"motd": "Hello"}, "motd: other than at the node piano-2"),
        ({"chat": {"keep": "permanent"}}, "chat.keep: other than"),
        ({"limits": {"message_bytes": 9999}}, "limits.message_bytes: other than"),
        ({"rules": {"quota_normal": {"max": 1}}}, "rules.quota_normal.max: other than"),
    ],
)
def test_rules_that_differ_are_one_warning(settings: dict[str, Any], named: str) -> None:
    refused, warned = differences(described(), "piano-2", described(**settings))
    assert refused == []
    (line,) = warned
    assert line.startswith(named)


def test_another_preset_is_one_line_that_names_it_first() -> None:
    _, warned = differences(described(), "piano-2", described(rules={"preset": "net"}))
    (line,) = warned
    assert line.startswith("rules.preset, ")
    assert " more: other than at the node piano-2" in line
    assert len(line) < 250


def test_another_version_is_a_warning() -> None:
    other = msgspec.structs.replace(described(), version="9.9")
    _, (line,) = differences(described(), "piano-2", other)
    assert line.endswith("the node piano-2 has 9.9")


def test_no_value_is_told() -> None:
    text = msgspec.json.encode(described(keys=(KEY,), motd="a secret"))
    assert all(secret not in text for secret in (b"salt-one", b"a secret", KEY.secret))
    assert msgspec.json.decode(text, type=Description) == described(keys=(KEY,), motd="a secret")
    assert len(text) < 8000
