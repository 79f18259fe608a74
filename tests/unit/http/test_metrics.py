"""`/metrics` compared with the native hub, and how long a scrape takes."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from fortepiano.config import FlushSettings, Settings
from fortepiano.config.live import Live
from fortepiano.http.metrics import Metrics
from fortepiano.model.directory import Directory
from fortepiano.net.forwarded import UntrustedProxies
from fortepiano.net.hidden_people import HiddenPeople
from fortepiano.net.stalled import StalledConnections
from fortepiano.observe.counters import Counters
from fortepiano.observe.loop_lag import LoopLag
from fortepiano.store.memory import MemoryStore
from support.native_parts import make_test_hub

CLIENTS, ROOMS = 10_000, 2_000
LONGEST_SCRAPE_SECONDS = 0.02


class Timer:
    """The handle that a loop returns for a planned call."""

    def cancel(self) -> None:
        """Do nothing."""


class StillLoop:
    """A loop whose clock a test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.planned: list[tuple[float, object]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, what: object) -> Timer:
        self.planned.append((when, what))
        return Timer()

    def run(self, late: float) -> None:
        """Run the planned call, this many seconds late."""
        when, what = self.planned.pop()
        self.now = when + late
        what()  # type: ignore[operator]  # a callable


class NoConnections:
    """Stands for the engine of an empty server."""

    def connections(self) -> list[object]:
        return []


class Scraped:
    """A hub with its metrics."""

    def __init__(self) -> None:
        self.hub = make_test_hub()
        self.counters = Counters()
        self.refused = Counter[str]()
        self.loop = StillLoop()
        self.lag = LoopLag(self.loop)  # type: ignore[arg-type]  # stands for one
        store = MemoryStore()
        live = Live(Settings(flush=FlushSettings(duty=0.5)))
        self.directory = Directory(self.hub, store, live)
        self.metrics = Metrics(
            self.hub,
            self.directory,
            self.counters,
            store,
            self.lag,
            self.refused,
            live,
            StalledConnections(self.loop, live),  # type: ignore[arg-type]  # stands for one
            UntrustedProxies(live),
            HiddenPeople(NoConnections(), lambda: 0),  # type: ignore[arg-type]  # stands for one
        )

    def samples(self) -> dict[tuple[str, str], float]:
        """Return all samples, by name and the value of the one label that some have."""
        text, _ = self.metrics.exposed("")
        return {
            (sample.name, label(sample)): sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
            if family.name.startswith("fortepiano_") and "build_info" not in sample.name
        }


class CountedNode:
    """A node of a cluster, with counters that a test can tell apart."""

    name, others, trouble, differences = "node-0", ["node-1", "node-2"], "", ["motd: other"]

    @property
    def bus(self) -> CountedBus:
        return CountedBus()

    @property
    def followers(self) -> CountedFollowers:
        return CountedFollowers()


class CountedFollowers:
    """Stands for the rooms on several nodes."""

    def counts(self) -> dict[str, int]:
        names = ("homes", "resyncs", "granted", "refused", "failed")
        return {name: number for number, name in enumerate(names, 20)}


class CountedBus:
    """Stands for the connection to the broker of a node."""

    def stats(self) -> dict[str, int]:
        names = ("published", "published_bytes", "dropped", "unheard", "received")
        more = ("received_bytes", "garbage", "reconnects", "is_up", "beat_microseconds")
        return {name: number for number, name in enumerate(names + more, 1)}


def label(sample: Sample) -> str:
    """Return the value of a sample's only label, besides that of the node."""
    labels = [text for name, text in sample.labels.items() if name != "node"]
    assert len(labels) <= 1, sample
    return next(iter(labels), "")


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


@pytest.fixture
def node(scraped: Scraped) -> Scraped:
    """A server in a cluster."""
    scraped.hub.join_cluster(1, b"n:1", b"a", b"r:", 2.0)
    scraped.metrics.node = CountedNode()
    return scraped


@pytest.fixture
def crowded(scraped: Scraped) -> Iterator[Scraped]:
    """A hub with as many clients and rooms as a big server has; all share one socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        hub = scraped.hub
        quota = hub.add_quota(8000, 24000)
        rooms = [
            scraped.directory.open_room(f"room {number}", {}).number
            for number in range(ROOMS - len(scraped.directory.rooms))
        ]
        for number in range(CLIENTS):
            client = hub.attach(ours.fileno())
            hub.start_session(client, quota)
            room = rooms[number % len(rooms)]
            participant = hub.add_participant(room, b'"id"', b'{"id":"id"', b"1", b"1")
            hub.enter(client, room, participant)
        yield scraped


def test_a_scrape_of_a_big_server_is_short(crowded: Scraped) -> None:
    samples = crowded.samples()
    assert samples["fortepiano_clients", ""] == CLIENTS
    assert samples["fortepiano_rooms", ""] == ROOMS
    assert samples["fortepiano_participants", ""] == CLIENTS
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        crowded.metrics.exposed("")
        taken.append(time.perf_counter() - begun)
    # The least of some: a shared machine is slow now and then, which says nothing about the code.
    assert min(taken) <= LONGEST_SCRAPE_SECONDS


def test_clients_and_rooms_have_no_labels(scraped: Scraped) -> None:
    text, media_type = scraped.metrics.exposed("")
    lines = text.decode().splitlines()
    assert "fortepiano_clients 0.0" in lines
    assert "fortepiano_rooms 2.0" in lines
    assert media_type.startswith("text/plain; version=")


def test_openmetrics_where_it_is_asked_for(scraped: Scraped) -> None:
    text, media_type = scraped.metrics.exposed("application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_what_python_counts(scraped: Scraped) -> None:
    scraped.counters.received["ch"] += 3
    scraped.counters.too_fast["a"] += 2
    scraped.counters.bans_enforced["room"] += 1
    scraped.counters.bans_enforced["network"] += 6
    scraped.counters.near_bans += 7
    scraped.counters.failures += 4
    scraped.refused["draining"] += 5
    samples = scraped.samples()
    assert samples["fortepiano_messages_received_total", "ch"] == 3
    assert samples["fortepiano_refused_messages_total", "rate"] == 2
    assert samples["fortepiano_bans_enforced_total", "room"] == 1
    assert samples["fortepiano_bans_enforced_total", "site"] == 0
    assert samples["fortepiano_bans_enforced_total", "network"] == 6
    assert samples["fortepiano_bans_enforced_total", "chat"] == 0
    assert samples["fortepiano_near_bans_total", ""] == 7
    assert samples["fortepiano_handler_failures_total", ""] == 4
    assert samples["fortepiano_refused_connections_total", "draining"] == 5


def test_how_late_the_loop_is(scraped: Scraped) -> None:
    for late in (0.0004, 0.0009, 0.004, 0.2, 9.0):
        scraped.loop.run(late)
    samples = scraped.samples()
    buckets = "fortepiano_loop_lag_seconds_bucket"
    assert samples[buckets, "0.001"] == 2
    assert samples[buckets, "0.005"] == 3
    assert samples[buckets, "0.25"] == 4
    assert samples[buckets, "2.5"] == 4
    assert samples[buckets, "+Inf"] == samples["fortepiano_loop_lag_seconds_count", ""] == 5
    assert samples["fortepiano_loop_lag_seconds_sum", ""] == pytest.approx(9.2053)


def test_ends_are_told_by_code(scraped: Scraped) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for code in (1000, 4008, 4321):
            scraped.hub.close(scraped.hub.attach(ours.fileno()), code)
        scraped.hub.detach(scraped.hub.attach(ours.fileno()))
        samples = scraped.samples()
    assert samples["fortepiano_connections_total", ""] == 4
    for code in ("1000", "1006", "4008", "other"):
        assert samples["fortepiano_disconnects_total", code] == 1, code


def test_a_lone_server_has_no_metrics_of_a_cluster(scraped: Scraped) -> None:
    assert not [name for name, _ in scraped.samples() if "cluster" in name]


def test_what_a_node_counts(node: Scraped) -> None:
    samples = node.samples()
    assert samples["fortepiano_cluster_messages_total", "sent"] == 1
    assert samples["fortepiano_cluster_messages_total", "received"] == 5
    assert samples["fortepiano_cluster_lost_messages_total", "garbage"] == 7
    assert samples["fortepiano_cluster_beat_seconds", ""] == 10e-6
    assert samples["fortepiano_cluster_rooms", "replica"] == 0
    assert samples["fortepiano_cluster_rooms", "home"] == 20
    assert samples["fortepiano_cluster_resyncs_total", ""] == 21
    assert samples["fortepiano_cluster_claims_total", "refused"] == 23
    assert samples["fortepiano_cluster_up", ""] == 1
    assert samples["fortepiano_cluster_nodes", ""] == 3
    assert samples["fortepiano_cluster_differences", ""] == 1
    assert samples["fortepiano_cluster_hop_seconds_count", ""] == 0


@pytest.mark.needs("promtool")
def test_names_and_units_are_as_prometheus_wants_them(node: Scraped) -> None:
    text, _ = node.metrics.exposed("")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_document_tells_all_metrics_and_no_others(node: Scraped) -> None:
    document = (Path(__file__).parents[3] / "docs" / "administration.md").read_text()
    told = re.findall(r"^\| `(fortepiano_\w+)", document, re.MULTILINE)
    text, _ = node.metrics.exposed("")
    shown = re.findall(r"^# TYPE (fortepiano_\w+)", text.decode(), re.MULTILINE)
    assert told == shown


def labels_of(scraped: Scraped) -> set[str]:
    """Return the values of the label `node`, of the process's own metrics too."""
    text, _ = scraped.metrics.exposed("")
    families = text_string_to_metric_families(text.decode())
    return {sample.labels.get("node", "") for family in families for sample in family.samples}


def test_all_samples_of_a_node_have_its_name(node: Scraped) -> None:
    assert labels_of(node) == {"node-0"}


def test_no_sample_of_a_server_alone_has_a_node(scraped: Scraped) -> None:
    assert labels_of(scraped) == {""}


def test_people_in_rooms_of_other_nodes_are_counted_there(node: Scraped) -> None:
    room = node.hub.open_replica(2, 9)
    node.hub.add_participant(room, b'"ann"', b"{", b"1", b"2")
    assert node.hub.gauges()["people"] == 1
    assert node.samples()["fortepiano_participants", ""] == 0
