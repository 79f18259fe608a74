// Runs on the audio thread: posts the passing sound to the page, in pieces of a quarter second.

// @ts-expect-error: the DOM's types lack the names of that thread
registerProcessor("tap", class extends AudioWorkletProcessor {
	#piece = new Int16Array(24_000);
	#filled = 0;
	#over = false;

	constructor() {
		super();
		// Any message ends the recording.
		// @ts-expect-error: as above
		this.port.onmessage = () => {
			this.#over = true;
		};
	}

	/** @param {Float32Array[][]} inputs */
	process([input]) {
		const [left, right = left] = input ?? [];
		for (let i = 0; left && i < left.length; i++) {
			for (const side of [left, right]) {
				this.#piece[this.#filled++] = Math.max(-1, Math.min(1, side[i])) * 32_767;
			}
			if (this.#filled < this.#piece.length) continue;
			// @ts-expect-error: as above
			this.port.postMessage(this.#piece, [this.#piece.buffer]);
			this.#piece = new Int16Array(24_000);
			this.#filled = 0;
		}
		return !this.#over;
	}
});
