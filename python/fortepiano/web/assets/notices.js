import { element, make } from "./dom.js";
import { t } from "./language.js";
import { wordsOf } from "./refusals.js";
import { string } from "./text.js";

const SHOWN = 5;
const DURATION = 30_000;

/** The notices of the server, one card each. */
export class Notices {
	/** @type {Map<unknown, Card>} */
	#cards = new Map();
	#region = element("notices");

	/** @param {Net} net */
	constructor(net) {
		net.wire.on("notification", (message) => this.show({ ...message, ...wordsOf(message) }));
	}

	/**
	 * Show a notice, which replaces an earlier one with the same `id`.
	 * @param {Partial<Message>} notification with a negative `duration` (ms) stays until closed by hand
	 */
	show({ id, title, text, html, duration, class: kind }) {
		const key = string(id) || Symbol();
		this.#close(key);
		// A parsed document is inert: no script runs and nothing is loaded.
		const markup = new DOMParser().parseFromString(string(html), "text/html");
		const body = string(text) || markup.body.textContent?.trim();
		const heading = string(title);
		if (!body && !heading) return;
		const card = make("div", kind === "short" ? "notice short" : "notice");
		if (heading) card.append(make("strong", "", heading));
		if (body) card.append(make("p", "", body));
		const close = make("button", "close", "×");
		close.ariaLabel = t("Close");
		close.addEventListener("click", () => this.#close(key));
		card.append(close);
		this.#region.append(card);
		const shown = typeof duration === "number" && duration !== 0 ? duration : DURATION;
		const timer = shown > 0 ? setTimeout(() => this.#close(key), Math.min(shown, 2 ** 31 - 1)) : 0;
		this.#cards.set(key, { card, timer });
		for (const oldest of [...this.#cards.keys()].slice(0, -SHOWN)) this.#close(oldest);
	}

	/** @param {unknown} key */
	#close(key) {
		const known = this.#cards.get(key);
		if (!known) return;
		clearTimeout(known.timer);
		known.card.remove();
		this.#cards.delete(key);
	}
}

