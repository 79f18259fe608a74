import { Emitter } from "./emitter.js";
import { t } from "./language.js";

const TICK = 2000;

/**
 * How many notes may still be played: the algorithm of docs/protocol.md, which the server applies
 * too, so that it never has to refuse what this page lets through.
 * Event: `change` whenever the points did, `refused` when somebody plays faster than they allow.
 */
export class NoteQuota extends Emitter {
	// What a client may assume until the server says otherwise, and while it plays alone.
	allowance = 8000;
	max = 24_000;
	#depth = 3;
	#points = this.max;
	/** @type {number[]} */
	#history = [];

	/** @param {Net} net */
	constructor(net) {
		super();
		this.#reset();
		net.wire.on("nq", (message) => this.adopt(message));
		setInterval(() => this.tick(), TICK);
	}

	get points() {
		return this.#points;
	}

	/**
	 * Takes the numbers of an `nq`; only different ones refill the points.
	 * @param {Partial<Message>} numbers
	 */
	adopt({ allowance, max, maxHistLen }) {
		const before = [this.allowance, this.max, this.#depth].join();
		this.allowance = positive(allowance, this.allowance);
		this.max = positive(max, this.max);
		this.#depth = positive(maxHistLen, this.#depth);
		if (before !== [this.allowance, this.max, this.#depth].join()) this.#reset();
	}

	tick() {
		this.#history.unshift(this.#points);
		this.#history.length = this.#depth;
		if (this.#points < this.max) {
			this.#points = Math.min(this.max, this.#points + this.allowance);
			this.emit("change");
		}
	}

	/** @param {number} needed note events @returns whether they were paid for */
	spend(needed) {
		const recent = this.#history.reduce((sum, points) => sum + points, 0);
		// Somebody who stayed at zero through the whole history pays dearly until he pauses.
		const price = recent <= 0 ? needed * this.allowance : needed;
		if (this.#points < price) {
			this.emit("refused");
			return false;
		}
		this.#points -= price;
		this.emit("change");
		return true;
	}

	#reset() {
		this.#points = this.max;
		this.#history = new Array(this.#depth).fill(this.max);
		this.emit("change");
	}
}

/** @param {unknown} value @param {number} fallback */
function positive(value, fallback) {
	return typeof value === "number" && value > 0 && Number.isFinite(value) ? value : fallback;
}

/**
 * Shows the points in a bar that shrinks as they are spent.
 * @param {Net} net @param {NoteQuota} quota
 * @param {HTMLElement} bar an element with role `meter` around the part that shrinks
 */
export function showQuota(net, quota, bar) {
	const fill = /** @type {HTMLElement} */ (bar.firstElementChild);
	let due = false;
	const draw = () => {
		due = false;
		const share = quota.points / quota.max;
		fill.style.transform = `scaleX(${share.toFixed(3)})`;
		bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
		const { points, max, allowance } = quota;
		bar.title = t("{points} of {max} notes left, {allowance} more every two seconds", { points, max, allowance });
	};
	quota.on("change", () => {
		if (due) return;
		due = true;
		requestAnimationFrame(draw);
	});
	const refused = () => {
		if (bar.dataset.refused) return;
		bar.dataset.refused = "true";
		setTimeout(() => delete bar.dataset.refused, 600);
	};
	quota.on("refused", refused);
	// The server dropped what was played: another tab of the same person spends the same points.
	net.wire.on("notification", ({ text }) => {
		if (text === "You're playing too fast! Slow down.") refused();
	});
	draw();
}
