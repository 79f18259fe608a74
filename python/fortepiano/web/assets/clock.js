/** Milliseconds without a message after which a page in view asks for one; and between two round trips. */
const QUIET = 1000;
const PERIOD = 20_000;
/** Milliseconds after asking in which something must come, or the connection is dead. */
const PATIENCE = 3500;
const TICK = 250;
const EASE = 1000;
/** Round trips among which the shortest is the measure. */
const COMPARED = 8;
/** A jump of the system's clock from which the page's own clock must have stood still, milliseconds. */
const ASLEEP = 500;

/** Return the page's own clock in ms, which never steps, unlike `Date.now()`. */
export function now() {
	return performance.timeOrigin + performance.now();
}

/**
 * Converts between the server's time and the page's, both in milliseconds, and notices dead connections.
 *
 * As in stock clients, the offset is the server's `t` less its time of arrival. That of the shortest of
 * the last round trips counts, because a late answer says little. The clock eases into a new offset
 * over a second, so that no phrase is cut in two.
 *
 * Many systems stop the page's clock while they sleep, but not `Date.now()`: such a jump moves the
 * offset at once, before the server is asked again.
 */
export class Clock {
	/** The last round trip. @type {number | null} */
	latency = null;
	#net;
	#from = 0;
	#to = 0;
	/** Start of the easing; null before the first sync. @type {number | null} */
	#since = null;
	/** Time at which the last unanswered `t` left. @type {number | null} */
	#asked = null;
	/** The last round trips and their offsets, newest last. @type {{ trip: number, offset: number }[]} */
	#trips = [];
	/** Times of the last round trip, and of the last message of any kind. */
	#compared = 0;
	#heard = 0;
	/** The system's clock less the page's. */
	#ahead = Date.now() - now();

	/** @param {Net} net */
	constructor(net) {
		this.#net = net;
		net.on("hi", ({ t }) => {
			this.#asked = null;
			this.#trips = [];
			if (typeof t === "number") this.#ease(t - now());
			this.#ask();
		});
		net.on("heard", () => {
			this.#heard = now();
		});
		net.wire.on("t", (message) => this.#answered(message));
		setInterval(() => this.#watch(), TICK);
		// The page comes back from sleep, from the background or from another network.
		for (const event of ["pageshow", "online", "offline"]) addEventListener(event, () => this.#ask());
		for (const event of ["visibilitychange", "resume"]) document.addEventListener(event, () => document.hidden || this.#ask());
	}

	/** Whether the offset still moves towards that of the last sync. */
	get easing() {
		return this.#since !== null && now() - this.#since < EASE;
	}

	get offset() {
		this.#wake();
		if (this.#since === null) return 0;
		const share = Math.min((now() - this.#since) / EASE, 1);
		return this.#from + (this.#to - this.#from) * share;
	}

	/** @param {number} local */
	toServer(local) {
		return local + this.offset;
	}

	/** @param {number} server */
	toLocal(server) {
		return server - this.offset;
	}

	/** @param {Partial<Message>} answer */
	#answered({ t, e }) {
		const asked = this.#asked;
		if (asked === null || (e !== undefined && e !== asked)) return;
		this.#asked = null;
		this.#compared = now();
		this.latency = this.#compared - asked;
		if (typeof t !== "number") return;
		this.#trips = [...this.#trips, { trip: this.latency, offset: t - this.#compared }].slice(-COMPARED);
		const { offset } = this.#trips.reduce((best, one) => (one.trip < best.trip ? one : best));
		if (this.#since === null || offset !== this.#to) this.#ease(offset);
	}

	/** @param {number} offset */
	#ease(offset) {
		this.#from = this.#since === null ? offset : this.offset;
		this.#to = offset;
		this.#since = now();
	}

	/** Move the offset by the time for which the page's clock stood still. */
	#wake() {
		const ahead = Date.now() - now();
		const slept = ahead - this.#ahead;
		this.#ahead = ahead;
		if (slept < ASLEEP || this.#since === null) return;
		this.#from += slept;
		this.#to += slept;
		this.#trips = [];
		this.#asked = null;
		this.#ask();
	}

	/** Ask where nothing came for a while, and from time to time. */
	#watch() {
		this.#net.review();
		this.#wake();
		const present = now();
		const isQuiet = !document.hidden && present - this.#heard >= QUIET;
		const rest = this.#trips.length < COMPARED / 2 ? QUIET : PERIOD;
		if (isQuiet || present - this.#compared >= rest) this.#ask();
	}

	#ask() {
		const asked = Math.round(now());
		if (this.#asked !== null || !this.#net.send({ m: "t", e: asked })) return;
		this.#asked = asked;
		this.#await(asked, PATIENCE);
	}

	/**
	 * Give the connection up unless something comes in time, whatever the socket says.
	 * @param {number} asked time of the question @param {number} patience milliseconds
	 */
	#await(asked, patience) {
		const due = now() + patience;
		setTimeout(() => {
			if (this.#asked !== asked) return;
			// The answer may wait behind the timer of a page that was frozen or busy.
			if (now() - due > TICK) this.#await(asked, TICK);
			else {
				this.#asked = null;
				if (this.#heard <= asked) this.#net.drop();
			}
		}, patience);
	}
}
