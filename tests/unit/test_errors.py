import copy
import inspect
import re
from pathlib import Path

import pytest

from fortepiano import errors
from fortepiano.errors import (
    AddressError,
    BinaryError,
    ConfigError,
    FortepianoError,
    InputError,
    StartError,
    StoreError,
)


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
        (AddressError("::1", 80, "in use", "port"), "port: cannot listen on [::1]:80: in use"),
        (AddressError("unix:/s", 80, "in use"), "cannot listen on unix:/s: in use"),
        (BinaryError("missing"), "the program is incomplete: missing"),
    ],
)
def test_message_and_data_survive_a_copy(error: FortepianoError, line: str) -> None:
    assert str(error) == line
    twin = copy.copy(error)
    assert str(twin) == line
    assert vars(twin) == vars(error)
