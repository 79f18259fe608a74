"""The lock of a data folder, between processes and in an upgrade."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fortepiano.errors import StoreError
from fortepiano.store.lock import LOCK, FolderLock, locked_folder
from fortepiano.store.owner import Owner, owner_of

OLD = Owner(pid=17, host="piano", url="http://localhost:8080")
NEW = Owner(pid=18, host="piano", url="http://localhost:8080")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def written(folder: Path) -> Owner:
    return owner_of((folder / LOCK).read_bytes())


def refusal(folder: Path) -> str:
    with pytest.raises(StoreError) as refused, locked_folder(folder, NEW):
        pass
    return str(refused.value)


def join(name: str = "folder-lock") -> None:
    """Wait for the threads that take a lock over."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(10)
            assert not thread.is_alive()


@contextmanager
def held_elsewhere(folder: Path, descriptor: int) -> Iterator[subprocess.Popen[str]]:
    """Run a process that has inherited the lock, as the old one of an upgrade has it too."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[descriptor],
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_second_owner_is_refused_with_the_first_ones_name(folder: Path) -> None:
    with locked_folder(folder, OLD):
        assert refusal(folder) == (
            f"{folder}: process 17 on piano (http://localhost:8080, since 1970-01-01 00:00 UTC)"
            " uses this folder; stop it, or choose another `data_dir`"
        )
        assert written(folder) == OLD  # which the refused one left as it was
    with locked_folder(folder, NEW):
        assert written(folder) == NEW


def test_by_another_path_too(folder: Path, tmp_path: Path) -> None:
    with locked_folder(folder, OLD):
        (tmp_path / "other").symlink_to(folder)
        assert "process 17" in refusal(tmp_path / "other")


def test_servers_of_older_versions_share_a_lock_and_have_no_name(folder: Path) -> None:
    folder.mkdir()
    with (folder / LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert "a process that does not give its id uses this folder" in refusal(folder)


def test_name_is_replaced_as_a_whole(folder: Path) -> None:
    with locked_folder(folder, Owner(pid=17, host="a very long name " * 5)) as lock:
        lock.write(OLD)
        assert written(folder) == OLD


class TestUpgrade:
    def test_successor_is_let_in_and_the_lock_ends_with_the_last_of_both(
        self, folder: Path
    ) -> None:
        with ExitStack() as old:
            lock = old.enter_context(locked_folder(folder, OLD))
            inherited = os.dup(lock.descriptor)
            with locked_folder(folder, NEW, inherited=inherited) as successor:
                assert successor.descriptor == inherited
                assert not os.get_inheritable(inherited)
                assert written(folder) == OLD  # as long as the old process may go on
                old.close()
                assert "process 17" in refusal(folder)
                successor.take_over(NEW)
                join()
                assert "process 18" in refusal(folder)
        with locked_folder(folder, NEW):
            pass

    def test_successor_that_crashes_leaves_the_lock_to_the_old_process(self, folder: Path) -> None:
        with locked_folder(folder, OLD) as lock:
            with held_elsewhere(folder, lock.descriptor):
                pass
            assert "process 17" in refusal(folder)

    def test_lock_of_a_killed_process_ends_at_once(self, folder: Path) -> None:
        with ExitStack() as stack:
            lock = stack.enter_context(locked_folder(folder, OLD))
            with held_elsewhere(folder, lock.descriptor) as process:
                stack.close()
                assert "process 17" in refusal(folder)
                process.kill()
                process.wait()
                with locked_folder(folder, NEW):
                    pass

    def test_successor_of_an_older_version_waits_for_its_end(self, folder: Path) -> None:
        """Servers of older versions share the lock and hand nothing over."""
        folder.mkdir()
        with ExitStack() as stack:
            file = stack.enter_context((folder / LOCK).open("wb"))
            fcntl.flock(file, fcntl.LOCK_SH)
            with locked_folder(folder, NEW, inherited=-1) as successor:
                successor.take_over(NEW)
                assert not (folder / LOCK).read_bytes()
                stack.close()  # the old process ends
                join()
                assert "process 18" in refusal(folder)
        with locked_folder(folder, OLD):
            pass

    def test_inherited_descriptor_of_something_else_is_not_used(
        self, folder: Path, tmp_path: Path
    ) -> None:
        with (tmp_path / "other").open("w") as other:
            with locked_folder(folder, NEW, inherited=other.fileno()) as lock:
                assert lock.descriptor != other.fileno()
            other.write("still open")
        with locked_folder(folder, NEW, inherited=99_999):
            pass


def test_file_system_without_locks_is_refused_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert refusal(folder) == (
        f"{folder}: cannot be locked: No locks available;"
        " choose a `data_dir` on a disk of this machine"
    )


def test_full_disk_leaves_the_lock_without_a_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pwrite(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", pwrite)
    with locked_folder(folder, OLD):
        assert "a process that does not give its id" in refusal(folder)


def test_no_descriptor_left_does_not_end_an_upgrade(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dup(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with locked_folder(folder, OLD) as lock:
        monkeypatch.setattr(os, "dup", dup)
        FolderLock(lock.descriptor).take_over(NEW)
        assert written(folder) == OLD
