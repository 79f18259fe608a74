"""The administration page at one node of a cluster: all nodes, and those that are missing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from staff_page import TIMEOUT_MS, AdminPage, administration, opened

from support.cluster import Cluster, run_cluster
from support.player import connected
from support.presets import LOUD, UNHURRIED

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.needs("redis-server"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of two nodes, the first of which has the page."""

    def prepare(made: Cluster) -> None:
        made.tokens["admin"] = made.make_token("admin")

    with run_cluster(2, prepare, **UNHURRIED, **LOUD) as running:
        yield running


@pytest.fixture
def admin(cluster: Cluster, chromium: Browser) -> Iterator[AdminPage]:
    with administration(cluster, chromium) as made:
        yield made
        assert made.complaints == []


def row(page: Page, text: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_text(text, exact=True))


def test_the_overview_has_all_nodes_and_their_sums(admin: AdminPage) -> None:
    for number in range(4):  # each goes to the next node
        admin.player(f"127.0.8.{number + 1}", f"Ann {number}", "a room of both")
    page = admin.enter()
    expect(row(page, "node-0 (this one)")).to_contain_text("ready", timeout=TIMEOUT_MS)
    expect(row(page, "node-1")).to_contain_text("ready")
    plot = page.locator("figure").filter(has=page.get_by_text("Clients", exact=True))
    expect(plot.locator("output")).to_have_text("4", timeout=TIMEOUT_MS)
    expect(page.locator("#missing")).to_be_hidden()


def test_lists_name_the_nodes_and_acts_say_where_they_were_done(admin: AdminPage) -> None:
    for number in range(2):
        admin.player("127.0.8.9", "Bea at both", f"Bea's {number}")
    page = admin.enter()
    admin.open("Users")
    both = row(page, "Bea at both")
    expect(both.locator(".node")).to_have_text(["node-0", "node-1"], timeout=TIMEOUT_MS)
    admin.open("Rooms")
    expect(row(page, "Bea's 0").locator(".node")).to_have_count(1, timeout=TIMEOUT_MS)
    expect(row(page, "lobby").locator(".node")).to_have_count(0)
    row(page, "Bea's 1").get_by_role("button").click()
    home = page.get_by_role("heading", level=2).locator(".node")
    expect(home).to_have_count(1, timeout=TIMEOUT_MS)
    page.get_by_role("button", name="Hide").click()
    expect(page.locator(".toast")).to_have_text(f"It is set. ({home.inner_text()})")


def test_a_missing_node_is_named_until_it_is_back(admin: AdminPage, cluster: Cluster) -> None:
    page = admin.enter()
    expect(row(page, "node-1")).to_contain_text("ready", timeout=TIMEOUT_MS)
    os.kill(cluster.nodes[1].pid, signal.SIGSTOP)
    try:
        line = page.get_by_role("alert").filter(has_text="The node node-1 does not answer")
        expect(line).to_be_visible(timeout=TIMEOUT_MS)
        expect(row(page, "node-1")).to_contain_text("does not answer", timeout=TIMEOUT_MS)
    finally:
        os.kill(cluster.nodes[1].pid, signal.SIGCONT)
    expect(page.locator("#missing")).to_be_hidden(timeout=TIMEOUT_MS)


def test_events_name_their_node(admin: AdminPage, cluster: Cluster) -> None:
    page = admin.enter()
    expect(row(page, "node-1")).to_contain_text("ready", timeout=TIMEOUT_MS)
    for number in range(2):
        with connected(cluster, f"127.0.8.{number + 20}", f"Cid {number}", f"Cid's {number}"):
            pass
    happenings = page.get_by_label("What happens")
    for number in range(2):
        expect(happenings).to_contain_text(f"· node-{number}", timeout=TIMEOUT_MS)


def test_a_server_alone_shows_no_nodes(chromium: Browser) -> None:
    server = opened()
    try:
        with administration(server, chromium) as admin:
            admin.player("127.0.8.30", "Dan", "Dan's")
            page = admin.enter()
            for section, text in (("Users", "Dan"), ("Rooms", "Dan's")):
                admin.open(section)
                expect(row(page, text)).to_be_visible(timeout=TIMEOUT_MS)
                expect(page.get_by_role("columnheader", name="Node")).to_have_count(0)
                expect(page.get_by_role("columnheader", name="Home")).to_have_count(0)
            expect(page.locator(".node")).to_have_count(0)
            admin.open("Configuration")
            page.get_by_role("button", name="Look for changes").click()
            expect(page.get_by_role("button", name="Reload …")).to_be_visible(timeout=TIMEOUT_MS)
    finally:
        server.close()
