"""The actions of the audit log: old spellings are found, and the documents know each."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_reference import updated
from fortepiano.model.audit_actions import AuditAction, find_acts
from fortepiano.store import Store
from fortepiano.store.records import AuditQuery, AuditRecord

DOCUMENT = Path(__file__).parents[3] / "docs" / "administration.md"


def test_the_table_in_the_documents_is_up_to_date() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert updated(text) == text, "run `make docs`"


@pytest.mark.parametrize("action", AuditAction)
def test_an_action_is_one_word(action: AuditAction) -> None:
    assert action.value.replace("_", "a").isalpha()
    assert action.old.replace(" ", "_") == action.value
    assert action.meaning


def add(store: Store, *actions: str) -> None:
    for at, action in enumerate(actions):
        store.add_audit(AuditRecord(AuditRecord.next_id(at), at, "cli", action))


def found(store: Store, limit: int = 100, action: str | None = None) -> list[str]:
    return [act.action for act in find_acts(store, AuditQuery(limit, action=action))]


def test_either_spelling_finds_rows_of_both(store: Store) -> None:
    add(store, "close room", "kickban", "close_room", "close room")
    both = ["close room", "close_room", "close room"]
    assert found(store, action="close room") == found(store, action="close_room") == both
    assert found(store, 2, "close_room") == both[:2]
    assert found(store, action="kickban") == ["kickban"]
    assert found(store) == ["close room", "close_room", "kickban", "close room"]


def test_an_unknown_action_of_another_version_is_found(store: Store) -> None:
    add(store, "applaud")
    assert found(store, action="applaud") == ["applaud"]
