import copy
import inspect
import re
from pathlib import Path

import pytest

from fortepiano import errors
from fortepiano.errors import (
    AddressError,
    BinaryError,
    CloseCode,
    ConfigError,
    FortepianoError,
    InputError,
    StartError,
    StoreError,
)
from support.native_parts import make_test_hub


def test_all_names_everything_public() -> None:
    public = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert set(errors.__all__) == public


def test_docstring_draws_the_whole_tree() -> None:
    def tree(cls: type[Exception], depth: int = 0) -> list[tuple[int, str]]:
        below = sorted(cls.__subclasses__(), key=lambda sub: sub.__name__)
        return [(depth, cls.__name__), *(row for sub in below for row in tree(sub, depth + 1))]

    assert errors.__doc__
    drawn = [
        (len(branch) // 4, name)
        for branch, name in re.findall(r"^    ([ │├└─]*)(\w+Error)\b", errors.__doc__, re.M)
    ]
    assert sorted(drawn) == sorted(tree(FortepianoError))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigError(["port: no"]), "port: no"),
        (ConfigError(["port: no", "host: no"]), "port: no\nhost: no"),
        (InputError(["x, line 1: no"]), "x, line 1: no"),
        (StoreError(Path("/x/y"), "not a folder"), "/x/y: not a folder"),
        (StartError("no"), "no"),
        (AddressError("0.0.0.0", 80, "in use"), "cannot listen on 0.0.0.0:80: in use"),
        (AddressError("::1", 80, "in use"), "cannot listen on [::1]:80: in use"),
        (BinaryError("missing"), "the program is incomplete: missing"),
    ],
)
def test_message_and_data_survive_a_copy(error: FortepianoError, line: str) -> None:
    assert str(error) == line
    twin = copy.copy(error)
    assert str(twin) == line
    assert vars(twin) == vars(error)


def test_close_codes_have_a_reason_that_fits_a_close_frame() -> None:
    for code in CloseCode:
        assert 1000 <= code <= 4999
        assert 0 < len(code.meaning.encode()) <= 123


def test_close_codes_are_numbers_with_meaning() -> None:
    assert int(CloseCode.RESTART) == 4000
    assert CloseCode(1013) is CloseCode.TOO_SLOW
    assert CloseCode.RESTART.retry
    assert not CloseCode.BANNED.retry
    assert {int(code) for code in CloseCode} == {
        1000, 1001, 1002, 1007, 1009, 1011, 1013, 4000, 4002, 4004, 4005, 4007, 4008,
        4009,
    }  # fmt: skip


def test_every_close_code_is_counted_by_itself() -> None:
    counted = {code for code, _ in make_test_hub().closes()}
    assert set(CloseCode) <= counted
