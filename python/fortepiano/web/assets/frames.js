/** Runs all painters in one animation frame, and rests while none has anything to draw. */
export class Frames {
	/** @type {Painter[]} */
	#painters = [];
	#pending = false;

	/** @param {Painter} painter */
	add(painter) {
		this.#painters.push(painter);
		this.wake();
	}

	wake() {
		if (this.#pending) return;
		this.#pending = true;
		requestAnimationFrame((now) => {
			this.#pending = false;
			let busy = false;
			for (const paint of this.#painters) busy = paint(now) || busy;
			if (busy) this.wake();
		});
	}
}
