/** @import { Message } from "./types.js" */
import { Emitter } from "./emitter.js";

// Milliseconds before each new attempt, the last one for ever after: what stock clients do, so
// that a server that restarts sees its people come back in the waves that it expects.
const BACKOFF = [50, 2500, 10000];

/**
 * The connection, which comes back by itself.
 *
 * Events: `status` whenever `status` changes, `hi` (the message) once the server has greeted.
 * `wire` emits every message under its `m`.
 */
export class Net extends Emitter {
  wire = new Emitter();
  /** @type {"connecting" | "online" | "reconnecting"} */
  status = "connecting";
  /** Why the server closed the last connection, in its own words. */
  reason = "";
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #timer = 0;
  #url;

  /** @param {string} url */
  constructor(url) {
    super();
    this.#url = url;
    this.wire.on("hi", (message) => {
      this.#failures = 0;
      this.reason = "";
      this.#become("online");
      this.emit("hi", message);
    });
    // The network is back: no reason to sit out the rest of the delay.
    addEventListener("online", () => {
      if (this.#timer) this.open();
    });
  }

  open() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => socket.send('[{"m":"hi"}]');
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ reason }) => this.#lost(reason);
  }

  /** Gives up a connection that is open in name only; a new one follows at once. */
  drop() {
    const socket = this.#socket;
    if (!socket) return;
    // A close handshake with nobody at the other end takes a minute: do not wait for its event.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#lost("");
  }

  /**
   * Sends messages in one frame if the server has greeted.
   *
   * @param {...Message & Record<string, unknown>} messages
   * @returns {boolean} whether they went out
   */
  send(...messages) {
    if (this.status !== "online" || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(messages));
    return true;
  }

  /** @param {unknown} data */
  #receive(data) {
    if (typeof data !== "string") return;
    const frame = JSON.parse(data);
    if (!Array.isArray(frame)) return;
    for (const message of frame) {
      if (message && typeof message.m === "string") this.wire.emit(message.m, message);
    }
  }

  /** @param {string} reason */
  #lost(reason) {
    this.#socket = null;
    this.reason = reason;
    this.#become("reconnecting");
    const delay = BACKOFF[Math.min(this.#failures, BACKOFF.length - 1)];
    this.#failures += 1;
    this.#timer = setTimeout(() => this.open(), delay);
  }

  /** @param {"connecting" | "online" | "reconnecting"} status */
  #become(status) {
    if (this.status === status) return;
    this.status = status;
    this.emit("status", status);
  }
}
