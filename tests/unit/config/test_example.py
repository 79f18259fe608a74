"""`gen-config`, `check-config` and docs/settings.md: all made from the model, and true to it."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fortepiano import cli
from fortepiano.config import Settings, load, read, running, sources
from fortepiano.config.example import Setting, example, settings, toml_value
from fortepiano.config.limits import SHARED
from settings_reference import updated

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"

SETTINGS = settings()

OTHERS: dict[str, object] = {
    "host": "192.0.2.1",
    "internal_host": "192.0.2.1",
    "data_dir": "elsewhere",
    "salt1": "oak and ash",
    "salt2": "thorn",
    "words_file": "words.txt",
    "motd": "Welcome",
    "store.url": "memory:",
    "store.prefix": "other",
    "cluster.url": "redis://192.0.2.1/0",
    "cluster.node": "piano-2",
    "proxy.trusted": ["192.0.2.0/24"],
    "limits.exempt": ["192.0.2.0/24"],
    "internal_hosts": ["metrics.internal"],
    "origins": ["https://piano.example.org"],
    "networks.lists": [{"name": "tor", "path": "tor.txt"}],
    "networks.allowed": ["192.0.2.0/24"],
    "limits.lag_soft_bytes": 300_000,
    "limits.lag_hard_bytes": 2_000_000,
    "flush.duty": 0.25,
}
"""Values that are no default, where none can be made up."""

NEEDED = {
    "cluster.url": ("store.url",),
    "cluster.processes": ("cluster.url", "store.url"),
}
"""Settings that are allowed only with others."""


@pytest.fixture(autouse=True)
def words(bare_world: None, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("fie\n")


def dotted(setting: Setting) -> str:
    return ".".join(setting.keys)


def other(setting: Setting) -> Any:
    """A value that is allowed and is not the default."""
    if dotted(setting) in OTHERS:
        return OTHERS[dotted(setting)]
    default = setting.default
    choices = [choice for choice in setting.allowed.split("`")[1::2] if choice != default]
    if isinstance(default, bool):
        return not default
    if isinstance(default, int | float):
        return default + 1
    return choices[0]


def in_full() -> str:
    """The file with every line that sets something taken out of its comment."""
    names = {".".join(setting.keys[1:] or setting.keys) for setting in SETTINGS}
    lines = [
        line[1:] if line[:1] == "#" and line[1:].partition(" = ")[0] in names else line
        for line in example().splitlines()
    ]
    return "\n".join(lines)


def test_the_file_as_it_comes_sets_nothing_new(tmp_path: Path) -> None:
    file = tmp_path / "fortepiano.toml"
    file.write_text(example())
    assert load(file, {}) == Settings()


def test_the_file_in_full_holds_every_setting_and_its_default(tmp_path: Path) -> None:
    held = dict(sources._flat(tomllib.loads(in_full())))
    assert held.keys() == {setting.keys for setting in SETTINGS}
    for setting in SETTINGS:
        if setting.default is not None:
            default = json.loads(toml_value(setting.default))
            assert held[setting.keys] == default, dotted(setting)
    file = tmp_path / "full.toml"
    file.write_text(in_full())
    changed = running.changes(Settings(), load(file, {}))
    assert {".".join(keys) for keys in changed} == {"identity.mode"}


def test_only_what_must_be_chosen_is_set() -> None:
    """A default that a later version makes better arrives: no default stands in the file."""
    keys = {setting.keys for setting in SETTINGS}
    held = {path for path, _ in sources._flat(tomllib.loads(example())) if path in keys}
    assert held == {("data_dir",), ("proxy", "trusted")}


@pytest.mark.parametrize("setting", SETTINGS, ids=dotted)
def test_each_commented_line_parses_by_itself(setting: Setting, tmp_path: Path) -> None:
    name, section = ".".join(setting.keys[1:] or setting.keys), ""
    lines = example().splitlines()
    for number, line in enumerate(lines):
        section = line.strip("[]") if line[:1] == "[" else section
        is_here = section == (setting.keys[0] if len(setting.keys) > 1 else "")
        if is_here and line.removeprefix("#").startswith(f"{name} = "):
            lines[number] = line.removeprefix("#")
    file = tmp_path / "one.toml"
    file.write_text("\n".join(lines))
    assert setting.keys in read(file, {}).origins


@pytest.mark.parametrize("setting", SETTINGS, ids=dotted)
def test_a_change_of_any_key_is_noticed(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ".".join(setting.keys[1:] or setting.keys)
    lines, section = example().splitlines(), ""
    for number, line in enumerate(lines):
        section = line.strip("[]") if line[:1] == "[" else section
        is_here = section == (setting.keys[0] if len(setting.keys) > 1 else "")
        if is_here and line.removeprefix("#").startswith(f"{name} = "):
            # Of tables within a list TOML differs from JSON by the sign between name and value.
            value = json.dumps(other(setting)).replace('": ', '" = ')
            lines[number] = f"{name} = {value}"
    needed = NEEDED.get(dotted(setting), ())
    for one in needed:
        variable = sources.PREFIX + one.upper().replace(".", sources.DELIMITER)
        monkeypatch.setenv(variable, OTHERS["cluster.url"])
    file = tmp_path / "changed.toml"
    file.write_text("\n".join(lines))
    changed = running.changes(Settings(), load(file, {}))
    if setting.keys == ("rules", "preset"):
        assert {"rules.preset", "rules.empty_room_ms"} <= {".".join(keys) for keys in changed}
    else:
        with_it = SHARED if setting.keys == ("limits", "people_per_address") else ()
        assert setting.keys in changed
        also = {("limits", name) for name in with_it} | {tuple(one.split(".")) for one in needed}
        assert changed.keys() <= {setting.keys, *also}


def test_every_setting_says_what_it_may_be() -> None:
    free = {"salt1", "salt2", "data_dir", "words_file", "proxy.trusted", "limits.exempt"}
    silent = {dotted(setting) for setting in SETTINGS if not setting.allowed}
    assert silent == free | {
        *("store.url", "cluster.url", "networks.allowed", "internal_hosts", "origins")
    }


def test_the_reference_is_the_models() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert updated(text) == text, "run `make docs`"
    assert all(f"`{'.'.join(one.keys[1:] or one.keys)}`" in text for one in SETTINGS)


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no"):
        updated("# Settings\n")


class TestCommands:
    def test_gen_config_to_stdout(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["gen-config"]) == 0
        assert capsys.readouterr().out == example()

    def test_gen_config_writes_a_file_for_its_owner_only(self, tmp_path: Path) -> None:
        assert cli.main(["gen-config", "new.toml"]) == 0
        assert (tmp_path / "new.toml").read_text() == example()
        assert stat.S_IMODE((tmp_path / "new.toml").stat().st_mode) == 0o600

    def test_gen_config_takes_what_must_be_chosen(self) -> None:
        arguments = "--data-dir /var/lib/x --trusted 127.0.0.1 --trusted ::1".split()
        assert cli.main(["gen-config", *arguments, "new.toml"]) == 0
        settings = load(Path("new.toml"), {})
        assert settings.data_dir == Path("/var/lib/x")
        assert settings.proxy.trusted == ("127.0.0.1/32", "::1/128")
        changed = running.changes(Settings(), settings)
        assert changed.keys() == {("data_dir",), ("proxy", "trusted")}

    def test_gen_config_writes_nothing_that_it_would_refuse(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["gen-config", "--trusted", "home", "new.toml"]) == 2
        assert capsys.readouterr().err.startswith("fortepiano: --trusted: 'home' is neither")
        assert not (tmp_path / "new.toml").exists()

    def test_gen_config_overwrites_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "mine.toml").write_text("port = 1\n")
        assert cli.main(["gen-config", "mine.toml"]) == 2
        assert capsys.readouterr().err == "fortepiano: mine.toml: File exists\n"
        assert (tmp_path / "mine.toml").read_text() == "port = 1\n"

    def test_check_config_without_any(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check-config"]) == 0
        assert capsys.readouterr().out == "The settings are fine: all are defaults.\n"

    def test_check_config_tells_where_each_value_comes_from(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "x.toml").write_text(
            'port = 1\nsalt1 = "k2Jd91xQpz0vWm7L"\n[limits]\nfragments = 7\nhandshakes = 8\n'
            "head_bytes = 16384\n"
            '[store]\nurl = "redis://me:secret@192.0.2.1/0"\n'
        )
        (tmp_path / ".env").write_text("FORTEPIANO_LIMITS__HANDSHAKES=9\n")
        monkeypatch.setenv("WS_PORT", "81")
        assert cli.main(["check-config", "-c", "x.toml"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "port = 81  (from WS_PORT in the environment)",
            "salt1 = ***  (from x.toml, line 2)",
            "store.url = redis://me:***@192.0.2.1/0  (from x.toml, line 8)",
            "limits.fragments = 7  (from x.toml, line 4)",
            "limits.handshakes = 9  (from FORTEPIANO_LIMITS__HANDSHAKES in .env, line 1)",
            "Set to what is the default: 1.",
            "The settings are fine.",
        ]

    def test_check_config_explains_each_mistake(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "x.toml").write_text(
            'prot = 1\nwords_file = "none.txt"\n[limits]\nfragments = "many"\n'
        )
        monkeypatch.setenv("FORTEPIANO_PORT", "99999")
        assert cli.main(["check-config", "-c", "x.toml"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert sorted(err.splitlines()) == [
            "fortepiano: limits.fragments: must be a valid integer, not 'many'"
            " (from x.toml, line 4)",
            "fortepiano: port: must be less than or equal to 65535, not '99999'"
            " (from FORTEPIANO_PORT in the environment)",
            "fortepiano: prot: no such setting, the nearest is port (from x.toml, line 1)",
            "fortepiano: words_file: none.txt cannot be read: No such file or directory"
            " (from x.toml, line 2)",
        ]

    def test_a_missing_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check-config", "-c", "no.toml"]) == 2
        assert capsys.readouterr().err == "fortepiano: no.toml: no such file\n"
