"""Settings that this machine, or the unit that starts the server, does not allow."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest

from fortepiano import cli
from fortepiano.config import Settings
from fortepiano.config.finding import Finding
from fortepiano.server.installed_unit import Unit, unit_of
from fortepiano.server.machine import machine_findings

OURS = Path(__file__).parents[3] / "deploy" / "systemd" / "fortepiano.service"
NOBODY = 65534


@pytest.fixture(autouse=True)
def units(bare_world: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of systemd's units, which is empty."""
    folder = tmp_path / "units"
    folder.mkdir()
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(folder))
    return folder


@pytest.fixture
def unit(units: Path, tmp_path: Path) -> Path:
    """Our unit, for a settings file in the current folder and the user nobody."""
    text = OURS.read_text().replace("--config /etc/fortepiano/", f"--config {tmp_path}/")
    file = units / OURS.name
    file.write_text(re.sub("^(User|Group)=.*$", r"\1=nobody", text, flags=re.MULTILINE))
    return file


def found(settings: Settings, unit: Unit | None = None) -> list[Finding]:
    return list(machine_findings(settings, unit))


def errors(*arguments: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines: list[str] = err.splitlines()
    return lines


@pytest.mark.parametrize("key", ["host", "internal_host"])
@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("no-such-host.invalid", "is no address, and no name that is known here"),
        ("192.0.2.1", "is not an address of this machine"),
        ("2001:db8::1", "is not an address of this machine"),
        ("bad host", "is no address, and no name"),
        ("unix:/no/such/folder/s", "there is no folder /no/such/folder"),
        (f"unix:/{'x' * 200}", "is longer than the 107 bytes"),
    ],
)
def test_hosts_that_are_not_here(
    key: str, host: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.toml").write_text(f'motd = ""\n{key} = "{host}"\n')
    for command in ("check-config", "serve"):
        (line,) = errors(command, "-c", "x.toml", capsys=capsys)
        assert line.startswith(f"fortepiano: {key}: {host} ")
        assert told in line
        assert line.endswith("(from x.toml, line 2)")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::", "localhost"])
def test_hosts_that_are_here(host: str) -> None:
    assert found(Settings(host=host)) == []


def test_sockets_of_systemd_win_over_addresses() -> None:
    settings = Settings(host="192.0.2.1")
    assert list(machine_findings(settings, has_sockets=True)) == []


class TestFolder:
    def test_a_folder_that_can_be_made(self, tmp_path: Path) -> None:
        assert found(Settings(data_dir=tmp_path / "a" / "b")) == []

    def test_a_file_in_its_place(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("data").touch()
        for command in ("check-config", "serve"):
            (line,) = errors(command, capsys=capsys)
            assert line.startswith("fortepiano: data_dir: ")
            assert line.endswith("data is no folder (the default)")

    @pytest.mark.skipif(os.geteuid() != 0, reason="makes folders of other users")
    def test_the_owner_counts_for_root(self, tmp_path: Path) -> None:
        folder = tmp_path / "theirs"
        folder.mkdir(mode=0o500)
        os.chown(folder, NOBODY, NOBODY)
        (error,) = found(Settings(data_dir=folder))
        assert error.text == f"{folder} cannot be written by nobody"

    @pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
    def test_without_permission(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            os.seteuid(NOBODY)
            try:
                (written,) = found(Settings(data_dir=folder))
                (made,) = found(Settings(data_dir=folder / "data"))
            finally:
                os.seteuid(0)
        assert written.text == f"{folder} cannot be written by nobody"
        assert made.text == f"{folder / 'data'} cannot be made in {folder} by nobody"

    def test_memory_needs_no_folder(self) -> None:
        Path("data").touch()
        assert found(Settings.model_validate({"store": {"url": "memory:"}})) == []


class TestUnit:
    def test_only_the_unit_of_this_file_counts(self, unit: Path) -> None:
        found_unit = unit_of(Path("fortepiano.toml"))
        assert found_unit is not None
        assert (found_unit.path, found_unit.last("User")) == (unit, "nobody")
        assert unit_of(Path("other.toml")) is None
        unit.unlink()
        assert unit_of(Path("fortepiano.toml")) is None

    def test_drop_ins_add_to_it(self, unit: Path) -> None:
        folder = unit.with_name(f"{unit.name}.d")
        folder.mkdir()
        (folder / "1.conf").write_text("[Service]\nTimeoutStopSec=\nTimeoutStopSec=2min 5s\n")
        read = unit_of(Path("fortepiano.toml"))
        assert read is not None
        assert read.stop_seconds == 125

    @pytest.mark.parametrize(
        ("data_dir", "is_error"),
        [
            *(("./data", True), ("/var/lib/other", True), ("/home/ann/data", True)),
            *(("/var/lib/fortepiano", False), ("/var/lib/fortepiano/more", False)),
        ],
    )
    def test_the_sandbox(self, data_dir: str, is_error: bool) -> None:
        read = Unit(OURS, {"WorkingDirectory": ["/etc/fortepiano"], "ProtectSystem": ["strict"]})
        read.values["StateDirectory"] = ["fortepiano"]
        texts = [one.text for one in found(Settings(data_dir=Path(data_dir)), read)]
        assert [text.endswith(": take /var/lib/fortepiano") for text in texts] == [True] * is_error

    def test_the_forgotten_data_folder(
        self, unit: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("fortepiano.toml").write_text("port = 8080\n")
        (line,) = errors("check-config", capsys=capsys)
        assert f"/etc/fortepiano/data cannot be written under {unit}" in line
        assert line.endswith("take /var/lib/fortepiano (the default)")

    def test_the_drain(self, unit: Path) -> None:
        read = unit_of(Path("fortepiano.toml"))
        settings = Settings.model_validate(
            {"limits": {"drain_seconds": 3600}, "store": {"url": "memory:"}}
        )
        for given, most in ((read, "the 30 seconds"), (None, "the 30 seconds")):
            (warning,) = found(settings, given)
            assert not warning.is_error
            assert most in warning.text

    def test_the_default_of_systemd(self) -> None:
        assert Unit(OURS, {}).stop_seconds == 90
        assert Unit(OURS, {"TimeoutStopSec": ["infinity"]}).stop_seconds == float("inf")

    def test_open_files_and_ports_of_root(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A container may let everybody bind every port.
        (tmp_path / "first").write_text("1024\n")
        monkeypatch.setattr("fortepiano.server.machine._UNPRIVILEGED", tmp_path / "first")
        read = Unit(tmp_path / "x.service", {"User": ["nobody"], "LimitNOFILE": ["1024:4096"]})
        values = {"limits": {"sockets": 5000}, "port": 80, "store": {"url": "memory:"}}
        texts = {one.keys[-1]: one.text for one in found(Settings.model_validate(values), read)}
        assert texts["limits", "sockets"].startswith("5000 sockets are more than 4096 open files")
        assert texts["port",].startswith("80 is for root")


def test_a_list_that_is_missing() -> None:
    values = {"networks": {"lists": [{"name": "tor", "path": "no.txt"}]}}
    (warning,) = found(Settings.model_validate(values))
    assert warning.text.startswith("no.txt of the list tor does not exist")
