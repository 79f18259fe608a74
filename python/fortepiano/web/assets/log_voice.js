import { t } from "./language.js";

// Lines within so many milliseconds that screen readers read out; of more, only the number.
const READ = 3;
const WINDOW = 2000;

/** Keeps a screen reader from reading out a storm of chat lines: then it hears how many came. */
export class LogVoice {
	#log;
	#count;
	#lines = 0;
	#timer = 0;

	/** @param {HTMLElement} log a live region @param {HTMLElement} count a live region for the number */
	constructor(log, count) {
		this.#log = log;
		this.#count = count;
	}

	/** Count a new line of another user. */
	add() {
		this.#lines += 1;
		// The line that is one too many is in the log already, and may still be read.
		if (this.#lines >= READ) this.#log.ariaLive = "off";
		this.#timer ||= setTimeout(() => this.#rest(), WINDOW);
	}

	#rest() {
		this.#timer = 0;
		const missed = this.#lines - READ;
		this.#lines = 0;
		if (missed <= 0) {
			this.#log.ariaLive = "polite";
			return;
		}
		this.#count.textContent = t("{count} new lines", { count: missed });
		// Silent until a window passes without a storm.
		this.#lines = READ;
		this.#timer = setTimeout(() => this.#rest(), WINDOW);
	}
}
