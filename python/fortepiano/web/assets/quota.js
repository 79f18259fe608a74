import { Emitter } from "./emitter.js";
import { t } from "./language.js";

/**
 * The notes that may still be played, by the algorithm of docs/protocol.md, which the server applies too.
 * Events: `change` of the points, `refused` when the user plays faster than they allow.
 */
export class NoteQuota extends Emitter {
	// Defaults until the server sends other numbers, and without a connection.
	allowance = 8000;
	max = 24_000;
	/** Milliseconds between two ticks. */
	pace = 0;
	#points = this.max;
	#history = [0, 0, 0].fill(this.max);
	#timer = 0;

	/** @param {Net} net */
	constructor(net) {
		super();
		// The most common tick, for servers that do not send theirs.
		this.apply({ tick: 2000 });
		net.wire.on("nq", (message) => this.apply(message));
	}

	get points() {
		return this.#points;
	}

	/** Apply an `nq`, which adds no points and cuts those above the new bound. @param {Partial<Message>} numbers */
	apply({ allowance, max, maxHistLen, tick }) {
		this.allowance = positive(allowance, this.allowance);
		this.max = positive(max, this.max);
		this.#points = Math.min(this.#points, this.max);
		const length = positive(maxHistLen, this.#history.length);
		this.#history = Array.from({ length }, (_, at) => Math.min(this.#history[at] ?? this.max, this.max));
		const pace = positive(tick, this.pace);
		if (pace !== this.pace) {
			this.pace = pace;
			clearInterval(this.#timer);
			this.#timer = setInterval(() => this.tick(), pace);
		}
		this.emit("change");
	}

	tick() {
		this.#history = [this.#points, ...this.#history.slice(0, -1)];
		if (this.#points < this.max) {
			this.#points = Math.min(this.max, this.#points + this.allowance);
			this.emit("change");
		}
	}

	/** @param {number} needed note events @returns whether they were paid for */
	spend(needed) {
		const recent = this.#history.reduce((sum, points) => sum + points, 0);
		// After a whole history at zero, notes are dear until a pause.
		const price = recent <= 0 ? needed * this.allowance : needed;
		if (this.#points < price) {
			this.emit("refused");
			return false;
		}
		this.#points -= price;
		this.emit("change");
		return true;
	}
}

/** @param {unknown} value @param {number} fallback */
function positive(value, fallback) {
	return typeof value === "number" && value > 0 && Number.isFinite(value) ? value : fallback;
}

/**
 * Show the points in a bar that shrinks as they are spent.
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
		const { points, max, allowance, pace } = quota;
		bar.title = t("{points} of {max} notes left, {allowance} more every {seconds} s", { points, max, allowance, seconds: pace / 1000 });
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
	// Another tab of the same participant spends the same points.
	net.wire.on("notification", ({ code }) => {
		if (code === "too_fast") refused();
	});
	draw();
}
