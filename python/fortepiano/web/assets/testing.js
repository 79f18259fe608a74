const CAPACITY = 4096;

/** The last entries of something, the oldest giving way. @template T */
export class Journal {
	/** @type {T[]} */
	#entries = [];

	/** @param {T} entry */
	add(entry) {
		this.#entries.push(entry);
		// Cut in large steps: shifting one by one costs more than the notes themselves.
		if (this.#entries.length >= 2 * CAPACITY) this.#entries.splice(0, CAPACITY);
	}

	entries() {
		return this.#entries.slice(-CAPACITY);
	}
}

/**
 * What tests and the curious may read, as copies: `window.fortepiano` with the last remote notes that
 * were handed to the audio clock, the last own ones that went out, and how things stand.
 * @param {{ schedule: Journal<Scheduled>, sent: Journal<Sent>, state: () => object }} parts
 */
export function expose({ schedule, sent, state }) {
	const value = Object.freeze({
		get schedule() {
			return schedule.entries();
		},
		get sent() {
			return sent.entries();
		},
		get state() {
			return state();
		},
	});
	Object.defineProperty(window, "fortepiano", { value });
}
