import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import types
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import structlog.testing

import fortepiano
from fortepiano import cli
from fortepiano.config import Settings
from fortepiano.errors import AddressError, ExitStatus
from fortepiano.model.tokens import digest
from fortepiano.observe import logs
from fortepiano.store import DATABASE, TokenRecord, open_store
from fortepiano.store.sqlite import SQLiteStore

pytestmark = pytest.mark.usefixtures("bare_world")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Put a server in place that only notes what it was asked to serve."""
    calls: list[Settings] = []
    server = types.ModuleType("fortepiano.server.process")
    server.run = lambda settings, *_: calls.append(settings)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fortepiano.server.process", server)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
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
        monkeypatch.setenv("FORTEPIANO_HOST", "127.0.0.2")
        assert cli.main(["serve", "--host", "127.0.0.3"]) == 0
        assert (served[0].host, served[0].port) == ("127.0.0.3", 81)

    def test_warnings_are_logged_once(
        self, served: list[Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SALT1", "abc")
        monkeypatch.setenv("FORTEPIANO_LIMITS__DRAIN_SECONDS", "3600")
        with structlog.testing.capture_logs() as lines:
            assert cli.main(["serve"]) == 0
        assert [line["log_level"] for line in lines] == ["warning", "warning"]
        first, second = (line["setting"] for line in lines)
        assert first.startswith("salt1: the salts are easily guessed")
        assert second.startswith("limits.drain_seconds: 3600")
        assert len(served) == 1

    def test_log_level_is_set(
        self, served: list[Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[tuple[str, ...]] = []
        monkeypatch.setattr(logs, "configure", lambda *arguments: asked.append(arguments))
        monkeypatch.setenv("FORTEPIANO_LOG_SEVERITIES", "always")
        cli.main(["serve", "--log-level", "warning"])
        assert asked == [("warning", "always")]


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
        def run(settings: Settings, *_: object) -> None:
            raise AddressError(settings.host, settings.port, "already in use")

        monkeypatch.setattr(sys.modules["fortepiano.server.process"], "run", run)
        assert complaint(capsys, "serve") == [
            "fortepiano: cannot listen on 0.0.0.0:8080: already in use"
        ]

    def test_missing_binary(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(sys.modules["fortepiano.server.process"], "run")
        (line,) = complaint(capsys, "serve")
        assert line.startswith("fortepiano: the program is incomplete: ")

    def test_settings_are_checked_before_the_binary_is_needed(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(sys.modules["fortepiano.server.process"], "run")
        monkeypatch.setenv("FORTEPIANO_PROT", "1")
        (line,) = complaint(capsys, "serve")
        assert "the nearest is FORTEPIANO_PORT" in line

    def test_a_bug_keeps_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(settings: Settings, *_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(sys.modules["fortepiano.server.process"], "run", run)
        with pytest.raises(ZeroDivisionError):
            cli.main(["serve"])

    def test_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(settings: Settings, *_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(sys.modules["fortepiano.server.process"], "run", run)
        assert cli.main(["serve"]) == ExitStatus.INTERRUPTED


class TestToken:
    @pytest.fixture(autouse=True)
    def quiet(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Leave the logging of the tests alone; note the level that was asked for."""
        levels: list[str] = []
        monkeypatch.setattr(logs, "configure", levels.append)
        return levels

    def create(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert cli.main(["token", "create", *arguments]) == 0
        out, err = capsys.readouterr()
        token: str = out.removesuffix("\n")
        assert f"token revoke {token.split('_')[1]}\n" in err
        return token

    def kept(self, data_dir: str = "data") -> list[TokenRecord]:
        with closing(open_store(Settings(data_dir=Path(data_dir)))) as store:
            return store.tokens()

    def test_what_is_shown_is_what_is_kept(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = time.time() * 1000
        token = self.create(capsys, "--scope", "moderate", "--label", "Ann's bot", "--days", "7")
        (record,) = self.kept()
        assert digest(token) == record.digest
        assert (record.scope, record.label) == ("moderate", "Ann's bot")
        assert before - 1 <= record.created <= time.time() * 1000
        assert record.expires == record.created + 7 * 24 * 60 * 60 * 1000

    def test_without_an_end_and_a_label(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.create(capsys, "--scope", "admin")
        (record,) = self.kept()
        assert (record.scope, record.label, record.expires) == ("admin", "", None)

    @pytest.mark.parametrize("command", ["create", "list", "revoke"])
    def test_settings_are_those_of_serve(
        self, command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        (tmp_path / "x.toml").write_text('data_dir = "theirs"\n')
        self.create(capsys, "--scope", "read", "-c", "x.toml")
        self.create(capsys, "--scope", "read", "-c", "x.toml", "--data-dir", "ours")
        (token,) = self.kept("theirs")
        assert self.kept("ours") != [token]
        more = {"create": ["--scope", "read"], "list": [], "revoke": [token.id]}[command]
        assert cli.main(["token", command, *more, "-c", "x.toml"]) == 0
        assert len(self.kept("theirs")) == {"create": 2, "list": 1, "revoke": 0}[command]

    def test_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        records = [
            TokenRecord("0000000a", "d1", "admin", "Béa 🎹", 1_795_300_000_000, None),
            TokenRecord("0000000b", "d2", "read", "", 1_795_300_060_000, 4_102_444_800_000),
            TokenRecord("0000000c", "d3", "moderate", "old", 1_795_300_120_000, 1_795_300_120_001),
            TokenRecord("0000000d", "d4", "bot", "robot", 1_795_300_180_000, None, "b" * 24),
            TokenRecord(
                "a" * 24, "", "user", "", 1_795_300_240_000, None, "a" * 24, 1_795_300_240_000
            ),
        ]
        with closing(open_store(Settings())) as store:
            for record in reversed(records):
                store.save_token(record)
        assert cli.main(["token", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["ID", "SCOPE", "CREATED", "EXPIRES", "USER", "LABEL"]
        assert [re.split(r"  +", line) for line in lines[1:]] == [
            ["0000000a", "admin", "2026-11-21 22:26", "never", "Béa 🎹"],
            ["0000000b", "read", "2026-11-21 22:27", "2100-01-01 00:00"],
            ["0000000c", "moderate", "2026-11-21 22:28", "expired", "old"],
            ["0000000d", "bot", "2026-11-21 22:29", "never", "b" * 24, "robot"],
            ["a" * 24, "user", "2026-11-21 22:30", "revoked", "a" * 24],
        ]
        assert {line.index("2026") for line in lines[1:]} == {lines[0].index("CREATED")}

    @pytest.mark.parametrize("scope", ["bot", "user"])
    def test_a_token_can_be_a_certain_user(
        self, capsys: pytest.CaptureFixture[str], scope: str
    ) -> None:
        self.create(capsys, "--scope", scope, "--user", "a" * 24)
        self.create(capsys, "--scope", scope)
        first, second = (token.user_id for token in self.kept("data"))
        assert first != second
        assert "a" * 24 in {first, second}
        assert all(re.fullmatch("[0-9a-f]{24}", user) for user in (first, second))

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--scope", "admin", "--user", "a" * 24], "is for a bot or a user"),
            (["--scope", "bot", "--user", "x"], "must be a user id: 24 hex digits in lower case"),
            (["--scope", "bot", "--user", "A" * 24], "must be a user id"),
        ],
    )
    def test_any_other_user_is_a_mistake(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
    ) -> None:
        assert cli.main(["token", "create", *arguments]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert problem in told.err

    def test_of_a_user_all_tokens_of_browsers_are_revoked(self) -> None:
        assert cli.main(["token", "revoke", "a" * 24]) == 0
        (record,) = self.kept("data")
        assert (record.user_id, record.scope, record.digest) == ("a" * 24, "user", "")
        assert record.revoked == record.created

    def test_keys_are_rotated(self, capsys: pytest.CaptureFixture[str]) -> None:
        for count in (1, 2, 3, 3):
            assert cli.main(["token", "rotate"]) == 0
            assert f"signs from now on; {count} keys are accepted" in capsys.readouterr().out
        assert len(json.loads(Path("data/keys.json").read_text())["keys"]) == 3

    def test_in_memory_there_are_none(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORTEPIANO_STORE__URL", "memory:")
        assert cli.main(["token", "rotate"]) == 2
        assert "store.url: memory: keeps no keys" in capsys.readouterr().err

    def test_a_revoked_one_is_gone(self, capsys: pytest.CaptureFixture[str]) -> None:
        gone, stays = (self.create(capsys, "--scope", "read") for _ in range(2))
        assert cli.main(["token", "revoke", gone.split("_")[1]]) == 0
        assert capsys.readouterr().out == ""
        assert [record.digest for record in self.kept()] == [digest(stays)]

    def test_unknown_id(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = complaint(capsys, "token", "revoke", "nobody's")
        assert "ID: no token has it" in line

    def test_a_running_server_accepts_and_refuses(self, capsys: pytest.CaptureFixture[str]) -> None:
        server = SQLiteStore(Path("data") / DATABASE)
        server.open()
        with closing(server):
            token = self.create(capsys, "--scope", "admin")
            with server._changed:
                found = server._changed.wait_for(lambda: server.token(digest(token)), 10)
            assert found is not None
            assert cli.main(["token", "revoke", found.id]) == 0
            with server._changed:
                assert server._changed.wait_for(lambda: not server.tokens(), 10)

    @pytest.mark.parametrize(
        "arguments", [["create", "--scope", "read"], ["list"], ["revoke", "0000000a"]]
    )
    def test_memory_keeps_no_tokens(
        self,
        arguments: list[str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("FORTEPIANO_STORE__URL", "memory:")
        assert complaint(capsys, "token", *arguments) == [
            "fortepiano: store.url: memory: keeps nothing that a server would find;"
            " choose another store for tokens"
        ]
        assert not Path("data").exists()

    def test_a_token_that_could_not_be_kept_is_not_shown(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        quiet: list[str],
    ) -> None:
        def opened(settings: Settings, _lease: object, **_: object) -> SQLiteStore:
            path = settings.data_dir / DATABASE
            store = SQLiteStore(path, busy_seconds=0.01, close_seconds=0.01)
            store.open()
            blocker.enter_context(closing(sqlite3.connect(path, isolation_level=None))).execute(
                "BEGIN IMMEDIATE"
            )
            return store

        monkeypatch.setattr("fortepiano.store.open_store", opened)
        with ExitStack() as blocker, structlog.testing.capture_logs():
            (line,) = complaint(capsys, "token", "create", "--scope", "read")
        assert line.endswith("the last changes are lost: database is locked")
        assert quiet == ["critical"]  # the log would be on stdout too
        assert self.kept() == []

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--scope", "all"],
            ["--scope", "read", "--days", "0"],
            ["--scope", "read", "--days", "36501"],
            ["--scope", "read", "--label", "a\nb"],
            ["--scope", "read", "--label", "\x1b[2J"],
            ["--scope", "read", "--label", "x" * 81],
        ],
    )
    def test_wrong_command_line(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        (line,) = complaint(capsys, "token", "create", *arguments)
        assert re.search("--(scope|days|label)'", line)
        assert not Path("data").exists()

    def test_unusable_data(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("data").write_text("")
        (line,) = complaint(capsys, "token", "list")
        assert line.startswith(f"fortepiano: data/{DATABASE}: cannot be written: ")

    def test_alone_it_shows_its_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["token"]) == 0
        out = capsys.readouterr().out
        assert all(f"\n  {command}  " in out for command in ("create", "list", "revoke"))


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
