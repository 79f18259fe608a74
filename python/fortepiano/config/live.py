"""The settings in force, in one cell that a reload changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.config import LimitSettings, Settings
    from fortepiano.config.rules import Rules

__all__ = ["Live"]


class Live:
    """The settings in force, and the rules of play that follow from them.

    All objects that read a setting or rule while the server runs hold the same cell and read it
    each time. So a reload sets `settings` here, and has no copies to change.

    Args:
        settings: The settings of the start.

    Attributes:
        rules: The rules of play of these settings.
    """

    __slots__ = ("_settings", "rules")

    rules: Rules

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def settings(self) -> Settings:
        """All settings in force."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        # The rules are resolved once and not at each reading: every note quota asks for them.
        self.rules = settings.rules.resolved()
        self._settings = settings

    @property
    def limits(self) -> LimitSettings:
        """The limits for clients in force."""
        return self._settings.limits
