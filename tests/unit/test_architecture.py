"""The rules of imports (docs/architecture.md, "Invariants"), and imports without the binary."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import fortepiano

PACKAGE = Path(fortepiano.__file__).parent

TESTS = Path(__file__).parent

COMPILED = {"fortepiano._core", "fortepiano._link"}

TRANSPORTS = {
    "asyncio",
    "httptools",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "starlette",
    "uvicorn",
    "uvloop",
    "websockets",
}
"""Modules that connections are made of."""

CLOCKS_AND_LOOPS = TRANSPORTS | {
    "concurrent",
    "datetime",
    "multiprocessing",
    "os",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
}
"""Modules that would keep a test from running a handler alone, at a time that it sets."""

JSON = {"json", "msgspec", "orjson"}

LAYERS = [
    "config",
    "store",
    "model",
    "protocol",
    "actions",
    "handlers",
    "cluster",
    "net",
    "upgrade",
    "http",
    "server",
    "processes",
    "cli",
]
"""Folders, the lowest first, that import each other downwards only."""

WALL_CLOCK = "fortepiano.wall_clock"
"""The clock of stores and commands: handlers and the model are given the time."""

PURE = ("actions", "cluster", "handlers", "model")
"""Folders without an event loop, a socket or a clock: tests run them at a time that they set."""

LOOSE = {
    "fortepiano",
    "fortepiano.__main__",
    "fortepiano.errors",
    "fortepiano.native",
    WALL_CLOCK,
}
"""Modules that are in no folder, since all folders need them."""

LONGEST_FUNCTION = 60
"""Lines, with the docstring."""


@cache
def modules() -> dict[str, Path]:
    """All modules of the package by name."""
    return {
        ".".join(["fortepiano", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(
            ".__init__"
        ): path
        for path in PACKAGE.rglob("*.py")
    }


@cache
def imports(name: str) -> frozenset[str]:
    """Everything that a module imports, in functions and for type checkers too."""
    return frozenset(_imports(modules()[name]))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path} has a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, *folders: str) -> bool:
    """Whether a module is, or is in, one of the package's folders."""
    return any(f"{name}.".startswith(f"fortepiano.{folder}.") for folder in folders)


def tops(name: str) -> set[str]:
    """The top packages that a module imports."""
    return {imported.partition(".")[0] for imported in imports(name)}


def test_there_are_modules_to_look_at() -> None:
    assert {"fortepiano", "fortepiano.native", "fortepiano.handlers.hello"} <= modules().keys()
    assert "asyncio" in imports("fortepiano.server.server")


def test_only_native_imports_compiled_code() -> None:
    assert {name for name in modules() if imports(name) & COMPILED} == {"fortepiano.native"}


def test_only_the_front_of_the_house_knows_transports() -> None:
    # The store in Redis has an event loop of its own, in its writer's thread.
    front = ("net", "http", "server", "upgrade", "processes", "observe", "store.redis")
    outside = (name for name in modules() if not within(name, *front))
    assert {name: found for name in outside if (found := tops(name) & TRANSPORTS)} == {}


def test_handlers_and_model_have_no_loop_no_socket_and_no_clock() -> None:
    pure = [name for name in modules() if within(name, *PURE)]
    assert {name: found for name in pure if (found := tops(name) & CLOCKS_AND_LOOPS)} == {}
    assert [name for name in pure if WALL_CLOCK in imports(name)] == []


def test_the_model_knows_no_json() -> None:
    model = (name for name in modules() if within(name, "model"))
    assert {name: found for name in model if (found := tops(name) & JSON)} == {}


def test_layers_import_downwards() -> None:
    upwards = {
        (name, above)
        for level, folder in enumerate(LAYERS)
        for name in modules()
        if within(name, folder)
        for above in LAYERS[level + 1 :]
        if any(within(imported, above) for imported in imports(name))
    }
    assert upwards == set()


def test_the_admin_api_and_the_commands_call_actions_and_no_handlers() -> None:
    outside = (name for name in modules() if within(name, "http", "cli"))
    assert [name for name in outside if any(within(i, "handlers") for i in imports(name))] == []


def test_every_module_is_in_a_folder() -> None:
    assert {name for name in modules() if name.count(".") < 2 and not is_folder(name)} == LOOSE


def is_folder(name: str) -> bool:
    """Whether a name is that of a folder of the package."""
    return name != "fortepiano" and modules()[name].name == "__init__.py"


def test_no_function_is_long() -> None:
    assert [
        f"{name}.{node.name}"
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(), path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ] == []


def test_handlers_and_model_need_neither_the_binary_nor_a_server() -> None:
    pure = (name for name in modules() if within(name, *PURE))
    program = (
        "import importlib, sys\n"
        f"for name in {list(pure)}: importlib.import_module(name)\n"
        f"print(*sorted({COMPILED | {'uvicorn', 'uvloop'}} & set(sys.modules)))\n"
    )
    done = run("-c", program)
    assert (done.stdout, done.stderr, done.returncode) == ("\n", "", 0)


@pytest.fixture
def incomplete(tmp_path: Path) -> dict[str, str]:
    """An environment with a copy of the package that lacks the compiled part."""
    shutil.copytree(
        PACKAGE,
        tmp_path / "fortepiano",
        ignore=shutil.ignore_patterns("*.so", "__pycache__"),
    )
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        timeout=50,
    )


def test_an_import_without_the_binary_says_so_in_one_line(incomplete: dict[str, str]) -> None:
    done = run("-c", "import fortepiano.native", env=incomplete)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ImportError")]
    assert "compiled part is missing" in line
    assert "make build" in line
    assert "During handling" not in done.stderr


def test_the_command_line_without_the_binary_says_so_in_one_line(
    incomplete: dict[str, str], tmp_path: Path
) -> None:
    data = str(tmp_path / "data")
    done = run("-m", "fortepiano", "serve", "--data-dir", data, env=incomplete)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("fortepiano: the program is incomplete: fortepiano's compiled part")


def test_the_folders_of_unit_tests_mirror_the_package() -> None:
    scripts = {"docs", "scripts"}  # generators of documents, and checks
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")} - {Path()}
    unknown = [
        folder.as_posix()
        for folder in folders
        if not (PACKAGE / folder).is_dir() and folder.name not in scripts
    ]
    assert not unknown, "no such folder in the package: put the tests where their module is"
