"""docs/operating.md: its proxies keep an address on a node, and do without a node that is down."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.recovery import until
from support.server import free_port
from support.tls_proxies import running

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operating.md").read_text("utf-8")
WAY = TEXT.partition("### From one process to three nodes\n")[2].partition("\n## ")[0]

ADDRESSES = [f"127.20.{number}.1" for number in range(30)]

SOON = 30.0

NGINX = """\
pid {folder}/pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {nodes}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://fortepiano_nodes;
            {again}
        }}
    }}
}}
"""

HAPROXY = """\
defaults
    mode http
    timeout connect 2s
    timeout client 9s
    timeout server 9s
frontend piano
    bind 127.0.0.1:{port}
    default_backend fortepiano
{nodes}
"""

CADDY = """\
{{
	admin off
	auto_https off
}}
{nodes}
"""


class Answer(BaseHTTPRequestHandler):
    """An answer that says which node has given it."""

    def do_GET(self) -> None:
        self.send_response(200)
        body = str(self.connection.getsockname()[1]).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


@contextmanager
def node() -> Iterator[int]:
    """Run a node; yield its port."""
    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", port), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield port
        finally:
            server.shutdown()
            thread.join()


def fenced(kind: str, ports: list[int]) -> str:
    """Return the document's block of a kind, with the nodes on these ports."""
    (text,) = re.findall(rf"^```{kind}\n((?:.*\n)*?)```$", WAY, re.MULTILINE)
    for number, port in enumerate(ports, 1):
        assert f"10.20.0.{number}:8080" in text
        text = text.replace(f"10.20.0.{number}:8080", f"127.0.0.1:{port}")
    return str(text)


def nginx(folder: Path, ports: list[int], port: int) -> list[str]:
    """Write nginx's files; return the command that starts it."""
    (text,) = re.findall(r"fortepiano-nodes\.conf <<END\n((?:.*\n)*?)END\n", WAY)
    for name, number in zip(("127.0.0.1", "$south", "$east"), ports, strict=True):
        assert f"{name}:8080" in text
        text = text.replace(f"{name}:8080", f"127.0.0.1:{number}")
    ours = (ROOT / "deploy" / "nginx" / "fortepiano.conf").read_text()
    (again,) = re.findall(r"proxy_next_upstream .*", ours)
    nodes = text.replace("\\$", "$")
    config = NGINX.format(folder=folder, nodes=nodes, port=port, again=again)
    (folder / "nginx.conf").write_text(config)
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", f"{folder}/nginx.conf",
            "-g", "daemon off;"]  # fmt: skip


def haproxy(folder: Path, ports: list[int], port: int) -> list[str]:
    """Write HAProxy's file; return the command that starts it."""
    config = HAPROXY.format(port=port, nodes=fenced("haproxy", ports))
    (folder / "haproxy.cfg").write_text(config)
    return ["haproxy", "-f", f"{folder}/haproxy.cfg"]


def caddy(folder: Path, ports: list[int], port: int) -> list[str]:
    """Write Caddy's file; return the command that starts it."""
    nodes = fenced("caddy", ports).replace("piano.example.org", f"http://127.0.0.1:{port}")
    (folder / "Caddyfile").write_text(CADDY.format(nodes=nodes))
    return ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


PROXIES = [
    pytest.param(proxy, marks=pytest.mark.needs(proxy.__name__), id=proxy.__name__)
    for proxy in (nginx, haproxy, caddy)
]


def node_of(port: int, address: str) -> str:
    """Return the node to which a proxy sends an address; empty if it is none."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=SOON, source_address=(address, 0)
    )
    try:
        connection.request("GET", "/", headers={"Host": "127.0.0.1"})
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == 200 else ""
    finally:
        connection.close()


def nodes_of(port: int) -> dict[str, str]:
    return {address: node_of(port, address) for address in ADDRESSES}


Proxy = Callable[[Path, list[int], int], list[str]]


@pytest.mark.parametrize("proxy", PROXIES)
async def test_an_address_stays_on_its_node(proxy: Proxy, tmp_path: Path) -> None:
    with ExitStack() as stack:
        nodes = [node() for _ in range(3)]
        ports = [stack.enter_context(one) for one in nodes[:2]]
        with nodes[2] as third:
            port = free_port()
            homes = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
            command = proxy(tmp_path, [*ports, third], port)
            stack.enter_context(running(command, port, tmp_path, **homes))
            await until(lambda: "" not in nodes_of(port).values(), SOON)
            before = nodes_of(port)
            assert set(before.values()) == {str(one) for one in (*ports, third)}
            assert nodes_of(port) == before
        await until(lambda: "" not in nodes_of(port).values(), SOON)
        after = nodes_of(port)
        assert str(third) not in after.values()
        assert {one: where for one, where in before.items() if where != str(third)}.items() <= (
            after.items()
        )
