import { Emitter } from "./emitter.js";

// Milliseconds before each new attempt, the last one for ever after: what stock clients do. Each is
// made longer by up to SPREAD of itself, at random, so that thousands who lost their connection
// together do not come back together.
const BACKOFF = [50, 2500, 10000];
const SPREAD = 0.3;
const BANNED = 4008;
const NETWORK_REFUSED = 4005;
/** @type {Record<number, string>} */
const REASONS = {
	1013: "The connection was too slow",
	4000: "The server restarts",
	4004: "The server heard nothing",
	4009: "You have too many connections open",
};
/** Why the server would refuse one, by `you` of /readyz, and whether it tries again all the same. @type {Record<string, [Status, string]>} */
const VERDICTS = {
	banned: ["refused", "You are banned from this server"],
	network_refused: ["refused", "The server lets nobody in from your network"],
	too_many: ["reconnecting", "Too many people from your network are here"],
	full: ["reconnecting", "The server is full"],
};

/**
 * The connection, which comes back by itself.
 * Events: `status` whenever `status` or `reason` changes, `hi` (the message) once the server has
 * greeted. `wire` emits every message under its `m`.
 */
export class Net extends Emitter {
	wire = new Emitter();
	/** @type {Status} */
	status = "connecting";
	/** Why the last connection ended, or was refused. */
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
			this.#become("online", "");
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
		let opened = false;
		this.#socket = socket;
		socket.onopen = () => {
			opened = true;
			socket.send('[{"m":"hi"}]');
		};
		socket.onmessage = ({ data }) => this.#receive(data);
		socket.onclose = ({ code, reason }) => {
			this.#lost(REASONS[code] ?? reason, code);
			if (!opened) this.#ask();
		};
	}

	/** Gives up a connection that is open in name only; a new one follows at once. */
	drop() {
		const socket = this.#socket;
		if (!socket) return;
		// A close handshake with nobody at the other end takes a minute: do not wait for its event.
		socket.onopen = socket.onmessage = socket.onclose = null;
		socket.close();
		this.#lost("", 0);
	}

	/**
	 * Sends messages in one frame if the server has greeted.
	 * @param {...Message & Record<string, unknown>} messages @returns whether they went out
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

	/** @param {string} reason @param {number} code */
	#lost(reason, code) {
		this.#socket = null;
		if (code === BANNED || code === NETWORK_REFUSED) {
			this.#become("refused", code === BANNED ? reason || VERDICTS.banned[1] : VERDICTS.network_refused[1]);
			if (code === NETWORK_REFUSED) this.#ask();
			return;
		}
		this.#become("reconnecting", reason || this.reason);
		const delay = BACKOFF[Math.min(this.#failures, BACKOFF.length - 1)] * (1 + SPREAD * Math.random());
		this.#failures += 1;
		this.#timer = setTimeout(() => this.open(), delay);
	}

	/** Why a socket did not open: browsers do not say, but the server answers other questions. */
	async #ask() {
		const answer = await fetch("/readyz", { cache: "no-store" }).catch(() => null);
		const verdict = await answer?.json().catch(() => null);
		if (this.status === "online") return;
		const known = VERDICTS[verdict?.you];
		if (!answer) this.#become("reconnecting", "The server does not answer");
		// What the operator says of a network is in the operator's own words.
		else if (known) this.#become(known[0], (known[0] === "refused" && verdict.words) || known[1]);
		else if (answer.ok && this.#failures > 1) this.#become("refused", "The server lets nobody in from here");
		else if (!answer.ok) this.#become("reconnecting", "The server is not ready");
	}

	/** @param {Status} status @param {string} reason */
	#become(status, reason) {
		if (this.status === status && this.reason === reason) return;
		this.status = status;
		this.reason = reason;
		this.emit("status", status);
	}
}
