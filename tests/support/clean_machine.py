"""A machine without fortepiano: folders, users and a network of its own, in Linux namespaces.

Commands run as root there, in this tree. Programs that would need the internet, or systemd as
process 1, have stand-ins. `apt-get` and `pip` install nothing, and a new virtual environment has
the `fortepiano` of this tree. `systemctl` starts what the installed unit says. All others are real.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

__all__ = ["CleanMachine", "can_make_machines"]

ROOT = Path(__file__).parents[2]

PATIENCE = 120.0

_OWN = {
    "etc": "/etc",
    "opt": "/opt",
    "bin": "/usr/local/bin",
    "lib": "/var/lib",
    "log": "/var/log",
    "run": "/run",
}
"""Folders of the machine, by their names in the test's folder."""

_SETUP = """\
set -e
ip link set lo up
hidden=$(mktemp -d)
mount --bind /root "$hidden"
mount -t tmpfs -o mode=755 tmpfs /root
for name in {visible}; do
    mkdir -p "/root/$name" && mount --bind "$hidden/$name" "/root/$name"
done
{mounts}
mkdir -p /var/lib/nginx /var/log/nginx
"""

_PYTHON3 = """\
#!/bin/bash -e
# Stands for Debian's python3: makes an environment whose programs are those of this tree.
[ "$1 $2" = "-m venv" ] || exec {python} "$@"
mkdir -p "$3/bin"
cat > "$3/bin/pip" <<'END'
#!/bin/bash -e
# Stands for pip: checks that the lists which it is given are there.
while [ $# -gt 0 ]; do
    [ "$1" != -r ] || [ -f "$2" ]
    shift
done
END
cat > "$3/bin/fortepiano" <<'END'
#!/bin/sh
export PYTHONPATH={path}
exec {python} -m fortepiano "$@"
END
chmod 755 "$3/bin/pip" "$3/bin/fortepiano"
"""

_SYSTEMCTL = """\
#!/bin/bash -e
# Stands for systemctl: starts and stops the server as its unit says, instances of Redis, and nginx.
unit=/etc/systemd/system/fortepiano.service
value() { sed -n "s/^$1=//p" "$unit" | tail -1; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
start() {
    case $1 in
    fortepiano.socket | fortepiano-internal.socket) [ -f "/etc/systemd/system/$1" ] ;;
    fortepiano.service)
        cd "$(value WorkingDirectory)"
        setsid runuser -u "$(value User)" -- $(value ExecStart) \
            >> /var/log/fortepiano.log 2>&1 < /dev/null &
        echo $! > /run/fortepiano.main
        until answers 9180; do
            kill -0 $!
            sleep 0.05
        done
        ;;
    redis-server@*)
        name=${1#*@}
        install -d -o redis -g redis "/run/redis-$name"
        runuser -u redis -- redis-server "/etc/redis/redis-$name.conf" --daemonize yes \
            --pidfile "/run/redis-$name/pid" > /dev/null
        port=$(sed -n 's/^port //p' "/etc/redis/redis-$name.conf")
        until answers "$port"; do sleep 0.05; done
        ;;
    *) echo "systemctl has no stand-in for $1" >&2; exit 1 ;;
    esac
}
stop() {
    [ "$1" = fortepiano.service ] || return 0
    main=$(cat /run/fortepiano.main)
    pid=$(pgrep --parent "$main" || echo "$main")  # runuser stays before it, or has become it
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
case $1 in
daemon-reload) [ -f "$unit" ] ;;
enable) for name in "${@:3}"; do start "$name"; done ;;
disable) for name in "${@:3}"; do stop "$name"; done ;;
start | stop) for name in "${@:2}"; do "$1" "$name"; done ;;
reload-or-restart) nginx ;;
reload) nginx -s reload ;;
*) echo "systemctl $* has no stand-in" >&2; exit 1 ;;
esac
"""


@cache
def can_make_machines() -> bool:
    """Return whether this process may make namespaces, and change users in them."""
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except OSError:
        return False
    return os.geteuid() == 0 and done.returncode == 0


class CleanMachine:
    """The files of a machine; each `run` starts it, and ends all its processes.

    Args:
        folder: A folder of the test.
    """

    def __init__(self, folder: Path) -> None:
        if not can_make_machines():
            pytest.skip("namespaces need root")
        self._folder = folder
        subprocess.run(["cp", "-a", "/etc", folder / "etc"], timeout=PATIENCE, check=True)
        for name in _OWN:
            (folder / name).mkdir(mode=0o755, exist_ok=True)
        python = shlex.quote(os.path.realpath(sys.executable))
        path = ":".join([str(ROOT / "python"), *(part for part in sys.path if "packages" in part)])
        self._write("python3", _PYTHON3.format(python=python, path=shlex.quote(path)))
        self._write("systemctl", _SYSTEMCTL)
        self._write("apt-get", "#!/bin/sh\n# Stands for apt-get: everything is there already.\n")

    def _write(self, name: str, text: str) -> None:
        file = self._folder / "stand-ins" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def path(self, path: str) -> Path:
        """Return where a file of the machine can be read by the test."""
        for name, place in _OWN.items():
            if path.startswith(f"{place}/"):
                return self._folder / name / path.removeprefix(f"{place}/")
        raise ValueError(f"{path} is not the machine's own")

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run commands as `bash -e` does, as root in the tree; at their end all processes do."""
        return self.finished(self.command(commands))

    def command(self, commands: str) -> list[str]:
        """Return the command that starts this machine with some commands."""
        mounts = "\n".join(
            f"mount --bind {shlex.quote(str(self._folder / name))} {place}"
            for name, place in _OWN.items()
        )
        setup = _SETUP.format(mounts=mounts, visible=" ".join(_needed_of_root()))
        return [
            *("unshare", "--mount", "--net", "--uts", "--pid"),
            *("--fork", "--kill-child", "--mount-proc"),
            *("bash", "-c", f'{setup}\nexec bash -e -c "$0"', commands),
        ]

    def finished(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the tree with the machine's programs, and wait for its end."""
        stand_ins = self._folder / "stand-ins"
        return subprocess.run(
            command,
            cwd=ROOT,
            env={
                "PATH": f"{stand_ins}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "LC_ALL": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


def _needed_of_root() -> list[str]:
    """Return the entries of /root that the interpreter needs, which other users may not enter."""
    home = Path("/root")
    paths = [Path(part) for part in (os.path.realpath(sys.executable), *sys.path) if part]
    return sorted({path.relative_to(home).parts[0] for path in paths if path.is_relative_to(home)})
