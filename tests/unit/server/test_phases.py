"""Failures of the machine, before and after the start."""

from __future__ import annotations

import errno

import pytest

from fortepiano.errors import AddressError, StartError
from fortepiano.server.phases import Phases

FAILURES = [
    (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    (PermissionError(errno.EACCES, "Permission denied", "/data"), "/data: Permission denied"),
    (MemoryError(), "there is not enough memory"),
    (RuntimeError("can't start new thread"), "no further thread may be started"),
]


@pytest.mark.parametrize(("error", "why"), FAILURES)
def test_a_failure_at_the_start_is_one_line(error: Exception, why: str) -> None:
    with pytest.raises(StartError) as caught, Phases(is_upgrade=False):
        raise error
    assert str(caught.value) == f"the server cannot start: {why}"


@pytest.mark.parametrize(("error", "_why"), FAILURES)
def test_later_it_is_a_bug(error: Exception, _why: str) -> None:
    with pytest.raises(type(error)) as caught, Phases(is_upgrade=False) as phases:
        phases.serving()
        raise error
    assert caught.value is error


@pytest.mark.parametrize("error", [AddressError("::1", 1, "in use"), ValueError("a bug")])
def test_other_errors_stay_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, Phases(is_upgrade=False):
        raise error
    assert caught.value is error
