/**
 * The turn of one tab among all of this browser, by a lock of the Web Locks API. The tab that was used
 * last has the lock, and after its end another one. Without such locks each tab has a turn.
 */
export class Turn {
	/** Whether it is the turn of this tab. */
	held = !navigator.locks;
	/** Ends the waiting for the end of another tab's turn. @type {AbortController | null} */
	#waiting = null;
	#name;
	#lost;

	/** @param {string} name @param {() => void} lost called when another tab takes the turn */
	constructor(name, lost) {
		this.#name = name;
		this.#lost = lost;
	}

	/** Take part: at once if this tab is in use, else when no other one holds the turn. */
	enter() {
		if (!navigator.locks) return;
		for (const use of ["focus", "pointerdown", "keydown"]) addEventListener(use, () => this.#take(), { capture: true, passive: true });
		if (document.hasFocus()) this.#take();
		else this.#wait();
	}

	#take() {
		if (this.held) return;
		// At once: the first note would come before the answer.
		this.held = true;
		this.#waiting?.abort();
		this.#request({ steal: true });
	}

	#wait() {
		this.#waiting = new AbortController();
		this.#request({ signal: this.#waiting.signal });
	}

	/** @param {LockOptions} options */
	#request(options) {
		const hold = () => {
			this.held = true;
			return new Promise(() => {}); // until the tab is closed, or another one takes the turn
		};
		navigator.locks.request(this.#name, options, hold).catch((error) => {
			if (options.signal?.aborted) return; // taken instead
			// Locks are forbidden where storage is: then each tab has a turn.
			this.held = error?.name !== "AbortError";
			if (this.held) return;
			this.#lost();
			this.#wait();
		});
	}
}
