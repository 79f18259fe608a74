const PERIOD = 20_000;
const EASE = 1000;

/** Return the page's own clock in ms, which never steps, unlike `Date.now()`. */
export function now() {
	return performance.timeOrigin + performance.now();
}

/**
 * Converts between the server's time and the page's, both in milliseconds.
 *
 * As in stock clients, the offset is the server's `t` less its time of arrival. The clock eases into
 * a new offset over a second, so that no phrase is cut in two.
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

	/** @param {Net} net */
	constructor(net) {
		this.#net = net;
		net.on("hi", ({ t }) => {
			this.#asked = null;
			this.#sync(t);
			this.#ask();
		});
		net.wire.on("t", ({ t, e }) => {
			if (this.#asked !== null && (e === undefined || e === this.#asked)) {
				this.latency = now() - this.#asked;
				this.#asked = null;
			}
			this.#sync(t);
		});
		setInterval(() => this.#ask(), PERIOD);
	}

	/** Whether the offset still moves towards that of the last sync. */
	get easing() {
		return this.#since !== null && now() - this.#since < EASE;
	}

	get offset() {
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

	/** @param {unknown} t */
	#sync(t) {
		if (typeof t !== "number") return;
		const offset = t - now();
		this.#from = this.#since === null ? offset : this.offset;
		this.#to = offset;
		this.#since = now();
	}

	#ask() {
		// No answer for a whole period: the connection is dead, whatever the socket says.
		if (this.#asked !== null && this.#net.status === "online") {
			this.#asked = null;
			this.#net.drop();
			return;
		}
		const asked = Math.round(now());
		if (this.#net.send({ m: "t", e: asked })) this.#asked = asked;
	}
}
