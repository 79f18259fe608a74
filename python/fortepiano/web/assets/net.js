import { CODES } from "./codes.js";
import { now } from "./clock.js";
import { Emitter } from "./emitter.js";

// Milliseconds before each new attempt; the last repeats. Chance adds up to 30 %.
const BACKOFF = [50, 2500, 10000];
/** Milliseconds from a new socket to the server's `hi`. */
const ATTEMPT = 10_000;

/**
 * The connection to the server, which reconnects by itself.
 * Events: `status` whenever `status` or `reason` changes, `hi` with the server's `hi`, `heard` at
 * each frame.
 * `wire` emits every message under its `m`.
 */
export class Net extends Emitter {
	wire = new Emitter();
	/** @type {Status} */
	status = "connecting";
	/** Reason for which the last connection ended or was refused. */
	reason = "";
	/** @type {WebSocket | null} */
	#socket = null;
	#failures = 0;
	#timer = 0;
	/** Beginning of the last attempt, milliseconds of the page's clock. */
	#began = 0;
	/** Times of the last message of each kind, milliseconds of the page's clock. @type {Map<string, number>} */
	#sentAt = new Map();
	#url;

	/** @param {string} url */
	constructor(url) {
		super();
		this.#url = url;
		this.wire.on("hi", (message) => {
			this.#failures = 0;
			this.#become("online", "");
			this.emit("hi", message);
		});
		// The network or the user is back: no need to wait for the next attempt.
		addEventListener("online", () => {
			// An attempt through the network that is gone would hang.
			if (this.#socket?.readyState === WebSocket.CONNECTING) this.drop();
			this.#hurry();
		});
		addEventListener("pageshow", () => this.#hurry());
		document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
	}

	open() {
		clearTimeout(this.#timer);
		this.#timer = 0;
		this.#began = now();
		const socket = new WebSocket(this.#url);
		let opened = false;
		this.#socket = socket;
		socket.onopen = () => {
			opened = true;
			socket.send('[{"m":"hi"}]');
		};
		socket.onmessage = ({ data }) => this.#receive(data);
		socket.onclose = ({ code, reason }) => {
			this.#lost(CODES[code] ?? { meaning: reason });
			if (!opened) this.#ask();
		};
	}

	/** Give up an attempt to connect that takes too long. */
	review() {
		if (this.#socket && this.status !== "online" && now() - this.#began > ATTEMPT) this.drop();
	}

	#hurry() {
		if (this.#timer) this.open();
	}

	/** Give up a connection that is open in name only; a new one follows at once. */
	drop() {
		const socket = this.#socket;
		if (!socket) return;
		// Closing takes a minute when the other end does not answer.
		socket.onopen = socket.onmessage = socket.onclose = null;
		socket.close();
		this.#lost({});
	}

	/**
	 * Send messages in one frame, once the server has sent its `hi`.
	 * @param {...Message & Record<string, unknown>} messages @returns whether they went out
	 */
	send(...messages) {
		if (this.status !== "online" || this.#socket?.readyState !== WebSocket.OPEN) return false;
		this.#socket.send(JSON.stringify(messages));
		for (const { m } of messages) this.#sentAt.set(m, now());
		return true;
	}

	/** Return when the last message of a kind went out; milliseconds of the page's clock. @param {string} kind */
	sentAt(kind) {
		return this.#sentAt.get(kind) ?? 0;
	}

	/** @param {unknown} data */
	#receive(data) {
		if (typeof data !== "string") return;
		const frame = JSON.parse(data);
		if (!Array.isArray(frame)) return;
		this.emit("heard");
		for (const message of frame) {
			if (message && typeof message.m === "string") this.wire.emit(message.m, message);
		}
	}

	/** @param {Ending} ending */
	#lost({ meaning = "", retry = true }) {
		this.#socket = null;
		if (!retry) {
			this.#become("refused", meaning);
			this.#ask();
			return;
		}
		this.#become("reconnecting", meaning || this.reason);
		const delay = BACKOFF[Math.min(this.#failures, BACKOFF.length - 1)] * (1 + 0.3 * Math.random());
		this.#failures += 1;
		this.#timer = setTimeout(() => this.open(), delay);
	}

	/** Ask the server why a socket did not open, because browsers do not say. */
	async #ask() {
		const answer = await fetch("/readyz", { cache: "no-store" }).catch(() => null);
		const { code, words } = Object(await answer?.json().catch(() => null));
		const retry = CODES[code]?.retry ?? true;
		// A final close code stands.
		if (this.status === "online" || (retry && !this.#timer && !this.#socket)) return;
		if (!retry) {
			clearTimeout(this.#timer);
			this.#timer = 0;
			this.#become("refused", words);
		} else if (!answer) this.#become("reconnecting", "The server does not answer");
		else if (code) this.#become("reconnecting", words);
		else if (!answer.ok) this.#become("reconnecting", "The server is not ready");
		else if (this.#failures > 1) this.#become("refused", "The server lets nobody in from here");
	}

	/** @param {Status} status @param {string} reason */
	#become(status, reason) {
		if (this.status === status && this.reason === reason) return;
		this.status = status;
		this.reason = reason;
		this.emit("status", status);
	}
}
