"""The packed table of users, against a dictionary."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.store.held_records import UserTable, overlaid
from fortepiano.store.record_kinds import USER, Key
from fortepiano.store.records import UserRecord

HEX = "0123456789abcdef"

ids = st.one_of(
    st.text(HEX, min_size=24, max_size=24),
    st.sampled_from(["A" * 24, "a" * 24, "0" * 24, "", "short", "a" * 23 + "g", "ä" * 24]),
)
times = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]))
records = st.builds(UserRecord, ids, texts, texts, times, times)


def table_of(model: dict[Key, UserRecord]) -> UserTable:
    table = UserTable()
    for key, record in model.items():
        table[key] = record
    return table


@given(st.lists(st.tuples(records, st.booleans())))
def test_the_table_holds_what_a_dictionary_would(steps: list[tuple[UserRecord, bool]]) -> None:
    table, model = UserTable(), dict[Key, UserRecord]()
    for record, is_removed in steps:
        key = (record.id,)
        if is_removed:
            assert table.pop(key, None) == model.pop(key, None)
        else:
            table[key] = model[key] = record
        assert (key in table) is (key in model)
        assert table.get(key) == model.get(key)
    assert dict(table) == model
    assert table.records() == list(model.values())
    assert len(table) == len(model)
    rows = [(one.id, one.name, one.color, one.first_seen, one.last_seen) for one in model.values()]
    assert UserTable.of_rows(rows) == table


def test_a_changed_table_leaves_the_one_before_as_it_was() -> None:
    ann, bea = UserRecord("a" * 24, "Ann", "#112233"), UserRecord("b" * 24, "Bea", "#112233")
    before = table_of({("a" * 24,): ann})
    after = overlaid(USER, before, {(USER, ("b" * 24,)): bea, (USER, ("a" * 24,)): None})
    assert (before.records(), dict(after)) == ([ann], {("b" * 24,): bea})
    assert before != after


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (UserRecord("a" * 24, "\ud800", "#112233"), UserRecord("a" * 24, "?", "#112233")),
        (
            UserRecord("a" * 24, "x", "#112233", 2**70),
            UserRecord("a" * 24, "x", "#112233", 2**63 - 1),
        ),
    ],
)
def test_what_no_store_can_hold_is_replaced(record: UserRecord, kept: UserRecord) -> None:
    assert table_of({("a" * 24,): record}).records() == [kept]


def test_a_user_takes_less_than_200_bytes_and_the_collector_visits_none() -> None:
    rows = [(f"{number:024x}", f"Player {number}", "#123456", 1, 2) for number in range(10_000)]
    tracemalloc.start()
    table = UserTable.of_rows(rows)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 200 * len(table)
    assert not any(gc.is_tracked(packed) for packed in table._packed.values())
