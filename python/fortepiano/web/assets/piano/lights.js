import { now } from "../clock.js";

const MOST = 20_000;

/** Shows notes on the keyboard when they sound: at once, or at their time. */
export class Lights {
	/** @type {LightEvent[]} */
	#pending = [];
	#view;
	#trails;
	#frames;

	/** @param {PianoView} view @param {Trails} trails @param {Frames} frames */
	constructor(view, trails, frames) {
		this.#view = view;
		this.#trails = trails;
		this.#frames = frames;
		frames.add(() => this.#show());
		// A hidden page draws nothing: its keys go dark at once, and notes that become due are over.
		document.addEventListener("visibilitychange", () => {
			if (document.hidden) this.#settle();
		});
	}

	/** @param {Key} key @param {string} player @param {string} color */
	on(key, player, color) {
		this.#view.light(key, player, color);
		this.#trails.begin(key, player, color);
	}

	/** @param {Key} key @param {string} player */
	off(key, player) {
		this.#view.dim(key, player);
		this.#trails.end(key, player);
	}

	/** Show a note at its time. @param {LightEvent} event */
	later(event) {
		const { due, key, player, color } = event;
		if (document.hidden) {
			if (color === null) this.off(key, player);
			return;
		}
		// Releases are never left out: their keys would stay lit.
		if (color !== null && this.#pending.length >= MOST) return;
		this.#pending.push(event);
		if (color === null) this.#trails.ending(key, player, due);
		else this.#trails.coming(key, player, due, null, color);
		this.#frames.wake();
	}

	/** Apply all releases at once, and forget notes that have not begun. */
	#settle() {
		const pending = this.#pending;
		this.#pending = [];
		for (const { key, player, color } of pending) {
			if (color === null) this.off(key, player);
		}
	}

	/** Let go of all keys of a player who left. @param {string} player */
	release(player) {
		this.#pending = this.#pending.filter((event) => event.player !== player);
		this.#view.release(player);
		this.#trails.release(player);
	}

	#show() {
		if (this.#pending.length === 0) return false;
		const present = now();
		this.#pending = this.#pending.filter(({ due, key, player, color, begun }) => {
			if (due > present) return true;
			if (color === null) this.off(key, player);
			else {
				this.on(key, player, color);
				begun();
			}
			return false;
		});
		return this.#pending.length > 0;
	}
}
