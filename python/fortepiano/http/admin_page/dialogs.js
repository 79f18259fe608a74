// Dialogs: ask for a reason before an act on a user, do the act, and show its outcome.

import { send } from "/admin/api.js";
import { get, make } from "/admin/dom.js";

/** Show the operator a text that goes by itself. */
export function toast(text, isBad = false) {
  const box = make("p", { class: isBad ? "toast bad" : "toast" }, text);
  get("toasts").append(box);
  setTimeout(() => box.remove(), isBad ? 10000 : 4000);
}

get("cancel").addEventListener("click", () => get("ask").close());
// The key that has opened a dialog, and is held for too long, does not confirm it too.
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.repeat) event.preventDefault();
});

/**
 * Ask the operator to confirm an act.
 * @param {string} title what will be done
 * @param {HTMLElement[]} fields more fields, by their `name`
 * @returns {Promise<Record<string, string>|null>} the values entered; null after a cancel
 */
export function ask(title, ...fields) {
  const dialog = get("ask");
  const form = dialog.querySelector("form");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector(".fields").replaceChildren(...fields);
  form.reason.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  (fields.length > 0 ? dialog.querySelector(".fields input, .fields select") : form.reason).focus();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => resolve(dialog.returnValue === "ok" ? Object.fromEntries(new FormData(form)) : null),
      { once: true },
    );
  });
}

/** Send a request, show its outcome, and return whether it succeeded. */
export async function act(what, method, path, options) {
  try {
    const { nodes } = await send(method, path, options);
    toast(nodes === "" ? what : `${what} (${nodes})`);
    return true;
  } catch (error) {
    toast(error.message, true);
    return false;
  }
}

const LENGTHS = [
  ["10 minutes", 600_000],
  ["1 hour", 3_600_000],
  ["1 day", 86_400_000],
  ["1 week", 604_800_000],
  ["for ever", ""],
];

/** Return the field for the length of a ban: `duration`, in milliseconds, empty for ever. */
export const lengthField = () =>
  make(
    "label",
    {},
    "For how long ",
    make("select", { name: "duration" }, ...LENGTHS.map(([text, value]) => make("option", { value }, text))),
  );

// The page shows neither the network nor its IP version; under IPv4 the choice is the address or the /24.
const NETWORKS = [
  ["nobody", ""],
  ["their line (/64, or the address)", 64],
  ["their network (/56, or /24)", 56],
  ["a wide network (/48, or /24)", 48],
];

/** Return the field for the part of a user's network that is banned as well: `network`, or empty. */
export const networkField = () =>
  make(
    "label",
    {},
    "Together with ",
    make("select", { name: "network" }, ...NETWORKS.map(([text, value]) => make("option", { value }, text))),
  );

/** Return a field for a text with its label, name and value. */
export const textField = (label, name, value = "") =>
  make("label", {}, `${label} `, make("input", { name, value, required: true, maxLength: 512 }));

/** Ban a user from a room, or, where the room is empty, from the whole site. */
export async function ban(subject, name, room) {
  const where = room === "" ? "the site" : `“${room}”`;
  // Addresses and networks have one of these characters, ids of users have none.
  const isUser = !/[.:/]/.test(subject);
  const given = await ask(`Ban ${name} from ${where}`, lengthField(), ...(isUser && room === "" ? [networkField()] : []));
  if (given === null) return false;
  const duration_ms = given.duration === "" ? null : Number(given.duration);
  const network = given.network ? { network: Number(given.network) } : {};
  return act(`${name} is banned from ${where}.`, "POST", "/bans", {
    body: { subject, room, duration_ms, reason: given.reason, ...network },
  });
}
