/** @import { Net } from "./net.js" */
/** @import { Room } from "./room.js" */
import { element, make } from "./dom.js";
import { color, readable } from "./color.js";
import { oneLine, string } from "./text.js";

const KEPT = 200;
const LONGEST = 512;

/** What is said in the room. */
export class Chat {
  #log = element("chat-log", HTMLElement);
  #input = element("chat-input", HTMLInputElement);
  #section = element("chat", HTMLElement);
  #room;

  /**
   * @param {Net} net
   * @param {Room} room
   */
  constructor(net, room) {
    this.#room = room;
    net.wire.on("a", (line) => this.#append(line));
    net.wire.on("c", ({ c }) => this.#replace(Array.isArray(c) ? c : []));
    net.on("status", () => this.#allow(net.status === "online"));
    room.on("joined", () => this.#allow(net.status === "online"));
    room.on("changed", () => this.#allow(net.status === "online"));
    this.#allow(false);
    element("chat-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const message = oneLine(this.#input.value, LONGEST);
      // An empty line is how one leaves the box; what could not be sent stays in it.
      if (!message) this.#input.blur();
      else if (net.send({ m: "a", message })) this.#input.value = "";
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#input.blur();
    });
    // Enter goes to the chat from wherever one plays.
    addEventListener("keydown", (event) => {
      const idle = document.activeElement === document.body || document.activeElement?.id === "piano";
      if (event.key !== "Enter" || event.isComposing || !idle || this.#input.disabled) return;
      event.preventDefault();
      this.#input.focus();
    });
  }

  /** @param {unknown[]} lines */
  #replace(lines) {
    // The history of a room is not news: a screen reader shall not read all of it.
    this.#log.ariaBusy = "true";
    this.#log.replaceChildren();
    for (const line of lines) this.#append(line);
    this.#log.ariaBusy = "false";
  }

  /** @param {any} line an `a` message or an entry of `c` */
  #append(line) {
    if (typeof line?.a !== "string") return;
    const following = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    const row = make("p", "line");
    const name = make("bdi", "line-name", string(line.p?.name, "Anonymous"));
    name.style.setProperty("--color", readable(color(line.p?.color)));
    row.append(name, make("bdi", "line-text", line.a));
    const time = typeof line.t === "number" ? new Date(line.t) : null;
    if (time && !Number.isNaN(time.getTime())) row.title = time.toLocaleTimeString();
    this.#log.append(row);
    while (this.#log.childElementCount > KEPT) this.#log.firstElementChild?.remove();
    if (following) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** @param {boolean} online */
  #allow(online) {
    const off = this.#room.settings.chat === false;
    this.#section.classList.toggle("off", off);
    this.#input.disabled = off;
    this.#input.placeholder = off
      ? "Chat is off in this room"
      : online
        ? "Say something (Enter)"
        : "Not connected: what you write waits here";
  }
}
