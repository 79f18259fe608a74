import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

import fortepiano
from fortepiano import cli, logs, sources
from fortepiano.config import Settings
from fortepiano.errors import AddressError, ExitStatus


@pytest.fixture(autouse=True)
def bare_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(sources.PREFIX) or name in sources.SEED_NAMES:
            monkeypatch.delenv(name)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Put a server in place that only notes what it was asked to serve."""
    calls: list[Settings] = []
    server = types.ModuleType("fortepiano.server")
    server.run = calls.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fortepiano.server", server)
    monkeypatch.setattr(logs, "configure", lambda level: None)
    return calls


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines: list[str] = err.splitlines()
    assert all(line.startswith("fortepiano: ") for line in lines)
    return lines


class TestServe:
    def test_without_flags(self, served: list[Settings]) -> None:
        assert cli.main(["serve"]) == 0
        assert served == [Settings()]

    def test_every_flag(self, served: list[Settings], tmp_path: Path) -> None:
        (tmp_path / "x.toml").write_text('motd = "hello"\nport = 1\n')
        status = cli.main(
            "serve --host ::1 --port 0 --internal-port 0 --data-dir /srv/piano"
            " --log-level DEBUG -c x.toml".split()
        )
        assert status == 0
        assert served == [
            Settings(
                host="::1",
                port=0,
                internal_port=0,
                data_dir=Path("/srv/piano"),
                log_level="debug",
                motd="hello",
            )
        ]

    def test_flags_win_over_the_environment(
        self, served: list[Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WS_PORT", "81")
        monkeypatch.setenv("FORTEPIANO_HOST", "10.0.0.1")
        assert cli.main(["serve", "--host", "10.0.0.2"]) == 0
        assert (served[0].host, served[0].port) == ("10.0.0.2", 81)

    def test_log_level_is_set(
        self, served: list[Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        levels: list[str] = []
        monkeypatch.setattr(logs, "configure", levels.append)
        cli.main(["serve", "--log-level", "warning"])
        assert levels == ["warning"]


@pytest.mark.usefixtures("served")
class TestMistakes:
    def test_wrong_value(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert complaint(capsys, "serve", "--port", "99999") == [
            "fortepiano: port: must be less than or equal to 65535, not 99999 (from --port)"
        ]

    def test_missing_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert complaint(capsys, "serve", "-c", "no.toml") == ["fortepiano: no.toml: no such file"]

    @pytest.mark.parametrize(
        "arguments",
        [
            ["serve", "--port", "abc"],
            ["serve", "--prot", "1"],
            ["serve", "--port"],
            ["serve", "extra"],
            ["sreve"],
        ],
    )
    def test_wrong_command_line(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str]
    ) -> None:
        (line,) = complaint(capsys, *arguments)
        assert len(line) > len("fortepiano: ")

    def test_the_servers_own_errors(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(settings: Settings) -> None:
            raise AddressError(settings.host, settings.port, "already in use")

        monkeypatch.setattr(sys.modules["fortepiano.server"], "run", run)
        assert complaint(capsys, "serve") == [
            "fortepiano: cannot listen on 0.0.0.0:8080: already in use"
        ]

    def test_missing_binary(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(sys.modules["fortepiano.server"], "run")
        (line,) = complaint(capsys, "serve")
        assert line.startswith("fortepiano: the program is incomplete: ")

    def test_settings_are_checked_before_the_binary_is_needed(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(sys.modules["fortepiano.server"], "run")
        monkeypatch.setenv("FORTEPIANO_PROT", "1")
        (line,) = complaint(capsys, "serve")
        assert "the nearest is FORTEPIANO_PORT" in line

    def test_a_bug_keeps_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(settings: Settings) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(sys.modules["fortepiano.server"], "run", run)
        with pytest.raises(ZeroDivisionError):
            cli.main(["serve"])

    def test_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(settings: Settings) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(sys.modules["fortepiano.server"], "run", run)
        assert cli.main(["serve"]) == ExitStatus.INTERRUPTED


class TestHelp:
    @pytest.mark.parametrize("arguments", [["version"], ["--version"]])
    def test_version(self, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
        assert cli.main(arguments) == 0
        assert capsys.readouterr().out == f"fortepiano {fortepiano.__version__}\n"

    @pytest.mark.parametrize("arguments", [[], ["--help"]])
    def test_help(self, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
        assert cli.main(arguments) == 0
        out = capsys.readouterr().out
        assert "serve" in out
        assert "version" in out

    def test_defaults_shown_are_the_real_ones(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["serve", "--help"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        defaults = Settings()
        for name in ("host", "port", "internal_port", "data_dir", "log_level"):
            assert f"--{name.replace('_', '-')} " in shown
            value = getattr(defaults, name)
            text = f"./{value}" if isinstance(value, Path) else value
            assert f"[default: {text}]" in shown or f"[default: ({text})]" in shown


class TestProcess:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=30,
        )

    def test_as_a_module(self) -> None:
        done = self.run("-m", "fortepiano", "--version")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"fortepiano {fortepiano.__version__}\n"

    def test_mistake_is_one_line_and_status_2(self) -> None:
        done = self.run("-m", "fortepiano", "serve", "--log-level", "loud")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("fortepiano: log_level: must be ")

    def test_importing_the_package_is_cheap(self) -> None:
        done = self.run(
            "-c",
            "import sys; before = set(sys.modules); import fortepiano;"
            "print(sorted(set(sys.modules) - before))",
        )
        assert done.stdout == "['fortepiano']\n"


def test_no_other_attribute_is_made_up() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = fortepiano.nonsense
