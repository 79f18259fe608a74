"""A real nginx in front of a server, on a port and with files of its own."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from support.server import free_port

__all__ = ["run_nginx"]

_PATIENCE = 15.0

_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $host;
            {headers}
        }}
    }}
}}
"""


@contextlib.contextmanager
def run_nginx(upstream: str, *headers: str) -> Iterator[int]:
    """Run an nginx during a `with` block; yield its port.

    Args:
        upstream: The address that it proxies to: `127.0.0.1:8080`, or `unix:/path:`.
        headers: Lines of its configuration that set headers with the client's address.
    """
    with tempfile.TemporaryDirectory(prefix="fortepiano-nginx-") as name:
        folder, port = Path(name), free_port()
        config = folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                folder=folder, port=port, upstream=upstream, headers="\n            ".join(headers)
            )
        )
        process = subprocess.Popen(
            ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_pid(process, folder)
            yield port
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _await_pid(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until nginx has written its pid file, which it does after it has begun to listen."""
    deadline = time.monotonic() + _PATIENCE
    pid = folder / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nginx did not start:\n{(folder / 'error.log').read_text()}")
        time.sleep(0.02)
