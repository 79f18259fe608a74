/** Calls the listeners of named events, in the order of their registration. */
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
	 * Call the listeners of an event. Errors of one are reported and do not stop the others.
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
