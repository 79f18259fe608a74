"""The dashboard and the alerts, with a real Prometheus that scrapes a running server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.cluster import run_cluster
from support.server import Server, free_port, run_server
from support.websocket_clients import Clients, new_address, new_room

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.timeout(120)]

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "fortepiano.json"
PATIENCE = 60.0
"""Seconds for two scrapes, a second apart, on a machine that is shared."""

CONFIGURATION = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{alerts}"]
scrape_configs:
  - job_name: fortepiano
    static_configs: [{{ targets: {targets} }}]
"""


@pytest.fixture(scope="module")
def watched() -> Iterator[Server]:
    """A server of the tests' own: others would be counted, too."""
    with run_server(FORTEPIANO_RULES__PRESET="net") as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(watched: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes it each second."""
    with scraping([watched], tmp_path_factory.mktemp("prometheus")) as client:
        yield client


@contextlib.contextmanager
def scraping(servers: list[Server], folder: Path) -> Iterator[httpx.Client]:
    """Run a Prometheus that scrapes servers each second."""
    port, alerts = free_port(), DEPLOY / "prometheus" / "alerts.yml"
    targets = json.dumps([f"127.0.0.1:{server.internal_port}" for server in servers])
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(alerts=alerts, targets=targets))
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        try:
            yield client
        finally:
            process.terminate()


def ask(prometheus: httpx.Client, query: str) -> list[dict[str, Any]]:
    answer = prometheus.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def wait_for(prometheus: httpx.Client, query: str) -> None:
    """Wait until a query has data; the server is scraped once a second."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(httpx.TransportError):  # still starting
            if prometheus.get("/-/ready").status_code == 200 and ask(prometheus, query):
                return
        assert time.monotonic() < deadline, query
        time.sleep(0.2)


def queries(*, of_clusters: bool = False) -> list[tuple[str, str]]:
    """Return the queries of the dashboard, with the title of their panel.

    Args:
        of_clusters: Whether to return those of the row about several nodes, the last one; else all
            others.
    """
    panels = json.loads(DASHBOARD.read_text())["panels"]
    (last,) = [number for number, panel in enumerate(panels) if panel["title"] == "Several nodes"]
    return [
        (panel["title"], target["expr"])
        for panel in (panels[last:] if of_clusters else panels[:last])
        for target in panel.get("targets", [])
    ]


def metrics_of(server: Server) -> str:
    return httpx.get(f"{server.internal_url}/metrics", trust_env=False).text


def as_grafana_asks(expression: str) -> str:
    """Fill in the variables of the dashboard."""
    return expression.replace("$instance", ".*").replace("$__rate_interval", "10s")


async def test_every_query_of_the_dashboard_has_data(
    watched: Server, prometheus: httpx.Client
) -> None:
    async with Clients(watched) as clients:
        room = new_room()
        ann, bea = [await clients.enter(room, address=new_address()) for _ in range(2)]
        await ann.send({"m": "n", "t": 0, "n": [{"n": "c4", "v": 0.5}]}, {"m": "m", "x": 1, "y": 2})
        await bea.expect("n")
        wait_for(prometheus, "fortepiano_clients > 1")
        wait_for(prometheus, "count_over_time(fortepiano_clients[10s]) > 2")
        found = queries()
        empty = [
            (title, expression)
            for title, expression in found
            if not ask(prometheus, as_grafana_asks(expression))
        ]
    assert len(found) > 30
    assert empty == []
    (sample,) = ask(prometheus, "max_over_time(fortepiano_clients[1m])")
    assert sample["value"][1] == "2"


@pytest.mark.needs("redis-server")
async def test_the_row_about_several_nodes_has_data_in_a_cluster_only(
    prometheus: httpx.Client, tmp_path: Path
) -> None:
    with run_cluster(2) as cluster, scraping(cluster.nodes, tmp_path) as scraper:
        async with Clients(cluster) as clients:
            room = new_room()
            for _ in range(2):
                await clients.enter(room, address=new_address())
            wait_for(scraper, "sum(fortepiano_clients) > 1")
            wait_for(scraper, "count_over_time(fortepiano_cluster_up[10s]) > 2")
            found = queries(of_clusters=True)
            asked = {expression: as_grafana_asks(expression) for _, expression in found}
            empty = [expression for expression in asked if not ask(scraper, asked[expression])]
            (clients_sum,) = ask(scraper, as_grafana_asks(found[0][1]))
            shown = " ".join(asked)
            text = metrics_of(cluster)
            rules = scraper.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
    assert empty == []
    assert clients_sum["value"][1] == "2"
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {name for name in told if "cluster" in name and name not in shown} == set()
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
    assert [title for title, one in found if ask(prometheus, asked[one])] == []


def test_every_metric_is_on_the_dashboard_or_needs_no_place(watched: Server) -> None:
    text = metrics_of(watched)
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE fortepiano_")}
    shown = " ".join(expression for _, expression in queries())
    unseen = {name for name in told if name not in shown}
    # How the work is done, for who measures it.
    assert unseen == {"fortepiano_frames_received_total", "fortepiano_sends_total"}


def test_alerts_are_loaded_and_none_fires(prometheus: httpx.Client) -> None:
    wait_for(prometheus, "fortepiano_clients")
    (group,) = prometheus.get("/api/v1/rules").json()["data"]["groups"]
    assert len(group["rules"]) == 9
    # A machine that is shared may be late for a moment, which is pending.
    assert [rule["name"] for rule in group["rules"] if rule["state"] == "firing"] == []


@pytest.mark.needs("promtool")
def test_the_configuration_is_valid() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
