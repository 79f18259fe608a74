"""The systemd unit under which a server will run, where one is installed on this machine."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Unit", "unit_of"]

_NAME = "fortepiano.service"
_FOLDERS = (
    *("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"),
    *("/usr/lib/systemd/system", "/lib/systemd/system"),
)
_UNITS = {
    **{"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0},
    **{"h": 3600.0, "hr": 3600.0, "d": 86_400.0},
}
"""Units of time spans (systemd.time(7)); seconds."""

_PLACES = {
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
}
_STOP_SECONDS = 90.0
"""The default of TimeoutStopSec (systemd-system.conf(5))."""


@dataclass(frozen=True)
class Unit:
    """The settings of a unit that matter to the settings of the server.

    Attributes:
        path: The file of the unit.
        values: The values of each name, the last one last.
    """

    path: Path
    values: dict[str, list[str]]

    def last(self, name: str, default: str = "") -> str:
        """Return the value in force of a name that has one value."""
        return self.values.get(name, [default])[-1] or default

    def words(self, name: str) -> list[str]:
        """Return the words of all values of a name."""
        return [word for value in self.values.get(name, []) for word in value.split()]

    @property
    def has_sockets(self) -> bool:
        """Whether systemd holds the sockets of the server."""
        return self.path.with_suffix(".socket").exists()

    @property
    def stop_seconds(self) -> float:
        """How long systemd waits for the server to stop, before it kills the server."""
        text = self.last("TimeoutStopSec", self.last("TimeoutSec"))
        if text in ("infinity", "0"):
            return float("inf")
        parts = re.findall(r"([\d.]+)\s*([a-z]*)", text)
        return sum(float(number) * _UNITS.get(unit, 1.0) for number, unit in parts) or _STOP_SECONDS

    def forbids_writing(self, folder: Path) -> bool:
        """Return whether the sandbox of the unit makes a folder read-only.

        Args:
            folder: The absolute path of a folder.
        """
        open_to_it = [
            *(word.lstrip("-+") for word in self.words("ReadWritePaths")),
            *(f"{at}/{word}" for name, at in _PLACES.items() for word in self.words(name)),
        ]
        if any(folder.is_relative_to(path) for path in open_to_it):
            return False
        closed: list[str] = []
        if self.last("ProtectHome", "no") not in ("no", "false", "off", "0"):
            closed += ["/home", "/root", "/run/user"]
        protected = self.last("ProtectSystem", "no")
        if protected in ("yes", "true", "on", "1", "full", "strict"):
            closed += ["/usr", "/boot", "/efi"]
        if protected in ("full", "strict"):
            closed.append("/etc")
        if protected == "strict":  # with PrivateTmp /tmp can be written, but not found again
            closed.append("/")
        return any(folder.is_relative_to(path) for path in closed)


def unit_of(config_file: Path) -> Unit | None:
    """Return the installed unit that starts a server with a settings file; None without one.

    Args:
        config_file: The settings file.
    """
    folders = [part for part in os.environ.get("SYSTEMD_UNIT_PATH", "").split(":") if part]
    for folder in map(Path, folders or _FOLDERS):
        try:
            values = _values([folder / _NAME, *sorted((folder / f"{_NAME}.d").glob("*.conf"))])
        except (OSError, UnicodeDecodeError):
            continue
        unit = Unit(folder / _NAME, values)
        return unit if _starts_with(unit, config_file.absolute()) else None
    return None


def _starts_with(unit: Unit, config_file: Path) -> bool:
    """Return whether a unit starts the server with a settings file."""
    words = unit.words("ExecStart")
    folder = Path(unit.last("WorkingDirectory", "/"))
    for option, value in zip(words, [*words[1:], ""], strict=True):
        if option in ("-c", "--config"):
            return folder / value == config_file
        if option.startswith("--config="):
            return folder / option.removeprefix("--config=") == config_file
    return folder / "fortepiano.toml" == config_file


def _values(files: list[Path]) -> dict[str, list[str]]:
    """Read unit files; later ones add to the first, and an empty value empties a list."""
    values: dict[str, list[str]] = {}
    for name, value in _assignments("\n".join(file.read_text("utf-8") for file in files)):
        if value:
            values.setdefault(name, []).append(value)
        else:
            values.pop(name, None)
    return values


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    # A backslash at the end of a line joins it with the next one (systemd.syntax(7)).
    for line in text.replace("\\\n", " ").splitlines():
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith(("#", ";")):
            yield name.strip(), value.strip()
