// The nodes of a cluster: who is there and who is missing. A server alone shows nothing of it.

import { call, onMissing } from "/admin/api.js";
import { get, make, table } from "/admin/dom.js";

const POLL_MS = 1000;

/** Return the names of nodes as marks; null at a server alone, whose answers name no nodes. */
export const marks = (names) => (names === undefined ? null : make("span", { class: "buttons" }, ...names.map((name) => make("bdi", { class: "node" }, name))));

/** Name the nodes that have not answered. */
export function showMissing(names) {
  const line = get("missing");
  line.hidden = names.length === 0;
  const who = names.length === 1 ? `The node ${names[0]} does` : `The nodes ${names.join(", ")} do`;
  if (!line.hidden) line.textContent = `${who} not answer: what is there is not shown, and acts do not reach it.`;
}

onMissing(showMissing);

/** Return the sums over all nodes that have answered, as one status. */
export function sums(cluster) {
  const there = cluster.nodes.map((node) => node.status).filter((status) => status !== null);
  const sum = (value) => there.reduce((total, status) => total + value(status), 0);
  // A node of another version may lack a counter.
  const counters = Object.fromEntries(Object.keys(there[0].counters).map((name) => [name, sum((status) => status.counters[name] ?? 0)]));
  return {
    counters,
    clients: sum((status) => status.clients),
    rooms: sum((status) => status.cluster.homes),
    queue_bytes: sum((status) => status.queue_bytes),
    // Rates are those of the same starts of the same nodes.
    started: there.map((status) => status.started).join(),
    now: there.find((status) => status.cluster.node === cluster.node).now,
    nodes: there.length,
  };
}

/** Ask for the cluster until the signal aborts; a failure is told by the stream of events. */
export async function follow(signal, onCluster) {
  while (!signal.aborted) {
    try {
      onCluster(await call("GET", "/cluster"));
    } catch {
      // The stream of events finds the same, and says so.
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Return the table of the nodes, and in what they differ. */
export function overview(cluster) {
  const rows = cluster.nodes.map(({ name, version, status }) => {
    const title = name === cluster.node ? make("b", {}, name, " (this one)") : make("bdi", {}, name);
    if (status === null) return [title, make("span", { class: "warning" }, "does not answer"), "", "", "", "", version];
    const state = status.ready ? "ready" : make("span", { class: "warning" }, `not ready: ${status.why_not_ready}`);
    return [title, state, status.clients, status.cluster.homes, status.participants, status.cluster.stays, status.version];
  });
  const differences = cluster.nodes.find(({ name }) => name === cluster.node)?.status?.cluster.differences ?? [];
  return [
    table(["Node", "State", "Clients", "Rooms", "People in them", "Clients in rooms elsewhere", "Version"], rows, ""),
    ...(cluster.why_alone === null ? [] : [make("p", { class: "warning" }, `This node is alone: ${cluster.why_alone}`)]),
    ...differences.map((line) => make("p", { class: "warning" }, `The nodes differ: ${line}`)),
  ];
}
