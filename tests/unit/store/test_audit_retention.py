"""Acts of moderators of rooms are deleted by age and number; acts of the staff never are."""

from __future__ import annotations

from pathlib import Path

import pytest

from fortepiano.store import Store
from fortepiano.store import writer as writer_module
from fortepiano.store.base import AuditQuery, AuditRecord
from fortepiano.store.sqlite import SQLiteStore, is_migrated
from fortepiano.store.writer import WriterStore
from support.records import until

ANN = "a" * 24
NOW = 1_795_300_000_000


def act(number: int, actor: str = ANN, **details: str) -> AuditRecord:
    at = NOW + number
    return AuditRecord(AuditRecord.next_id(at), at, actor, "kickban", "room", "x", "", details)


def filled(store: Store) -> list[AuditRecord]:
    """Store ten acts of a moderator of a room, and between them acts that remain."""
    kept = [
        act(0, scope="admin"),
        act(1, actor="cli"),
        act(2, actor="01234567", scope="moderate"),
        AuditRecord(AuditRecord.next_id(NOW + 3), NOW + 3, ANN, "siteban", "", "x"),
    ]
    of_room = [act(10 + number, name='"scope":') for number in range(10)]
    for one in (*kept[:2], *of_room, *kept[2:]):
        store.add_audit(one)
    assert store.flush(10)
    return kept + of_room


@pytest.mark.parametrize(
    ("since", "rows", "remain"), [(0, 0, 10), (0, 4, 4), (NOW + 13, 0, 7), (NOW + 13, 3, 3)]
)
def test_by_age_and_number(
    store: Store, since: int, rows: int, remain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_ACTS_AT_ONCE", 2)
    acts = filled(store)
    expected = [one.id for one in sorted(acts[:4] + acts[14 - remain :], key=lambda one: one.id)]
    store.retain_audit(since, rows)
    if isinstance(store, WriterStore):
        until(store, lambda: store._retention is None)
    assert sorted(one.id for one in store.audit(AuditQuery())) == expected
    assert len(store.audit(AuditQuery(limit=3))) == 3


def test_rows_of_older_files_are_told_apart(path: Path) -> None:
    store = SQLiteStore(path)
    store.open()
    acts = filled(store)
    store.close()
    database = store._connect()
    database.execute("DROP INDEX audit_of_room")
    database.close()
    assert is_migrated(path)  # so a server of that version is upgraded while it runs
    store.open()
    store.retain_audit(0, 1)
    until(store, lambda: store._retention is None)
    assert len(store.audit(AuditQuery())) == 5
    assert acts[-1] in store.audit(AuditQuery())
    store.close()


def test_the_index_is_used(path: Path) -> None:
    store = SQLiteStore(path)
    store.open()
    database = store._connect()
    plan = database.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM audit WHERE room <> '' AND length(actor) = 24"
        " AND instr(details, '\"scope\":') = 0 ORDER BY id DESC LIMIT 1 OFFSET 1000"
    ).fetchall()
    database.close()
    store.close()
    assert any("audit_of_room" in row[-1] for row in plan)
