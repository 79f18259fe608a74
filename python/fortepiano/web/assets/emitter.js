/** Tells several listeners about named events, in the order in which they asked. */
export class Emitter {
	/** @type {Map<string, ((detail: any) => void)[]>} */
	#listeners = new Map();

	/** @param {string} name @param {(detail: any) => void} listener */
	on(name, listener) {
		const known = this.#listeners.get(name);
		if (known) known.push(listener);
		else this.#listeners.set(name, [listener]);
	}

	/**
	 * A listener that throws is reported and keeps nobody else from hearing the event.
	 * @param {string} name @param {any} [detail]
	 */
	emit(name, detail) {
		for (const listener of this.#listeners.get(name) ?? []) {
			try {
				listener(detail);
			} catch (error) {
				reportError(error);
			}
		}
	}
}
