"""The audit log: one function writes all acts, and bounds their texts."""

from __future__ import annotations

from fortepiano.model.audit_actions import AuditAction
from fortepiano.protocol.audit_log import write_act
from fortepiano.store.base import AuditQuery
from fortepiano.store.memory import MemoryStore

LONG = "x" * 5000


def test_texts_are_cut_but_what_acts_are_searched_by() -> None:
    store = MemoryStore()
    details = {"note": LONG, "until": None, "count": 3, "short": "y"}
    act = write_act(
        store,
        7,
        "cli",
        AuditAction.CHSET,
        room=LONG,
        subject=LONG,
        reason=LONG,
        details=details,
    )
    assert store.audit(AuditQuery()) == [act]
    assert (act.at, act.actor, act.action) == (7, "cli", "chset")
    assert (act.room, act.subject, act.reason) == (LONG, LONG, LONG[:4096])
    assert act.details == details | {"note": LONG[:4096]}


def test_an_act_without_details_has_none() -> None:
    act = write_act(MemoryStore(), 7, "cli", AuditAction.RESTART)
    assert (act.room, act.subject, act.reason, act.details) == ("", "", "", {})
