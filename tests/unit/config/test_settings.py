import dataclasses
from pathlib import Path

import pytest
from pydantic import ValidationError

from fortepiano import config
from fortepiano.config import (
    PRESETS,
    QuotaClass,
    Rate,
    Rules,
    RuleSettings,
    Settings,
    load,
    sources,
)
from fortepiano.errors import ConfigError

pytestmark = pytest.mark.usefixtures("bare_world")

ROOT = Path(__file__).parents[3]


def problems(config_file: Path | None = None, **flags: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(config_file, flags)
    assert all("\n" not in line for line in caught.value.problems)
    return caught.value.problems


class TestDefaults:
    def test_are_those_of_the_documentation(self) -> None:
        settings = load(None, {})
        assert (settings.host, settings.port) == ("0.0.0.0", 8080)
        assert (settings.internal_host, settings.internal_port) == ("127.0.0.1", 9180)
        assert settings.data_dir == Path("./data")
        assert settings.log_level == "info"
        assert settings.node_env == "production"
        assert settings.salt1.get_secret_value() == settings.salt2.get_secret_value() == ""
        assert settings.motd == settings.store.url == ""
        assert settings.limits.model_dump() == {
            "sockets": 0,
            "people_per_address": 0,
            "connections_per_address": 256,
            "sockets_per_address": 16,
            "sockets_per_48": 64,
            "sockets_per_user": 16,
            "connects_per_second": 5,
            "connect_burst": 20,
            "bytes_per_second": 1048576,
            "messages_per_second": 5000,
            "caused_bytes_per_second": 7_340_032,
            "burst_seconds": 5,
            "rooms_per_second": 1,
            "room_burst": 10,
            "new_users_per_hour": 3,
            "acts_per_second": 5,
            "act_burst": 50,
            "bans_per_room": 1000,
            "room_bans": 20_000,
            "failed_tokens_per_minute": 6,
            "failed_token_burst": 10,
            "addresses": 100_000,
            "exempt": ("127.0.0.0/8", "::1/128"),
            "message_bytes": 1_048_576,
            "fragments": 1024,
            "lag_soft_bytes": 262144,
            "lag_hard_bytes": 2_097_152,
            "stall_seconds": 10,
            "head_seconds": 10,
            "head_bytes": 16384,
            "handshakes": 4096,
            "hello_seconds": 30,
            "ping_seconds": 25,
            "pong_seconds": 10,
            "drain_seconds": 10,
        }
        assert settings.flush.model_dump() == {"duty": 0.75, "rest_ms": 20, "move_ms": 40}
        assert settings.rules.preset == "quick"

    def test_load_without_anything_is_the_same_as_no_arguments(self) -> None:
        assert load(None, {}) == Settings()

    def test_settings_alone_read_no_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORTEPIANO_PORT", "1")
        monkeypatch.setenv("PORT", "1")
        assert Settings().port == 8080

    def test_every_value_is_described(self) -> None:
        for keys, field in sources._fields(Settings):
            assert field.description, keys

    def test_the_example_holds_the_defaults(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text((ROOT / ".env.example").read_text())
        assert load(None, {}) == Settings()


class TestOrder:
    def test_each_layer_covers_the_ones_below(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "fortepiano.toml").write_text("port = 1\n")
        assert load(None, {}).port == 1
        (tmp_path / ".env").write_text("WS_PORT=2\n")
        assert load(None, {}).port == 2
        (tmp_path / ".env").write_text("WS_PORT=2\nFORTEPIANO_PORT=3\n")
        assert load(None, {}).port == 3
        monkeypatch.setenv("WS_PORT", "4")
        assert load(None, {}).port == 4
        monkeypatch.setenv("FORTEPIANO_PORT", "5")
        assert load(None, {}).port == 5
        assert load(None, {"port": 6}).port == 6
        assert load(None, {"port": None}).port == 5

    def test_sections_merge_value_by_value(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "fortepiano.toml").write_text("[limits]\nfragments = 7\nhandshakes = 8\n")
        monkeypatch.setenv("FORTEPIANO_LIMITS__HANDSHAKES", "9")
        limits = load(None, {}).limits
        assert (limits.fragments, limits.handshakes, limits.head_bytes) == (7, 9, 16384)

    def test_the_seeds_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "WS_PORT": "81",
            "NODE_ENV": "development",
            "SALT1": "a$b",
            "SALT2": "c",
        }.items():
            monkeypatch.setenv(name, value)
        settings = load(None, {})
        assert (settings.port, settings.node_env) == (81, "development")
        assert settings.salt1.get_secret_value() == "a$b"
        assert settings.salt2.get_secret_value() == "c"

    def test_a_named_file_stands_in_for_the_default_one(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text("port = 1\n")
        (tmp_path / "other.toml").write_text('motd = "hello"\n')
        settings = load(tmp_path / "other.toml", {})
        assert (settings.port, settings.motd) == (8080, "hello")

    def test_empty_variables_count_as_not_set(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORTEPIANO_PORT", "")
        (tmp_path / ".env").write_text("WS_PORT=\nSALT1\n")
        assert load(None, {}) == Settings()

    def test_dollars_in_dotenv_are_dollars(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("# salts\nexport SALT1='a${HOME}b' # mine\nOTHER=1\n")
        assert load(None, {}).salt1.get_secret_value() == "a${HOME}b"


class TestRefusals:
    def test_unknown_key_in_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text("prot = 1\n[limits]\nmesage_bytes = 1\n")
        assert problems() == (
            "prot: no such setting, the nearest is port (from fortepiano.toml, line 1)",
            "limits.mesage_bytes: no such setting, the nearest is limits.message_bytes"
            " (from fortepiano.toml, line 3)",
        )

    def test_unknown_flag(self) -> None:
        assert problems(data_dri="x") == (
            "--data-dri: no such setting, the nearest is --data-dir (from the command line)",
        )

    def test_unknown_section_even_when_empty(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text("[limts]\n[limits]\n")
        (line,) = problems()
        assert line.startswith("limts: no such setting")

    def test_unknown_variable_with_our_prefix(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORTEPIANO_LOGLEVEL", "info")
        (tmp_path / ".env").write_text("FORTEPIANO_RULES__CHAT_LENGHT=5\n")
        assert problems() == (
            "FORTEPIANO_RULES__CHAT_LENGHT: no such setting, the nearest is"
            " FORTEPIANO_RULES__CHAT_LENGTH (from .env, line 1)",
            "FORTEPIANO_LOGLEVEL: no such setting, the nearest is FORTEPIANO_LOG_LEVEL"
            " (from the environment)",
        )

    def test_section_given_as_a_value(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORTEPIANO_LIMITS", "{}")
        (line,) = problems()
        assert line.startswith(
            "FORTEPIANO_LIMITS: is a section, set its names such as FORTEPIANO_LIMITS__"
        )

    def test_value_given_as_a_section(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text("[port]\nnumber = 1\n")
        (line,) = problems()
        assert line.startswith("port.number: no such setting, the nearest is port")

    def test_line_tells_key_bound_value_and_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "fortepiano.toml").write_text("[flush]\nduty = 2\n")
        (tmp_path / ".env").write_text("WS_PORT=abc\n")
        monkeypatch.setenv("FORTEPIANO_LIMITS__FRAGMENTS", "0")
        assert problems(log_level="loud") == (
            "port: must be a valid integer, not 'abc' (from WS_PORT in .env, line 1)",
            "log_level: must be 'debug', 'info', 'warning' or 'error', not 'loud'"
            " (from --log-level)",
            "limits.fragments: must be greater than or equal to 1, not '0'"
            " (from FORTEPIANO_LIMITS__FRAGMENTS in the environment)",
            "flush.duty: must be less than or equal to 1, not 2 (from fortepiano.toml, line 2)",
        )

    def test_unknown_names_and_wrong_values_come_together(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text("prot = 1\nport = -1\n")
        assert len(problems()) == 2

    def test_long_values_are_cut(self) -> None:
        (line,) = problems(log_level="x" * 1000)
        assert len(line) < 200

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"port = ", "not TOML: "),
            (b"port = 1\nport = 2", "not TOML: "),
            (b'motd = "\xff"', "not UTF-8"),
        ],
    )
    def test_broken_file(self, tmp_path: Path, content: bytes, told: str) -> None:
        (tmp_path / "fortepiano.toml").write_bytes(content)
        (line,) = problems()
        assert line.startswith(f"fortepiano.toml: {told}")

    def test_named_file_must_exist(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing.toml"
        assert problems(missing) == (f"{missing}: no such file",)

    def test_folder_instead_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / ".env").mkdir()
        (tmp_path / "fortepiano.toml").mkdir()
        assert problems() == ("fortepiano.toml: Is a directory", ".env: Is a directory")

    def test_broken_dotenv(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("WS_PORT=1\n'unfinished=2\n")
        assert problems() == (".env: line 2 is not NAME=value",)
        (tmp_path / ".env").write_bytes(b"SALT1=\xff")
        assert problems() == (".env: not UTF-8: line 1 is in another encoding",)

    def test_a_part_of_a_list_is_named_with_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text(
            '[proxy]\ntrusted = ["127.0.0.1", "home"]\n\n[[networks.lists]]\nname = "a"\n'
            'path = "a.txt"\n[[networks.lists]]\nname = "b"\npath = "b"\neffect = "none"\n'
        )
        first, second = problems()
        assert first.startswith("proxy.trusted.1: 'home' is neither")
        assert first.endswith("(from fortepiano.toml, line 2)")
        assert second == (
            "networks.lists.1.effect: must be 'enter' or 'chat', not 'none'"
            " (from fortepiano.toml, line 10)"
        )

    @pytest.mark.parametrize("value", ["sqlite:///x", "redis:", "redis://", "redis://a b"])
    def test_stores_there_are_not(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("FORTEPIANO_STORE__URL", value)
        (line,) = problems()
        assert line.startswith("store.url: must be empty, `memory:`, or begin with one of redis,")

    def test_key_with_a_line_break_stays_on_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text('"a\\nb" = 1\n')
        (line,) = problems()
        assert line.startswith(r"'a\nb': no such setting")


class TestMode:
    @pytest.mark.parametrize("value", ["staging", "Development", "prod"])
    def test_anything_unknown_is_production(
        self, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("NODE_ENV", value)
        assert load(None, {}).node_env == "production"

    @pytest.mark.parametrize("value", ["development", "production", "test"])
    def test_known_ones_stay(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("NODE_ENV", value)
        assert load(None, {}).node_env == value

    def test_a_number_is_no_mode(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text("node_env = 5\n")
        (line,) = problems()
        assert line.startswith("node_env: must be")


class TestSalts:
    @pytest.mark.parametrize(
        "salt",
        ["change_me", "CHANGE-ME", "changeme2", "your_salt_here", "your_salt1_here", "salt",
         "some_random_string", "another_random_string", "xxx", "secret", "your salt"],
    )  # fmt: skip
    def test_placeholders_are_refused(self, monkeypatch: pytest.MonkeyPatch, salt: str) -> None:
        monkeypatch.setenv("SALT1", salt)
        (line,) = problems()
        assert line.startswith("salt1: must be a secret of your own")
        assert line.endswith("(from SALT1 in the environment)")
        assert repr(salt) not in line

    def test_development_may_have_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SALT2", "change_me")
        monkeypatch.setenv("NODE_ENV", "development")
        assert load(None, {}).salt2.get_secret_value() == "change_me"

    def test_never_shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SALT1", "hunter2-hunter2")
        assert "hunter2" not in repr(load(None, {}))
        (tmp_path / "fortepiano.toml").write_text("salt2 = 31337\n")
        (line,) = problems()
        assert "31337" not in line


class TestRules:
    def test_quick(self) -> None:
        rules = load(None, {}).rules.resolved()
        assert type(rules) is Rules
        assert rules == PRESETS["quick"]
        everybody = QuotaClass(8000, 24000)
        assert (rules.quota_lobby, rules.quota_normal, rules.quota_holder) == (everybody,) * 3
        assert (rules.quota_history, rules.quota_tick_ms, rules.quota_forgiven_ticks) == (
            3,
            1000,
            0,
        )
        assert (rules.crown_on_leave, rules.crown_idle_ms) == ("passes", 15_000)
        assert (rules.lobby_names, rules.lobby_limit) == ("plain", 0)
        assert rules.kickban_ceiling_ms == 86_400_000
        assert (rules.empty_room_ms, rules.silence_ms, rules.quota_in_hello) == (0, 0, True)

    def test_net(self) -> None:
        rules = RuleSettings(preset="net").resolved()
        assert rules == PRESETS["net"]
        assert rules.quota_lobby == QuotaClass(200, 600)
        assert rules.quota_normal == QuotaClass(400, 1200)
        assert rules.quota_holder == QuotaClass(600, 1800)
        assert (rules.quota_history, rules.quota_tick_ms, rules.quota_forgiven_ticks) == (
            3,
            2000,
            1,
        )
        assert (rules.crown_on_leave, rules.crown_idle_ms) == ("falls", 15_000)
        assert (rules.lobby_names, rules.lobby_limit) == ("numbered", 20)
        assert rules.kickban_ceiling_ms == 3_600_000
        assert (rules.empty_room_ms, rules.silence_ms, rules.quota_in_hello) == (
            3000,
            60_000,
            False,
        )

    def test_overrides_lie_over_the_preset_number_by_number(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "fortepiano.toml").write_text(
            '[rules]\npreset = "net"\nlobby_limit = 5\nrate_time = {burst = 1}\n'
        )
        monkeypatch.setenv("FORTEPIANO_RULES__QUOTA_NORMAL__MAX", "9999")
        rules = load(None, {}).rules.resolved()
        assert rules == dataclasses.replace(
            PRESETS["net"],
            lobby_limit=5,
            rate_time=Rate(1, 10),
            quota_normal=QuotaClass(400, 9999),
        )

    def test_must_be_a_table(self, tmp_path: Path) -> None:
        (tmp_path / "fortepiano.toml").write_text("rules = 5\n")
        (line,) = problems()
        assert line.startswith("rules: is a section")
        with pytest.raises(ValidationError):
            Settings(rules=5)  # type: ignore[arg-type]

    def test_are_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            Rules().chat_length = 1  # type: ignore[misc]

    def test_whole_classes_may_be_given(self) -> None:
        assert RuleSettings(quota_lobby=QuotaClass(1, 2)).resolved().quota_lobby.max == 2
        assert Settings(rules=RuleSettings(preset="net")).rules.resolved() == PRESETS["net"]

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ('preset = "slow"', "rules.preset: must be 'quick' or 'net', not 'slow'"),
            ("preset = []", "rules.preset: must be 'quick' or 'net', not []"),
            ("chat_length = 0", "rules.chat_length: must be greater than or equal to 1, not 0"),
            ("quota_lobby = {max = 0}", "rules.quota_lobby.max: must be greater than or equal"),
            ("quota_lobby = {maxx = 1}", "rules.quota_lobby.maxx: no such setting, the nearest is"),
            ("quota_lobby = 5", "rules.quota_lobby: is a section, set its names such as"),
            ("rate_time = {per_second = inf}", "rules.rate_time.per_second: must be"),
        ],
    )
    def test_wrong_ones(self, tmp_path: Path, line: str, told: str) -> None:
        (tmp_path / "fortepiano.toml").write_text(f"[rules]\n{line}\n")
        (problem,) = problems()
        assert problem.startswith(told)

    @pytest.mark.parametrize(
        ("kinds", "rate"),
        [
            (("a", "dm"), Rate(8, 1)),
            (("ch", "chset", "chown", "kickban", "unban", "+ls", "-ls"), Rate(10, 2)),
            (("userset",), Rate(30, 2)),
            (("t",), Rate(30, 10)),
            (("hi", "devices"), Rate(10, 1)),
            (("n", "m", "custom", "bye", "__proto__", "rate"), None),
        ],
    )
    def test_rate_of_each_kind(self, kinds: tuple[str, ...], rate: Rate | None) -> None:
        for kind in kinds:
            assert Rules().rate(kind) == rate

    def test_crown_holder_chats_faster(self) -> None:
        assert Rules().rate("a", holder=True) == Rules().rate("dm", holder=True) == Rate(10, 2.5)
        assert Rules().rate("t", holder=True) == Rate(30, 10)


def test_all_is_importable() -> None:
    for name in config.__all__:
        assert hasattr(config, name)


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert load(None, {"data_dir": Path("~/piano")}).data_dir == Path("/home/ann/piano")
