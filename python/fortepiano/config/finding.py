"""Findings in settings that are right one by one: errors, and warnings for the operator."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fortepiano.config.sources import Keys, Origin
from fortepiano.errors import ConfigError

__all__ = ["Finding", "refuse_errors", "warning_lines"]


class Finding(NamedTuple):
    """A problem of one setting, or of several that cannot all be meant.

    Attributes:
        keys: The paths of the settings; the one to change comes first.
        text: The problem, and what to do.
        is_error: Whether a server with these settings cannot work.
    """

    keys: tuple[Keys, ...]
    text: str
    is_error: bool = False

    def line(self, origins: Mapping[Keys, Origin]) -> str:
        """Return the finding in one line, with the places of its settings.

        Args:
            origins: Where each setting comes from; those that are missing have their defaults.
        """
        places = [f"from {origins[key].place}" if key in origins else "" for key in self.keys]
        if len(self.keys) == 1:
            told = places[0] or "the default"
        else:
            told = "; ".join(
                f"{'.'.join(key)} {place or 'by default'}"
                for key, place in zip(self.keys, places, strict=True)
            )
        return f"{'.'.join(self.keys[0])}: {self.text} ({told})"


def refuse_errors(findings: Iterable[Finding], origins: Mapping[Keys, Origin]) -> None:
    """Raise an exception if one of the findings is an error.

    Args:
        findings: The findings.
        origins: Where each setting comes from.

    Raises:
        ConfigError: Has one line for each error.
    """
    errors = [finding.line(origins) for finding in findings if finding.is_error]
    if errors:
        raise ConfigError(errors)


def warning_lines(findings: Iterable[Finding], origins: Mapping[Keys, Origin]) -> list[str]:
    """Return one line for each finding that is no error.

    Args:
        findings: The findings.
        origins: Where each setting comes from.
    """
    return [finding.line(origins) for finding in findings if not finding.is_error]
