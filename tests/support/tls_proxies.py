"""nginx, Caddy and HAProxy with the configurations of deploy/, but with other names and ports."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from support.server import Server, environment, free_port

__all__ = [
    "BALANCERS",
    "PROXIES",
    "RAISED",
    "Certificate",
    "caddy",
    "make_certificate",
    "nginx",
    "recommended",
    "running",
]

DEPLOY = Path(__file__).parents[2] / "deploy"

_PATIENCE = 30.0

STOCK = """\
user www-data;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;

events {{
	worker_connections 768;
	# multi_accept on;
}}

http {{
	sendfile on;
	tcp_nopush on;
	types_hash_max_size 2048;
	default_type application/octet-stream;
	ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
	ssl_prefer_server_ciphers on;
	access_log {folder}/access.log;
	gzip on;
	include {folder}/conf.d/*.conf;
}}
"""
"""The nginx.conf of Debian 12, shortened, for a machine with one core."""

RAISED = ("worker_rlimit_nofile 20000;", "worker_connections 8192;")
"""The two settings that the head of deploy/nginx/fortepiano.conf asks for."""


class Certificate(NamedTuple):
    """A certificate for localhost.

    Attributes:
        pem: The file of the certificate.
        key: The file of its key.
    """

    pem: Path
    key: Path

    def trusting(self) -> ssl.SSLContext:
        """Return a client's context that trusts this certificate alone."""
        return ssl.create_default_context(cafile=str(self.pem))


def make_certificate(folder: Path) -> Certificate:
    """Make a certificate for localhost in a folder."""
    pem, key = folder / "fullchain.pem", folder / "privkey.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:::1"),
            *("-keyout", str(key), "-out", str(pem)),
        ],
        capture_output=True,
        timeout=_PATIENCE,
        check=True,
    )
    return Certificate(pem, key)


def recommended(main: str) -> str:
    """Return nginx's main configuration with the two settings that ours asks for."""
    files, connections = RAISED
    assert "worker_connections 768;" in main
    return f"{files}\n{main.replace('worker_connections 768;', connections)}"


@contextmanager
def nginx(
    server: Server,
    certificate: Certificate,
    *more: str,
    main: str = recommended(STOCK),
    nodes: Sequence[Server] = (),
) -> Iterator[int]:
    """Run nginx with our configuration; yield its port.

    Args:
        server: The server behind it.
        certificate: Its certificate.
        more: Further files of the folder conf.d, as text.
        main: The main configuration.
        nodes: The nodes behind it, where there are several; in place of the server.
    """
    port, plain = free_port(), free_port()
    text = (DEPLOY / "nginx" / "fortepiano.conf").read_text()
    if nodes:
        balancing = (DEPLOY / "nginx" / "cluster.conf").read_text()
        more = (*more, _with_nodes(balancing, nodes))
        text = re.sub(r"upstream fortepiano \{.*?\n\}", "# 127.0.0.1:8080", text, flags=re.DOTALL)
    with tempfile.TemporaryDirectory(prefix="fortepiano-nginx-") as name:
        folder = Path(name)
        text = _replaced(
            text,
            {
                "listen 80;": f"listen 127.0.0.1:{plain};",
                "listen [::]:80;": f"listen [::1]:{plain};",
                "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
                "listen [::]:443 ssl;": f"listen [::1]:{port} ssl;",
                "127.0.0.1:8080": f"127.0.0.1:{server.port}",
                "/etc/ssl/piano.example.org/fullchain.pem": str(certificate.pem),
                "/etc/ssl/piano.example.org/privkey.pem": str(certificate.key),
                "piano.example.org": "localhost",
                "/var/log/nginx": name,
            },
        )
        (folder / "conf.d").mkdir()
        for number, content in enumerate((text, *more)):
            (folder / "conf.d" / f"{number}.conf").write_text(content)
        (folder / "nginx.conf").write_text(main.format(folder=folder))
        command = ["nginx", "-p", name, "-e", "stderr", "-c", f"{name}/nginx.conf"]
        with running([*command, "-g", "daemon off;"], port, folder):
            yield port
        assert not (folder / "access.log").exists() or not (folder / "access.log").read_text()


@contextmanager
def caddy(server: Server, certificate: Certificate, nodes: Sequence[Server] = ()) -> Iterator[int]:
    """Run Caddy with our configuration; yield its port.

    Args:
        server: The server behind it.
        certificate: Its certificate.
        nodes: The nodes behind it, where there are several; in place of the server.
    """
    port = free_port()
    pem, key = certificate
    site = {"piano.example.org {": f"https://localhost:{port} {{\n\ttls {pem} {key}"}
    text = (DEPLOY / "caddy" / ("cluster.Caddyfile" if nodes else "Caddyfile")).read_text()
    if nodes:
        text = _replaced(_with_nodes(text, nodes), site)
    else:
        text = _replaced(text, site | {"127.0.0.1:8080": f"127.0.0.1:{server.port}"})
    with tempfile.TemporaryDirectory(prefix="fortepiano-caddy-") as name:
        folder = Path(name)
        options = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
        (folder / "Caddyfile").write_text(options + text)
        command = ["caddy", "run", "--config", f"{name}/Caddyfile", "--adapter", "caddyfile"]
        homes = {"HOME": name, "XDG_DATA_HOME": name, "XDG_CONFIG_HOME": name}
        with running(command, port, folder, **homes):
            yield port


@contextmanager
def haproxy(
    _server: Server, certificate: Certificate, nodes: Sequence[Server] = ()
) -> Iterator[int]:
    """Run HAProxy with our configuration; yield its port.

    Args:
        certificate: Its certificate.
        nodes: The nodes behind it.
    """
    port, plain = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="fortepiano-haproxy-") as name:
        folder = Path(name)
        both = folder / "both.pem"
        both.write_text(certificate.pem.read_text() + certificate.key.read_text())
        text = _replaced(
            _with_nodes((DEPLOY / "haproxy" / "haproxy.cfg").read_text(), nodes),
            {
                "maxconn 20000": "maxconn 500",
                "bind :80": f"bind 127.0.0.1:{plain}",
                "bind :443": f"bind 127.0.0.1:{port}",
                "/etc/haproxy/piano.example.org.pem": str(both),
            },
        )
        (folder / "haproxy.cfg").write_text(text)
        command = ["haproxy", "-db", "-f", f"{name}/haproxy.cfg"]
        with running(command, port, folder):
            yield port


def _with_nodes(text: str, nodes: Sequence[Server]) -> str:
    """Return a configuration with other nodes than its three; further ones are not there."""
    for number, of in enumerate((8081, 8082, 8083)):
        port = nodes[number].port if number < len(nodes) else free_port()
        text = _replaced(text, {f"127.0.0.1:{of}": f"127.0.0.1:{port}"})
    return text


def _replaced(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def running(command: list[str], port: int, folder: Path, **more: str) -> Iterator[None]:
    """Run a proxy until it listens on a port, for the length of a `with` block."""
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(**more), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "proxy.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE)


PROXIES = {
    "nginx": pytest.param(nginx, marks=pytest.mark.needs("nginx"), id="nginx"),
    "caddy": pytest.param(caddy, marks=pytest.mark.needs("caddy"), id="caddy"),
}
"""The proxies, as parameters of a test."""

BALANCERS = {
    **PROXIES,
    "haproxy": pytest.param(haproxy, marks=pytest.mark.needs("haproxy"), id="haproxy"),
}
"""Those that have several nodes behind them."""
