// Entry of the page: signs the operator in and opens the sections.

import { call, listen, Refusal, token } from "/admin/api.js";
import * as cluster from "/admin/cluster.js";
import { toast } from "/admin/dialogs.js";
import { get, make } from "/admin/dom.js";
import * as overview from "/admin/overview.js";
import { showAudit, showBans, showConfiguration } from "/admin/records.js";
import * as rooms from "/admin/rooms.js";
import * as users from "/admin/users.js";

const SECTIONS = {
  Overview: overview.show,
  Rooms: rooms.show,
  Users: users.show,
  Bans: showBans,
  Audit: showAudit,
  Configuration: showConfiguration,
};
const RETRY_MS = 2000;

let listening = new AbortController();

async function open(name) {
  for (const tab of get("tabs").children) tab.setAttribute("aria-selected", String(tab.textContent === name));
  const view = get("view");
  try {
    await SECTIONS[name](view);
  } catch (error) {
    view.replaceChildren(make("p", { class: "empty" }, error.message));
  }
}

async function follow(signal) {
  let isClusterFollowed = false;
  while (!signal.aborted) {
    try {
      await listen(signal, (kind, event) => {
        get("state").textContent = "live";
        overview.addEvent(kind, event);
        if (kind === "status" && event.cluster !== null && !isClusterFollowed) {
          isClusterFollowed = true;
          cluster.follow(signal, overview.addCluster);
        }
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.status === 401) return leave("The token is not valid any more.");
    }
    get("state").textContent = "reconnecting …";
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function leave(why) {
  listening.abort();
  token.forget();
  get("refusal").textContent = why;
  get("state").textContent = "";
  for (const id of ["tabs", "view", "leave"]) get(id).hidden = true;
  get("view").replaceChildren();
  cluster.showMissing([]);
  get("enter").hidden = false;
  get("token").focus();
}

async function enter() {
  try {
    await call("GET", "/status");
  } catch (error) {
    leave(error.message);
    return;
  }
  get("enter").hidden = true;
  for (const id of ["tabs", "view", "leave"]) get(id).hidden = false;
  listening = new AbortController();
  follow(listening.signal);
  await open("Overview");
}

get("tabs").append(
  ...Object.keys(SECTIONS).map((name) => make("button", { type: "button", role: "tab", onclick: () => open(name) }, name)),
);
get("leave").addEventListener("click", () => leave(""));
get("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(get("token").value.trim());
  get("token").value = "";
  enter();
});
addEventListener("unhandledrejection", (event) => toast(event.reason?.message ?? "Something failed.", true));
if (token.get() !== "") enter();
else get("token").focus();
