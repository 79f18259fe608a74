"""The program of this process, to be started once more: its command line and its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["MEMBER", "RESUME", "TAKE_OVER", "command", "environment", "interpreter"]

TAKE_OVER = "--take-over"
"""The option that gives a new process its descriptor of the channel to the old process."""

MEMBER = "--member"
"""The option that makes a process one of several, and says which."""

RESUME = "--resume"
"""The option that gives the new program of a parent what the program before it had."""


def command(*, without: tuple[str, ...] = (TAKE_OVER,)) -> list[str]:
    """Return a command line that starts this program once more, as it is installed now.

    Args:
        without: Options that end what is repeated of this process's arguments.
    """
    arguments = sys.argv[1:]
    for option in without:
        if option in arguments:
            del arguments[arguments.index(option) :]
    return [*interpreter(), "-m", "fortepiano", *arguments]


def interpreter() -> list[str]:
    """Return the Python that runs this program, as it is installed now, and its options."""
    return [_python(), *_options()]


def environment() -> dict[str, str]:
    """Return the environment of a new process: this one's, with two differences.

    Without WATCHDOG_PID the new process answers systemd's watchdog. An empty entry of PYTHONPATH
    would be the working folder.
    """
    variables = {name: text for name, text in os.environ.items() if name != "WATCHDOG_PID"}
    folders = variables.pop("PYTHONPATH", "").split(os.pathsep)
    named = [folder for folder in folders if folder not in ("", ".")]
    return variables | ({"PYTHONPATH": os.pathsep.join(named)} if named else {})


def _python() -> str:
    """Return the Python of the environment whose command `fortepiano` started this process.

    The environment's folder may be a symbolic link, which now leads to another version.
    `sys.executable` names the folder to which it led then.
    """
    program = Path(sys.argv[0])
    while program.is_symlink():
        program = program.parent / program.readlink()
    python = program.with_name("python")
    is_environment = (program.parent.parent / "pyvenv.cfg").is_file()
    is_known = program.is_absolute() and program.name != "__main__.py" and python.exists()
    return str(python) if is_known and is_environment else sys.executable


def _options() -> list[str]:
    """Return this interpreter's options, and `-P`: `-m` would look into the working folder."""
    flags = sys.flags
    chosen = {
        "-I": flags.isolated,
        "-E": flags.ignore_environment and not flags.isolated,
        "-s": flags.no_user_site and not flags.isolated,
        "-B": flags.dont_write_bytecode,
        "-O": flags.optimize == 1,
        "-OO": flags.optimize > 1,
        "-Xdev": flags.dev_mode,
        "-Xutf8": flags.utf8_mode,
    }
    warnings = dict.fromkeys(f"-W{option}" for option in sys.warnoptions)
    return ["-P", *(option for option, is_set in chosen.items() if is_set), *warnings]
