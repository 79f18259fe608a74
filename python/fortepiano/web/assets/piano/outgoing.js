const FLUSH = 200;
/** Most notes in one message: at most 33 kB. */
const MOST = 1000;

/** Collects own notes and sends them five times a second, each with its distance to the first. */
export class Outgoing {
	/** @type {Note[]} */
	#notes = [];
	/** The page's clock at the first collected note. */
	#first = 0;
	#timer = 0;
	#net;
	#clock;
	#sent;

	/** @param {Net} net @param {Clock} clock @param {(note: Sent) => void} sent called with each note that went out */
	constructor(net, clock, sent) {
		this.#net = net;
		this.#clock = clock;
		this.#sent = sent;
		// Timers of a hidden page come late.
		document.addEventListener("visibilitychange", () => this.flush());
	}

	/** Whether notes are sent: without a connection only this page sounds. */
	get open() {
		return this.#net.status === "online";
	}

	/**
	 * @param {string} name @param {number} velocity 0..1 @param {number} moment milliseconds of the page's clock
	 */
	start(name, velocity, moment) {
		this.#add({ n: name, v: Math.round(velocity * 1000) / 1000 }, moment);
	}

	/** @param {string} name @param {number} moment milliseconds of the page's clock */
	stop(name, moment) {
		this.#add({ n: name, s: 1 }, moment);
	}

	flush() {
		clearTimeout(this.#timer);
		const notes = this.#notes;
		if (notes.length === 0) return;
		this.#notes = [];
		const t = Math.round(this.#clock.toServer(this.#first));
		if (!this.#net.send({ m: "n", t, n: notes })) return;
		for (const { n, v = null, s, d = 0 } of notes) this.#sent({ n, v, stop: s === 1, t, d });
	}

	/** @param {Note} note @param {number} moment */
	#add(note, moment) {
		if (!this.open) return;
		// The timer of a busy page comes late, and some servers refuse a longer distance.
		if (moment - this.#first > FLUSH || this.#notes.length >= MOST) this.flush();
		if (this.#notes.length === 0) {
			this.#first = moment;
			this.#timer = setTimeout(() => this.flush(), FLUSH);
		} else {
			const delay = Math.round(moment - this.#first);
			if (delay > 0) note.d = delay;
		}
		this.#notes.push(note);
	}
}
