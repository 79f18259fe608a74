// Sections for stored records: bans, the audit, the settings.

import { call } from "/admin/api.js";
import { act, ask, ban, textField, toast } from "/admin/dialogs.js";
import { buttons, make, moment, searchField, table } from "/admin/dom.js";

let search = "";

/** Show the bans. */
export async function showBans(view) {
  const list = make("div");
  const again = async () => {
    const { bans, total } = await call("GET", "/bans", { query: { search } });
    const rows = bans.map((one) => [
      one.subject,
      one.room === "" ? make("i", {}, "the site") : make("bdi", {}, one.room),
      moment(one.until),
      make("bdi", {}, one.reason),
      one.actor,
      buttons(["Lift", async () => (await lift(one)) && again()]),
    ]);
    list.replaceChildren(table(["Who", "Where", "Until", "Why", "By", ""], rows, "Nobody is banned."), make("p", { class: "count" }, `${bans.length} of ${total}`));
  };
  view.replaceChildren(
    searchField("Search bans", search, async (wanted) => {
      search = wanted;
      await again();
    }),
    buttons(["Ban an id or a network …", async () => (await banAny()) && again()]),
    list,
  );
  await again();
}

async function banAny() {
  const given = await ask("Ban from the site", textField("User id, address or network", "subject"));
  return given !== null && ban(given.subject, given.subject, "");
}

const lift = (one) => act("The ban is lifted.", "DELETE", "/bans", { query: { subject: one.subject, room: one.room } });

/** Show the audit. */
export async function showAudit(view) {
  const list = make("tbody");
  let before;
  const more = async () => {
    const { acts } = await call("GET", "/audit", { query: before === undefined ? {} : { before } });
    before = acts.at(-1)?.at;
    list.append(
      ...acts.map((one) => {
        const details = Object.entries(one.details).map(([name, value]) => `${name}: ${value}`);
        const cells = [moment(one.at), one.actor, one.action, one.room, one.subject, one.reason, details.join(", ")];
        return make("tr", {}, ...cells.map((cell) => make("td", {}, make("bdi", {}, cell))));
      }),
    );
    button.hidden = acts.length === 0;
  };
  const button = make("button", { type: "button", onclick: more }, "Older ones");
  const heads = ["When", "Who", "What", "Room", "Whom", "Why", "Details"];
  const head = make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text))));
  view.replaceChildren(make("table", {}, head, list), button);
  await more();
}

/** Show the settings. */
export async function showConfiguration(view) {
  const { settings } = await call("GET", "/configuration");
  const rows = [];
  const walk = (part, path) => {
    for (const [name, value] of Object.entries(part)) {
      if (value !== null && typeof value === "object" && !Array.isArray(value)) walk(value, [...path, name]);
      else rows.push([[...path, name].join("."), make("code", {}, JSON.stringify(value))]);
    }
  };
  walk(settings, []);
  const changes = make("div");
  view.replaceChildren(
    make("p", {}, "As they are in force; secrets are masked. ", buttons(["Look for changes …", () => preview(view, changes)])),
    changes,
    table(["Setting", "Value"], rows, ""),
  );
}

/** Show the changes that a reload would apply. */
async function preview(view, place) {
  let found;
  try {
    found = await call("GET", "/configuration/changes");
  } catch (error) {
    toast(error.message, true);
    return;
  }
  const rows = (part, note) =>
    Object.entries(part).map(([name, [old, wanted]]) => [name, make("del", {}, JSON.stringify(old)), make("ins", {}, JSON.stringify(wanted)), note]);
  const reload = async (query) => {
    const given = await ask("Take the changes over");
    if (given !== null && (await act("The settings are applied.", "POST", "/configuration/reload", { query }))) await showConfiguration(view);
  };
  // Each node has settings of its own; a server alone names no differences from others.
  const isAlone = found.differences === undefined;
  place.replaceChildren(
    table(["Setting", "Now", "Then", ""], [...rows(found.changed, ""), ...rows(found.waiting, "needs a restart")], "The settings are as they were; handlers are read anew."),
    buttons(
      [isAlone ? "Reload …" : "Reload this node …", () => reload({})],
      ...(isAlone ? [] : [["Reload all nodes …", () => reload({ all: true })]]),
    ),
  );
}
