"""The files of the container, as far as they can be tested without a container engine."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from support.server import environment

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
CONTAINERFILE = (CONTAINER / "Containerfile").read_text()
FILES: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((CONTAINER / name).read_text())
    for name in ("compose.yaml", "compose.nodes.yaml")
}
"""The compose files: one server that is watched, and three nodes."""

SERVICES = [(name, service) for name, file in FILES.items() for service in file["services"]]
SERVERS = {"compose.yaml": ["fortepiano"], "compose.nodes.yaml": ["north", "south", "east"]}
ALL_SERVERS = [(name, server) for name, servers in SERVERS.items() for server in servers]
ONE: dict[str, dict[str, Any]] = FILES["compose.yaml"]["services"]
OURS = ONE["fortepiano"]

PINNED = re.compile(r"docker\.io/[\w./-]+:[\w.-]*\d+\.\d+\.\d+[\w.-]*|\S+@sha256:[0-9a-f]{64}")
"""An image with a whole version, or a digest."""

SECONDS = {"s": 1, "m": 60}


@cache
def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile with their arguments, on one line each."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def last(name: str) -> str:
    return [rest for one, rest in instructions() if one == name][-1]


def seconds(text: str) -> int:
    return int(text[:-1]) * SECONDS[text[-1]]


class TestContainerfile:
    def test_images_are_pinned(self) -> None:
        images = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
        assert len(images) == 2
        assert all(PINNED.fullmatch(image) for image in images), images

    def test_the_user_is_a_number(self) -> None:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))
        assert OURS.get("user") is None

    def test_its_commands_are_commands(self) -> None:
        assert last("ENTRYPOINT") == '["fortepiano"]'
        assert last("CMD") == '["serve"]'
        assert last("STOPSIGNAL") == "SIGTERM"

    def test_the_health_check_goes_by_the_settings(self) -> None:
        options, _, command = last("HEALTHCHECK").partition(" CMD ")
        given = dict(re.findall(r"--([\w-]+)=(\w+)", options))
        assert given.keys() == {"interval", "timeout", "start-period", "retries"}
        assert seconds(given["timeout"]) < seconds(given["interval"])
        assert yaml.safe_load(command) == ["fortepiano", "status", "--alive"]
        assert OURS["healthcheck"]["test"] == ["CMD", *yaml.safe_load(command)]

    def test_packages_are_locked_by_hashes(self) -> None:
        installs = re.findall(r"pip install ([^&]*)", " ".join(rest for _, rest in instructions()))
        assert len(installs) == 3
        assert all("--require-hashes" in one or "--no-deps" in one for one in installs)

    def test_it_copies_what_there_is(self) -> None:
        for name, rest in instructions():
            if name == "COPY" and not rest.startswith("--from"):
                *sources, _ = rest.split()
                assert all((ROOT / source).exists() for source in sources), rest
                assert all(source == "." or is_sent(source) for source in sources), rest

    def test_the_recorded_piano_is_in_it(self) -> None:
        assert "python3 scripts/samples.py" in CONTAINERFILE


class TestLock:
    @pytest.mark.parametrize(
        ("file", "group"), [("requirements.txt", ""), ("build-requirements.txt", "build")]
    )
    def test_it_fits_what_the_package_needs(self, file: str, group: str) -> None:
        """Run `make lock` after a change of the dependencies."""
        declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
        needed = (
            declared["dependency-groups"][group] if group else declared["project"]["dependencies"]
        )
        text = (CONTAINER / file).read_text()
        locked = {
            canonical(name): version
            for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
        }
        for requirement in map(Requirement, needed):
            assert requirement.specifier.contains(locked[canonical(requirement.name)]), requirement
            bounds = {one.operator for one in requirement.specifier}
            assert bounds & {"<", "<=", "==", "~="}, f"{requirement} has no upper bound"
        assert text.count("==") <= text.count("--hash=sha256:")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def is_sent(path: str) -> bool:
    """Return whether `.dockerignore` lets a file into the build; the last pattern counts."""
    found = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        is_exception = pattern.startswith("!")
        expression = (
            re.escape(pattern.removeprefix("!"))
            .replace(r"\*\*/", "(?:.*/)?")
            .replace(r"\*", "[^/]*")
        )
        if re.fullmatch(f"{expression}(?:/.*)?", path):
            found = is_exception
    return found


class TestIgnored:
    @pytest.mark.parametrize(
        "path",
        [
            *("data/fortepiano.sqlite3", "data/salts.json", "data/keys.json", ".env"),
            *("deploy/container/.env", "rust/.env", "python/.env.local", ".git/config"),
            *(".venv/bin/python", ".venv-3.13/bin/python", "rust/target/release/x"),
            *("rust/fuzz/target/x", "python/fortepiano/_core.so", "tests/conftest.py"),
            *("python/fortepiano/__pycache__/x.pyc", "fortepiano.toml", "dist/x.whl"),
        ],
    )
    def test_what_stays_outside(self, path: str) -> None:
        assert not is_sent(path)

    def test_what_the_wheel_is_made_of_goes_in(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "python", "rust", "ext"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        files = [line for line in listed.stdout.splitlines() if "/fuzz/" not in line]
        files += ["pyproject.toml", "LICENSE", "README.md", "scripts/samples.py"]
        assert [file for file in files if not is_sent(file)] == []


class TestCompose:
    @pytest.mark.parametrize(("file", "name"), SERVICES)
    def test_each_service_is_bounded_and_watched(self, file: str, name: str) -> None:
        service = FILES[file]["services"][name]
        assert service["restart"] == "unless-stopped"
        assert (service["read_only"], service["tmpfs"]) == (True, ["/tmp"])  # noqa: S108 - of the container
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}
        check = service["healthcheck"]
        assert {"test", "interval", "timeout", "start_period", "retries"} <= check.keys()
        if "image" in service:
            assert PINNED.fullmatch(service["image"]), service["image"]

    @pytest.mark.parametrize("file", FILES)
    def test_ports_are_published_to_this_machine_alone(self, file: str) -> None:
        """A port on every address would be past the firewall, and in the clear."""
        services = FILES[file]["services"].values()
        ports = [port for service in services for port in service.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in ports), ports
        published = [port.rpartition(":")[0] for port in ports]
        assert len(set(published)) == len(published)

    @pytest.mark.parametrize(("file", "name"), SERVICES)
    def test_what_is_mounted_is_there(self, file: str, name: str) -> None:
        for volume in FILES[file]["services"][name].get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (CONTAINER / source).exists(), source
                assert volume.endswith(":ro")
            else:
                assert source in FILES[file]["volumes"]

    @pytest.mark.parametrize(("file", "server"), ALL_SERVERS)
    def test_people_keep_their_addresses(self, file: str, server: str) -> None:
        """Caddy sees them on the machine's network; our server trusts the bridge to Caddy."""
        services = FILES[file]["services"]
        (config,) = FILES[file]["networks"]["default"]["ipam"]["config"]
        bridge = ipaddress.ip_network(config["subnet"])
        trusted = services[server]["environment"]["FORTEPIANO_PROXY__TRUSTED"]
        assert bridge == ipaddress.ip_network(trusted)
        assert bridge.is_private
        assert services["caddy"]["network_mode"] == "host"

    @pytest.mark.parametrize("file", FILES)
    def test_passwords_are_asked_for(self, file: str) -> None:
        asked = set(re.findall(r"\$\{(\w+)(.?\??)", (CONTAINER / file).read_text()))
        grafana = {("GRAFANA_PASSWORD", ":?")} if "grafana" in FILES[file]["services"] else set()
        assert asked == {("REDIS_PASSWORD", ":?"), *grafana}
        for name, service in FILES[file]["services"].items():
            if "redis" in service.get("image", ""):
                assert "--requirepass" in " ".join(service["command"]), name

    @pytest.mark.parametrize("file", FILES)
    def test_redis_keeps_what_was_acknowledged(self, file: str) -> None:
        services = FILES[file]["services"]
        command = " ".join(services["redis"]["command"])
        assert "--appendonly yes --appendfsync always" in command
        assert "--maxmemory-policy noeviction" in command
        for server in SERVERS[file]:
            assert services[server]["depends_on"]["redis"] == {"condition": "service_healthy"}

    @pytest.mark.parametrize(("file", "server"), ALL_SERVERS)
    def test_it_outlasts_the_drain(self, file: str, server: str) -> None:
        assert seconds(FILES[file]["services"][server]["stop_grace_period"]) > 10 + 10

    def test_nodes_differ_in_name_folder_and_ports_alone(self) -> None:
        services = FILES["compose.nodes.yaml"]["services"]
        own: dict[str, dict[str, Any]] = {name: dict(services[name]) for name in services}
        names = SERVERS["compose.nodes.yaml"]
        for name in names:
            environment_ = dict(own[name].pop("environment"))
            assert environment_.pop("FORTEPIANO_CLUSTER__NODE") == name
            assert own[name].pop("volumes") == [f"{name}:/var/lib/fortepiano"]
            own[name] |= {"environment": environment_, "ports": None}
        assert own["north"] == own["south"] == own["east"]
        assert "broker" in own["north"]["depends_on"]

    def test_caddy_finds_the_nodes(self) -> None:
        services = FILES["compose.nodes.yaml"]["services"]
        config = (CONTAINER.parent / "caddy" / "cluster.Caddyfile").read_text()
        (upstreams,) = re.findall(r"reverse_proxy (.*) {", config)
        published = [
            port.removesuffix(":8080")
            for name in SERVERS["compose.nodes.yaml"]
            for port in services[name]["ports"]
            if port.endswith(":8080")
        ]
        assert upstreams.split() == published

    def test_prometheus_finds_all(self) -> None:
        config = yaml.safe_load((CONTAINER / "prometheus.yml").read_text())
        (scraped,) = config["scrape_configs"][0]["static_configs"][0]["targets"]
        (alerted,) = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
        assert scraped == f"{OURS['environment']['FORTEPIANO_INTERNAL_HOSTS']}:9180"
        assert alerted.partition(":")[0] in ONE
        receivers = yaml.safe_load((ROOT / "deploy/prometheus/alertmanager.yml").read_text())
        assert receivers["route"]["receiver"] in {one["name"] for one in receivers["receivers"]}

    def test_grafana_finds_the_dashboard(self) -> None:
        folder = ROOT / "deploy" / "grafana" / "provisioning"
        providers = yaml.safe_load((folder / "dashboards" / "fortepiano.yml").read_text())
        (provider,) = providers["providers"]
        mounted = [volume.split(":")[1] for volume in ONE["grafana"]["volumes"]]
        assert f"{provider['options']['path']}/fortepiano.json" in mounted
        sources = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())
        (source,) = sources["datasources"]
        assert re.fullmatch(r"http://(\w+):9090", source["url"])


@pytest.mark.parametrize(("file", "server"), ALL_SERVERS)
def test_the_settings_of_both_are_settings(tmp_path: Path, file: str, server: str) -> None:
    variables = dict(re.findall(r"(FORTEPIANO_\w+)=(\S+)", last("ENV")))
    variables |= {
        name: re.sub(r"\$\{\w+:\?[^}]*\}", "a-password", value)
        for name, value in FILES[file]["services"][server]["environment"].items()
    }
    assert variables["FORTEPIANO_STORE__URL"] == "redis://:a-password@redis:6379/0"
    done = subprocess.run(
        [sys.executable, "-m", "fortepiano", "check-config"],
        cwd=tmp_path,
        env=environment(**(variables | {"FORTEPIANO_DATA_DIR": str(tmp_path)})),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("fortepiano: warning: internal_host: 0.0.0.0")
