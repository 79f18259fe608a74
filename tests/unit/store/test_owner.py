"""Another owner: its text for people, and whether its process still runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from fortepiano.store import owner as owners
from fortepiano.store.owner import Fate, Owner, fate_of, owner_of, serving_at, this_process

HERE = this_process()

REPORT = (
    "from fortepiano.store.owner import this_process; import msgspec;"
    "print(msgspec.json.encode(this_process()).decode(), flush=True); input()"
)


@contextmanager
def another_process() -> Iterator[tuple[subprocess.Popen[str], Owner]]:
    """Run a process that says who it is, and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", REPORT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, owner_of(process.stdout.readline().encode())
        finally:
            process.kill()


def changed(owner: Owner, **fields: Any) -> Owner:
    return msgspec.structs.replace(owner, **fields)


class TestText:
    def test_names_process_host_url_and_time(self) -> None:
        owner = Owner(pid=17, host="piano", url="http://localhost:8080", since=1_800_000_000_000)
        assert str(owner) == (
            "process 17 on piano (http://localhost:8080, since 2027-01-15 08:00 UTC)"
        )
        assert str(Owner(pid=17)) == "process 17 on ? (since 1970-01-01 00:00 UTC)"

    @pytest.mark.parametrize(
        "data", [b"", b"{", b"[]", b"\xff", b'{"pid": {}}', b'{"host": "piano"}', b"null"]
    )
    def test_owner_that_cannot_be_read_has_no_name(self, data: bytes) -> None:
        assert str(owner_of(data)) == "a process that does not give its id"

    def test_stays_one_short_line_whatever_another_process_wrote(self) -> None:
        vast = Owner(pid=1, host="a\nb\x1b[31m" + "x" * 500, url="\r\n", since=10**30 % 2**62)
        assert str(vast).isprintable()
        assert len(str(vast)) < 200

    def test_paths_that_are_no_text_do_no_harm(self) -> None:
        """Names of files and hosts are bytes; those of Unix listeners are in the URL."""
        owner = serving_at(HERE, "unix:/run/\udcff\npiano")
        assert owner_of(msgspec.json.encode(owner)).url == "unix:/run/piano"

    def test_fields_of_newer_versions_are_ignored(self) -> None:
        assert owner_of(b'{"pid": 17, "host": "piano", "ward": 1}') == Owner(pid=17, host="piano")


class TestFate:
    def test_of_a_process_that_runs_and_then_not(self) -> None:
        with another_process() as (process, owner):
            assert owner.pid == process.pid
            assert fate_of(owner, HERE) is Fate.ALIVE
            process.kill()
            # Dead already while its parent has not asked for its status.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            assert fate_of(owner, HERE) is Fate.DEAD
            process.wait()
            assert fate_of(owner, HERE) is Fate.DEAD

    def test_another_process_with_the_same_id_is_not_the_owner(self) -> None:
        assert fate_of(changed(HERE, start=HERE.start - 1), HERE) is Fate.DEAD
        assert fate_of(HERE, HERE) is Fate.ALIVE

    @pytest.mark.parametrize(
        "difference",
        [
            {"host": "elsewhere"},
            {"boot": "another"},
            {"namespace": "pid:[4026532000]"},
            {"namespace": ""},
            {"pid": 0},
            {"pid": -1},
        ],
    )
    def test_of_another_host_or_container_is_unknown(self, difference: dict[str, Any]) -> None:
        assert fate_of(changed(HERE, start=0, **difference), HERE) is Fate.UNKNOWN

    def test_impossible_ids_are_dead(self) -> None:
        assert fate_of(changed(HERE, pid=2**40), HERE) is Fate.DEAD

    def test_where_the_boot_is_hidden_the_machine_counts_outside_of_containers(self) -> None:
        hidden = changed(HERE, boot="", namespace="pid:[4026531836]", machine="m")
        gone = changed(hidden, pid=2**40)
        assert fate_of(gone, hidden) is Fate.DEAD
        assert fate_of(changed(gone, machine="n"), hidden) is Fate.UNKNOWN
        assert fate_of(changed(gone, booted=HERE.booted - 60), hidden) is Fate.UNKNOWN  # a copy
        assert fate_of(changed(gone, machine=""), changed(hidden, machine="")) is Fate.UNKNOWN
        contained = {"namespace": "pid:[4026532000]"}
        assert fate_of(changed(gone, **contained), changed(hidden, **contained)) is Fate.UNKNOWN

    def test_hidden_process_is_unknown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As with `hidepid`: the id exists, and nothing more is to be seen."""

        def kill(_pid: int, _number: int) -> None:
            raise PermissionError

        monkeypatch.setattr(owners.os, "kill", kill)
        assert fate_of(changed(HERE, pid=2**22 + 1), HERE) is Fate.UNKNOWN
