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
	/** Whether no line is read out in this window. */
	#silent = false;

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
		const storm = this.#lines > READ;
		const missed = this.#silent ? this.#lines : this.#lines - READ;
		this.#lines = 0;
		if (missed > 0) this.#count.textContent = t(missed === 1 ? "{count} new line" : "{count} new lines", { count: missed });
		// Silent until a window passes without a storm.
		this.#silent = storm;
		if (storm) this.#timer = setTimeout(() => this.#rest(), WINDOW);
		else this.#log.ariaLive = "polite";
	}
}
