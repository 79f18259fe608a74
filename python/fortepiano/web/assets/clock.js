const PERIOD = 20_000;
const EASE = 1000;

/** The page's own clock, milliseconds. It never steps, unlike `Date.now()`. */
export function now() {
	return performance.timeOrigin + performance.now();
}

/**
 * The server's time, told from the page's own.
 *
 * As in stock clients the offset is the server's `t` less the moment at which it came, and a new
 * one is approached over a second, so that no phrase is cut in two. All times are milliseconds.
 */
export class Clock {
	/** The last round trip. @type {number | null} */
	latency = null;
	#net;
	#from = 0;
	#to = 0;
	/** When the easing began; before the first sync there is nothing to ease from. @type {number | null} */
	#since = null;
	/** When the last unanswered `t` left. @type {number | null} */
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

	/** Whether the offset still moves towards the last sync. */
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
		// Nothing came back for a whole period: the connection is dead, whatever the socket says.
		if (this.#asked !== null && this.#net.status === "online") {
			this.#asked = null;
			this.#net.drop();
			return;
		}
		const asked = Math.round(now());
		if (this.#net.send({ m: "t", e: asked })) this.#asked = asked;
	}
}
