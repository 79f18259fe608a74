// Client of the admin API. The token stays in this tab and is sent to this server only.

const KEY = "fortepiano token";
const BASE = "/api/v1";

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** A refused request, with the API's own words. */
export class Refusal extends Error {
  constructor(status, problem) {
    const wrong = (problem.errors ?? []).map((one) => `${one.pointer}: ${one.detail}`);
    super([problem.detail ?? `HTTP ${status}`, ...wrong].join("\n"));
    this.status = status;
  }
}

async function request(method, path, query, body) {
  const url = new URL(BASE + path, location.origin);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const headers = { Authorization: `Bearer ${token.get()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!response.ok) throw new Refusal(response.status, await response.json().catch(() => ({})));
  return response;
}

let noteMissing = () => {};

/** Call a function with the names of the nodes that have not answered, at each answer of a cluster. */
export function onMissing(listener) {
  noteMissing = listener;
}

/**
 * Send a request to a path below `/api/v1`.
 * @returns {Promise<{value: any, nodes: string}>} the answer, null where there is none; and the nodes
 *   of a cluster that have done it, empty at a server alone
 */
export async function send(method, path, { query = {}, body } = {}) {
  const response = await request(method, path, query, body);
  const value = response.status === 204 ? null : await response.json();
  const missing = response.headers.get("Fortepiano-Missing-Nodes");
  if (value?.missing_nodes !== undefined) noteMissing(value.missing_nodes);
  else if (missing !== null) noteMissing(missing.split(", "));
  return { value, nodes: response.headers.get("Fortepiano-Nodes") ?? "" };
}

/** Send a request, and return the answer only. */
export const call = async (method, path, options) => (await send(method, path, options)).value;

/** Read the stream of events until the signal aborts; `EventSource` could not send the token. */
export async function listen(signal, onEvent) {
  const response = await fetch(`${BASE}/events`, { headers: { Authorization: `Bearer ${token.get()}` }, signal });
  if (!response.ok || response.body === null) throw new Refusal(response.status, await response.json().catch(() => ({})));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      const kind = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "message";
      if (data.length > 0) onEvent(kind, JSON.parse(data.join("\n")));
    }
  }
}
