"""docs/operating.md, "From nothing to production", run literally on a clean machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.clean_machine import CleanMachine

TEXT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")

LOOK = """
echo "== $(stat -c '%U %a' fortepiano.toml /var/lib/fortepiano | tr '\\n' ' ')"
for address in 127.0.0.1 ::1; do
    echo "== $address $(curl --silent --insecure --output /dev/null --write-out '%{http_code}' \\
        --resolve "piano.example.org:443:$address" https://piano.example.org/my-room)"
done
nginx -T 2>/dev/null | grep -E '^\\s*worker_(connections|rlimit_nofile)' | sed 's/^\\s*/== /'
cat /var/log/fortepiano.log
"""
"""Commands that show what the first steps have made."""

pytestmark = [
    pytest.mark.needs("nginx"),
    pytest.mark.needs("openssl"),
    pytest.mark.needs("curl"),
    pytest.mark.needs("runuser"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def machine(tmp_path: Path) -> CleanMachine:
    return CleanMachine(tmp_path)


def first_steps() -> str:
    (block,) = re.findall(r"^```sh as root in the tree\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(block)


def test_one_block_leads_from_nothing_to_production(machine: CleanMachine) -> None:
    done = machine.run(first_steps() + LOOK)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "The settings are fine." in done.stdout
    assert re.search(r"^fortepiano \S+, ready$", done.stdout, re.MULTILINE)
    looked = [line[3:].strip() for line in done.stdout.splitlines() if line.startswith("== ")]
    assert looked == [
        "fortepiano 600 fortepiano 700",
        "127.0.0.1 200",
        "::1 200",
        "worker_rlimit_nofile 20000;",
        "worker_connections 8192;",
    ]
    assert not re.search(r'"level": "(warning|error)"', done.stdout)
    assert machine.path("/var/lib/fortepiano/fortepiano.sqlite3").exists()
    assert not (machine.path("/var/log/nginx/access.log").read_text()).strip()


def test_the_block_may_be_run_again(machine: CleanMachine) -> None:
    assert machine.run(first_steps()).returncode == 0
    settings = machine.path("/etc/fortepiano/fortepiano.toml")
    settings.write_text(settings.read_text().replace('#motd = ""', 'motd = "Hello"'))
    again = machine.run(first_steps())
    assert again.returncode == 0, f"{again.stdout}\n{again.stderr}"
    assert 'motd = "Hello"' in settings.read_text()
    main = machine.path("/etc/nginx/nginx.conf").read_text()
    assert main.count("worker_rlimit_nofile") == 1


def test_a_forgotten_data_folder_is_noticed_before_anything_starts(machine: CleanMachine) -> None:
    """The unit lets nobody write beside the settings, in /etc."""
    done = machine.run(first_steps().replace("--data-dir /var/lib/fortepiano", ""))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()[-1:]
    assert line.startswith("fortepiano: data_dir: /etc/fortepiano/data cannot be written under")
    assert "take /var/lib/fortepiano (from fortepiano.toml, line " in line
    assert not machine.path("/var/log/fortepiano.log").exists()
