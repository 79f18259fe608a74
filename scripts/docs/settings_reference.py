"""Write the tables of settings: `settings_reference.py docs/settings.md`.

The tables are generated from the declarations of the settings and stand between two marks. A test
checks that the file is up to date.
"""

from __future__ import annotations

from dataclasses import is_dataclass

from pydantic import BaseModel

from fortepiano.config import PRESETS
from fortepiano.config.example import Setting, settings, toml_value
from fortepiano.config.running import needs_restart
from fortepiano.config.sources import SEED_NAMES, Keys
from marked_section import replace_section, update_document

__all__ = ["reference", "updated"]

_BEGIN = "<!-- settings: made by `make docs` -->"
_END = "<!-- settings: end -->"


def reference() -> str:
    """Return the tables of all settings, as Markdown."""
    lines: list[str] = []
    section: str | None = None
    for setting in settings():
        at = setting.keys[0] if len(setting.keys) > 1 else ""
        if at != section:
            section = at
            title = f"### `[{at}]`" if at else "### At the top"
            lines += ["", title, "", "| setting | default | allowed | | change |", "|" + "---|" * 5]
        lines.append(_row(setting))
    return "\n".join(lines).strip()


def _row(setting: Setting) -> str:
    name = f"`{'.'.join(setting.keys[1:] or setting.keys)}`"
    seed = [variable for variable, field in SEED_NAMES.items() if (field,) == setting.keys]
    if seed:
        name += f", `{seed[0]}`"
    change = "restart" if needs_restart(setting.keys) else "reload"
    cells = [name, _default(setting), setting.allowed, setting.description, change]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(setting: Setting) -> str:
    """Return the default as Markdown; of a rule, the default of each preset if they differ."""
    defaults = {"": toml_value(setting.default)}
    if setting.keys[0] == "rules" and setting.keys != ("rules", "preset"):
        keys = setting.keys[1:]
        defaults = {name: toml_value(_value_at(rules, keys)) for name, rules in PRESETS.items()}
    if len(set(defaults.values())) == 1:
        text = next(iter(defaults.values()))
        return f"`{text}`" if text else "unset"
    return ", ".join(f"`{text}` (`{name}`)" for name, text in defaults.items())


def _value_at(tree: object, keys: Keys) -> object:
    for key in keys:
        assert isinstance(tree, BaseModel) or is_dataclass(tree)  # noqa: S101 - for the type checker
        tree = getattr(tree, key)
    return tree


def updated(text: str) -> str:
    """Return a document with the tables between its marks replaced by new ones.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, _BEGIN, _END, reference())


if __name__ == "__main__":
    update_document(updated)
