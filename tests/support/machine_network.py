"""Clean machines side by side, on a network of their own: Linux namespaces and a bridge."""

from __future__ import annotations

import asyncio
import ctypes
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from support.clean_machine import PATIENCE, ROOT, CleanMachine

__all__ = ["LastingMachine", "MachineNetwork"]

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000

_READY = "the machine is ready"

_SCP = """\
#!/bin/bash -e
# Stands for scp: copies files into the folders of another machine, as its root.
[ "$1" = -p ]
target=${*: -1}
host=${target%%:*} path=${target#*:}
case $path in
/etc/*) place=etc/${path#/etc/} ;;
/var/lib/*) place=lib/${path#/var/lib/} ;;
*) exit 1 ;;
esac
for file in "${@:2:$#-2}"; do
    install -m "$(stat -c %%a "$file")" "$file" "%(folder)s/${host#root@}/$place"
done
"""

_APT_GET = """\
#!/bin/bash -e
# Stands for apt-get: everything is there already, but for the folder of Redis's data.
case " $* " in
*" redis-server "*) install -d -o redis -g redis -m 750 /var/lib/redis ;;
esac
"""

_VARIABLES = "north south east password"
"""The variables that the shell of an operator keeps from one block to the next."""


class LastingMachine(CleanMachine):
    """A machine whose processes go on from one `run` to the next.

    Args:
        folder: Its folder.
        name: Its host name.
        address: Its address in the network.
        switch: The process that holds the network's namespace.
    """

    def __init__(self, folder: Path, name: str, address: str, switch: int) -> None:
        super().__init__(folder)
        self.address = address
        self._write("scp", _SCP % {"folder": folder.parent})
        self._write("apt-get", _APT_GET)
        # Bash stays as the first process, and reaps the orphans of its machine.
        self._first = _held(self.command(f"hostname {name}\necho {_READY}\nsleep infinity & wait"))
        pid = self._pid()
        _inside(
            switch,
            f"ip link add {name} type veth peer name eth0 netns {pid}\n"
            f"ip link set {name} master switch up",
        )
        self.do(f"ip addr add {address}/24 dev eth0 && ip link set eth0 up")

    def _pid(self) -> int:
        """Return the first process inside, as this machine numbers it."""
        outer = self._first.pid
        return int(Path(f"/proc/{outer}/task/{outer}/children").read_text())

    def do(self, commands: str) -> str:
        """Run commands inside, all of which must succeed; return what they wrote to stdout."""
        done = self.run(commands)
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run commands inside as `bash -e` does, as root in the tree."""
        kept = "/run/variables"
        return self.finished(
            [
                *("nsenter", "--target", str(self._pid()), "--all", "bash", "-e", "-c"),
                f"cd {shlex.quote(str(ROOT))}\n[ ! -e {kept} ] || . {kept}\n{commands}\n"
                f"declare -p {_VARIABLES} 2>/dev/null > {kept} || true",
            ]
        )

    def close(self) -> None:
        """End all processes inside."""
        _end(self._first)


class MachineNetwork:
    """A bridge, the machines on it, and the addresses of visitors.

    Args:
        folder: A folder of the test.
        visitors: Addresses of the switch itself, with the length of the prefix.
    """

    def __init__(self, folder: Path, visitors: list[str]) -> None:
        self._folder = folder
        addresses = "\n".join(f"ip addr add {one} dev switch" for one in visitors)
        made = (
            f"ip link set lo up\nip link add switch type bridge\nip link set switch up\n{addresses}"
        )
        script = f"set -e\n{made}\necho {_READY}\nexec sleep infinity"
        self._switch = _held(["unshare", "--net", "bash", "-c", script])
        self.machines: list[LastingMachine] = []

    def machine(self, name: str, address: str) -> LastingMachine:
        """Start a machine."""
        folder = self._folder / address
        folder.mkdir(mode=0o755)
        machine = LastingMachine(folder, name, address, self._switch.pid)
        self.machines.append(machine)
        return machine

    def visit(self, visitors: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine whose sockets are in the network; return what it returns."""
        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                _enter(self._switch.pid)
                results.append(asyncio.run(visitors()))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)  # its network ends with it
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def close(self) -> None:
        """End all machines."""
        for machine in self.machines:
            machine.close()
        _end(self._switch)


def _held(command: list[str]) -> subprocess.Popen[str]:
    """Start a process that holds namespaces, and return when they are ready."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.strip() == _READY, line
    return process


def _inside(pid: int, commands: str) -> None:
    """Run commands in the network of a process."""
    command = ["nsenter", "--target", str(pid), "--net", "bash", "-e", "-c", commands]
    subprocess.run(command, timeout=PATIENCE, check=True)


def _enter(pid: int) -> None:
    """Let this thread alone use the network of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as network:
        if libc.setns(network.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)
    assert process.stdout is not None
    process.stdout.close()
