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

/** Send a request to a path below `/api/v1`; return the answer, or null where there is none. */
export async function call(method, path, { query = {}, body } = {}) {
  const response = await request(method, path, query, body);
  return response.status === 204 ? null : response.json();
}

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
