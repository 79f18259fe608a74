const CAPACITY = 4096;

/** The last entries of a series; new entries push out the oldest. @template T */
export class Journal {
	/** @type {T[]} */
	#entries = [];

	/** @param {T} entry */
	add(entry) {
		this.#entries.push(entry);
		// Large steps, because shifting one by one costs more than the notes themselves.
		if (this.#entries.length >= 2 * CAPACITY) this.#entries.splice(0, CAPACITY);
	}

	entries() {
		return this.#entries.slice(-CAPACITY);
	}
}

/**
 * Offer tests and curious users copies of the page's state as `window.fortepiano`: the last remote
 * notes handed to the audio clock, the last own notes sent, and the current state.
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
