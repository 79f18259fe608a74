"""Settings that contradict each other, or open the server more than is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from fortepiano import cli
from fortepiano.config import read
from fortepiano.config.finding import warning_lines
from fortepiano.config.known_networks import CLOUDFLARE
from fortepiano.errors import ConfigError

STRONG = "b7d09c1e55aa4f02"


pytestmark = pytest.mark.usefixtures("bare_world")


def warnings(text: str) -> list[str]:
    file = Path("x.toml")
    file.write_text(text)
    reading = read(file, {})
    return warning_lines(reading.findings, reading.origins)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 9180", "internal_port: 9180 is the public port too"),
        ('internal_port = 8080\nhost = "127.0.0.1"', "internal_port: 8080 is the public port too"),
        ('port = 9180\nhost = "::"', "internal_port: 9180"),
        ('port = 9180\nhost = "localhost"', "internal_port: 9180"),
        ('host = "unix:/a/b"\ninternal_host = "unix:/a/b"', "internal_host: unix:/a/b is the"),
        ("[limits]\nlag_soft_bytes = 9000\nlag_hard_bytes = 8000", "limits.lag_soft_bytes: 9000"),
        ('[cluster]\nurl = "redis://a"', "store.url: must be a Redis that all nodes"),
        (
            '[cluster]\nurl = "redis://a"\n[store]\nurl = "memory:"',
            "store.url: must be a Redis that all nodes",
        ),
        ('[cluster]\nurl = "redis+cluster://a"', "cluster.url: must be one Redis, not a Redis Cl"),
        ('[cluster]\nurl = "memory:"', "cluster.url: must be empty, or begin with one of redis,"),
        ('[cluster]\nnode = "a b"', "cluster.node: "),
    ],
)
def test_what_cannot_work_is_refused_by_check_config_and_serve(
    text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.toml").write_text(text)
    for command in ("check-config", "serve"):
        assert cli.main([command, "-c", "x.toml"]) == 2
        out, err = capsys.readouterr()
        (line,) = err.splitlines()
        assert (out, line.startswith(f"fortepiano: {told}")) == ("", True), line
        assert "x.toml, line " in line


@pytest.mark.parametrize(
    "text",
    [
        "port = 0\ninternal_port = 0",
        'port = 9180\nhost = "127.0.0.2"',
        'port = 9180\nhost = "::1"',
        'host = "unix:/a/b"\nport = 9180\n[proxy]\ntrusted = ["unix:/a/b"]',
    ],
)
def test_ports_that_differ_by_their_address_are_fine(text: str) -> None:
    assert warnings(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('internal_host = "0.0.0.0"', "internal_host: 0.0.0.0 lets others reach"),
        ('internal_host = "::"', "internal_host: :: lets others reach"),
        ('internal_host = "8.8.8.8"', "internal_host: 8.8.8.8 lets others reach"),
        ('[proxy]\ntrusted = ["0.0.0.0/0"]', "proxy.trusted: 0.0.0.0/0 is a good part"),
        ('[proxy]\ntrusted = ["::/0"]', "proxy.trusted: ::/0 is a good part"),
        ('[proxy]\ntrusted = ["128.0.0.0/1"]', "proxy.trusted: 128.0.0.0/1 is a good part"),
        ('[proxy]\ntrusted = ["172.64.0.0/13"]', "proxy.trusted: lacks 21 of Cloudflare's"),
        ('[proxy]\ntrusted = ["unix:/a"]', "proxy.trusted: unix:/a has no effect"),
        ('host = "unix:/a"', "proxy.trusted: unix:/a is not in it"),
        ("[proxy]\nprotocol = true", "proxy.protocol: no proxy is trusted"),
        ('[proxy]\nheader = "forwarded"', "proxy.header: no proxy is trusted"),
        ('[proxy]\nheader = "none"\ntrusted = ["127.0.0.1"]', "proxy.trusted: trusts proxies"),
        ('[limits]\nexempt = ["0.0.0.0/0"]', "limits.exempt: 0.0.0.0/0 is a good part"),
        ("[limits]\nsockets_per_48 = 8", "limits.sockets_per_address: 16 is more than"),
        ("[limits]\nconnections_per_address = 8", "limits.sockets_per_address: 16 is more than"),
        ("[limits]\nsockets_per_address = 99", "limits.sockets_per_address: 99 is more than"),
        ("[limits]\nsockets = 8", "limits.sockets_per_address: 16 is more than limits.sockets, 8"),
        ("[limits]\nbans_per_room = 30000", "limits.bans_per_room: 30000 is more than"),
        ("[limits]\nmessage_bytes = 8000000", "limits.message_bytes: 8000000 is more than"),
        ("[rules]\ncustom_bytes = 1048576\n[limits]\nmessage_bytes = 4096", "rules.custom_bytes"),
        ("[rules.quota_normal]\nallowance = 30000", "rules.quota_normal.allowance: 30000"),
        ("[rules.quota_lobby]\nmax = 10", "rules.quota_lobby.allowance: 8000 is more"),
        ("[rules]\nkickban_ceiling_ms = 1000", "rules.kickban_usual_ms: 1800000 is more"),
        ("[rules]\nsilence_ms = 5000", "rules.silence_ms: clients send"),
        ('[store]\nprefix = "x"', "store.prefix: has no effect"),
        ('[store]\nurl = "memory:"\n[chat]\nkeep = "permanent"', "chat.keep: no chat survives"),
        ('[cluster]\nnode = "a"', "cluster.node: has no effect"),
        ("[cluster]\ngap_ms = 3", "cluster.gap_ms: has no effect"),
        ("[limits]\npeople_per_address = 30", "limits.people_per_address: all who share"),
        (
            '[identity]\nmode = "token"\n[limits]\npeople_per_address = 30\nroom_burst = 10',
            "limits.people_per_address: 30 people need more than what is set for room_burst",
        ),
    ],
)
def test_what_is_hardly_meant_is_a_warning(
    text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = warnings(text)
    assert any(line.startswith(told) for line in found), found
    assert all("x.toml, line " in line and "\n" not in line for line in found)
    if 'host = "unix' in text or '"8.8' in text:
        return  # not an address of this machine
    assert cli.main(["check-config", "-c", "x.toml"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines() == [f"fortepiano: warning: {line}" for line in found]
    assert out.splitlines()[-1] == f"The settings can be used; warnings: {len(found)}."


def test_a_cluster_with_a_store_of_all_nodes_is_fine() -> None:
    store = '[store]\nurl = "redis+cluster://a"\n'
    assert warnings(store + '[cluster]\nurl = "redis+sentinel://a/b"\nnode = "a"') == []


@pytest.mark.parametrize("preset", ["quick", "net"])
def test_the_presets_contradict_nothing(preset: str) -> None:
    assert warnings(f'[rules]\npreset = "{preset}"') == []


@pytest.mark.parametrize(
    "trusted",
    [["10.0.0.0/8", "fc00::/7", "127.0.0.1", "203.0.113.4"], list(CLOUDFLARE), ["198.51.100.0/24"]],
)
def test_usual_proxies_are_trusted_without_a_word(trusted: list[str]) -> None:
    assert warnings(f"[proxy]\ntrusted = {trusted!r}".replace("'", '"')) == []


class TestSalts:
    @pytest.mark.parametrize(
        ("salt1", "salt2"),
        [
            ("abc", ""),
            ("abc", "abd"),
            ("a" * 40, ""),
            ("abcdefghijklmnopqrstuvwxyz", ""),
            ("12345678901234567890", ""),
            ("passwordpassword", ""),
            ("some_random_string::ffff:", "abc"),
            ("undefined::ffff:", "abc"),
            ("", "hunter2"),
        ],
    )
    def test_weak_ones(self, salt1: str, salt2: str) -> None:
        (line,) = warnings(f'salt1 = "{salt1}"\nsalt2 = "{salt2}"')
        assert line.startswith("salt1: the salts are easily guessed")
        assert all(salt not in line for salt in (salt1, salt2) if len(salt) > 3)

    @pytest.mark.parametrize(
        ("salt1", "salt2"),
        [
            *(("", ""), (STRONG, ""), ("", STRONG), (STRONG[:8], STRONG[8:])),
            *((f"{STRONG}::ffff:", ""), ("undefined::ffff:", STRONG)),
            ("correct horse battery staple", ""),
        ],
    )
    def test_strong_ones(self, salt1: str, salt2: str) -> None:
        assert warnings(f'salt1 = "{salt1}"\nsalt2 = "{salt2}"') == []

    def test_development_may_have_any(self) -> None:
        assert warnings('salt1 = "abc"\nnode_env = "development"') == []

    def test_the_variables_of_quick_mpp_server(self) -> None:
        """Node hashes `::ffff:192.0.2.1`, so its `.env` as it is changes all ids."""
        Path(".env").write_text(f"WS_PORT=8080\nSALT1={STRONG}\nSALT2=y7\n")
        (line,) = warnings("")
        assert line.startswith("salt1: if these are the variables of quick-mpp-server")
        assert line.endswith("(from SALT1 in .env, line 2)")
        Path(".env").write_text(f"WS_PORT=8080\nSALT1={STRONG}::ffff:\nSALT2=y7\n")
        assert warnings("") == []


def test_errors_and_wrong_values_name_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.toml").write_text("port = 7000\n")
    Path(".env").write_text("\n\nFORTEPIANO_INTERNAL_PORT=7000\n")
    assert cli.main(["check-config", "-c", "x.toml"]) == 2
    assert capsys.readouterr().err == (
        "fortepiano: internal_port: 7000 is the public port too: metrics and administration need"
        " another one (internal_port from FORTEPIANO_INTERNAL_PORT in .env, line 3; port from"
        " x.toml, line 1; internal_host by default; host by default)\n"
    )


def test_a_reload_refuses_what_a_start_refuses() -> None:
    Path("x.toml").write_text("[limits]\nlag_soft_bytes = 9000\nlag_hard_bytes = 8000")
    with pytest.raises(ConfigError, match=r"limits\.lag_soft_bytes: 9000 is more than"):
        read(Path("x.toml"), {})
