// Overview: the state of the server as plots, and its events.

import { overview, sums } from "/admin/cluster.js";
import { act, ask, textField } from "/admin/dialogs.js";
import { buttons, make, moment } from "/admin/dom.js";
import { Plot } from "/admin/plot.js";

const MOST_LINES = 200;

const plots = {
  clients: new Plot("Clients"),
  rooms: new Plot("Rooms"),
  received: new Plot("Messages in", "/s"),
  deliveries: new Plot("Deliveries", "/s"),
  bytes: new Plot("Bytes out", "/s"),
  duty: new Plot("Time spent writing", " %"),
  lag: new Plot("Loop lag, mean", " ms"),
  queue: new Plot("Bytes waiting"),
};
const facts = make("p", { class: "facts" });
const nodes = make("div");
const lines = make("ol", { class: "happenings", "aria-label": "What happens" });
let before = null;

/** Add one event of the stream. */
export function addEvent(kind, data) {
  if (kind === "status") addStatus(data);
  else addHappening(data);
}

/** Add the state of a cluster: the plots are sums over its nodes, or their mean. */
export function addCluster(cluster) {
  nodes.replaceChildren(...overview(cluster));
  if (cluster.nodes.some((node) => node.status !== null)) addNumbers(sums(cluster));
}

function addNumbers(status) {
  const { counters } = status;
  const each = status.nodes ?? 1;
  plots.clients.add(status.clients);
  plots.rooms.add(status.rooms);
  plots.queue.add(status.queue_bytes);
  if (before !== null && status.started === before.started && status.now > before.now) {
    const seconds = (status.now - before.now) / 1000;
    const rate = (name) => (counters[name] - before.counters[name]) / seconds;
    plots.received.add(rate("notes") + rate("moves") + rate("times") + rate("cold"));
    plots.deliveries.add(rate("deliveries") + rate("told"));
    plots.bytes.add(rate("bytes_out"));
    plots.duty.add(rate("flush_ms") / 10 / each);
    plots.lag.add(rate("lag_ms") / 2 / each); // a server measures it twice a second
  }
  before = status;
}

function addStatus(status) {
  if (status.cluster === null) addNumbers(status);
  const minutes = Math.floor((status.now - status.started) / 60000);
  facts.textContent =
    (status.cluster === null ? "" : `This node is ${status.cluster.node}. `) +
    `Version ${status.version}, up ${Math.floor(minutes / 60)} h ${minutes % 60} min, ` +
    `${status.sockets} sockets, ${status.participants} people in rooms; ` +
    (status.ready ? "ready; " : `not ready: ${status.why_not_ready}; `) +
    (status.store_healthy ? `${status.store_pending} changes to write.` : `the store fails: ${status.store_error}`);
}

function addHappening(event) {
  const who = event.name ?? event.actor ?? "";
  const where = event.room ? ` · ${event.room}` : "";
  const node = event.node ? ` · ${event.node}` : "";
  const more = [event.subject, event.text, event.reason].filter(Boolean).join(" · ");
  lines.prepend(
    make("li", {}, make("time", {}, moment(Date.now())), make("b", {}, event.kind), make("bdi", {}, `${who}${where}${more ? ` · ${more}` : ""}${node}`)),
  );
  while (lines.childElementCount > MOST_LINES) lines.lastElementChild.remove();
}

async function notifyAll() {
  const given = await ask("Tell everybody", textField("Text", "text"));
  if (given !== null) await act("Everybody was told.", "POST", "/notices", { body: { to: "all", text: given.text } });
}

/** Show the overview. */
export async function show(view) {
  view.replaceChildren(
    facts,
    nodes,
    make("div", { class: "plots" }, ...Object.values(plots).map((plot) => plot.element)),
    make("h2", {}, "What happens ", buttons(["Tell everybody …", notifyAll])),
    lines,
  );
}
