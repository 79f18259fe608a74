import { STILL, pen } from "../dom.js";
import { now } from "../clock.js";
import { recall } from "../storage.js";
import { WHITES } from "./keys.js";

const SPEED = 0.11; // pixels in a millisecond
const MOST = 1500;
// Of coming notes, of which a page of black notes has many.
const MOST_COMING = 4 * MOST;
// Milliseconds before its time at which a note appears at the top; notes of others are known that early.
const FALL = 1000;
const OWN_COLOR = "#8ab4ff";

/**
 * The notes above the keys: played ones rise from the keys, or coming ones fall towards them.
 * Rests under reduced motion. Times are milliseconds of the page's clock.
 */
export class Trails {
	/** Whether coming notes fall, instead of played ones rising. */
	falling = recall("falling", false);
	/** @type {Trail[]} */
	#trails = [];
	/** @type {ComingTrail[]} */
	#coming = [];
	/** Trails that still grow, by player and key. @type {Map<string, Trail>} */
	#growing = new Map();
	#canvas;
	#context;
	#frames;
	#width = 0;
	#height = 0;
	#blank = true;

	/** @param {HTMLCanvasElement} canvas @param {Frames} frames */
	constructor(canvas, frames) {
		this.#canvas = canvas;
		this.#context = pen(canvas);
		this.#frames = frames;
		new ResizeObserver(() => this.#fit()).observe(canvas);
		this.#fit();
		frames.add(() => this.#paint());
	}

	/** @param {Key} key @param {string} player @param {string} color */
	begin(key, player, color) {
		if (STILL.matches || document.hidden) return;
		this.end(key, player);
		const trail = { key, color, player, begin: now(), end: null };
		this.#trails.push(trail);
		if (this.#trails.length > MOST) this.#trails.shift();
		this.#growing.set(`${key.midi} ${player}`, trail);
		this.#frames.wake();
	}

	/** @param {Key} key @param {string} player */
	end(key, player) {
		const slot = `${key.midi} ${player}`;
		const trail = this.#growing.get(slot);
		if (!trail) return;
		trail.end = now();
		this.#growing.delete(slot);
	}

	/**
	 * Add a note before its time.
	 * @param {Key} key @param {string} player @param {number} begin
	 * @param {number | null} end null while unknown @param {string} [color]
	 * @param {number} [fall] milliseconds from the top to the keys
	 */
	coming(key, player, begin, end, color = OWN_COLOR, fall = FALL) {
		if (!this.falling || STILL.matches || document.hidden) return;
		if (this.#coming.length < MOST_COMING) this.#coming.push({ key, color, player, begin, end, fall });
		this.#frames.wake();
	}

	/** Set the end of a coming note. @param {Key} key @param {string} player @param {number} end */
	ending(key, player, end) {
		const trail = this.#coming.findLast((one) => one.key === key && one.player === player);
		if (trail && trail.end === null) trail.end = end;
	}

	/** @param {string} player */
	release(player) {
		for (const trail of this.#growing.values()) {
			if (trail.player === player) this.end(trail.key, player);
		}
		this.forget(player);
	}

	/** Drop the coming notes of a player. @param {string} player */
	forget(player) {
		this.#coming = this.#coming.filter((trail) => trail.player !== player);
	}

	#fit() {
		const { clientWidth, clientHeight } = this.#canvas;
		// One canvas pixel for one CSS pixel: moving shapes need not be sharper.
		this.#width = this.#canvas.width = clientWidth;
		this.#height = this.#canvas.height = clientHeight;
		this.#frames.wake();
	}

	#paint() {
		if (this.#blank && this.#trails.length + this.#coming.length === 0) return false;
		const present = now();
		const height = this.#height;
		this.#context.clearRect(0, 0, this.#width, height);
		this.#trails = this.#trails.filter(({ end }) => end === null || height - (present - end) * SPEED > 0);
		// A note without an end five seconds after its beginning was cut off with its player.
		this.#coming = this.#coming.filter(({ begin, end }) => (end ?? begin + 5000) > present);
		if (this.falling) {
			for (const { key, color, begin, end, fall } of this.#coming) {
				const bottom = height * (1 - (begin - present) / fall);
				if (bottom < 0) continue;
				const top = end === null ? 0 : Math.max(0, height * (1 - (end - present) / fall));
				this.#bar(key, color, top, Math.min(bottom, height), 0.85);
			}
		} else {
			for (const { key, color, begin, end } of this.#trails) {
				const top = Math.max(-8, height - (present - begin) * SPEED);
				const bottom = end === null ? height + 8 : height - (present - end) * SPEED;
				// Trails fade on their way up.
				this.#bar(key, color, top, bottom, 0.15 + 0.75 * Math.max(0, bottom / height) ** 1.3 * (end === null ? 1 : 0.85));
			}
		}
		this.#context.globalAlpha = 1;
		this.#blank = this.#trails.length + this.#coming.length === 0;
		return !this.#blank;
	}

	/** @param {Key} key @param {string} color @param {number} top @param {number} bottom @param {number} alpha */
	#bar(key, color, top, bottom, alpha) {
		const unit = this.#width / WHITES;
		const inset = key.black ? 0 : unit * 0.14;
		this.#context.globalAlpha = alpha;
		this.#context.fillStyle = color;
		// Plain rectangles on whole pixels: hundreds of them cost little, even without a GPU.
		const [left, width] = [key.left * unit + inset, key.width * unit - 2 * inset];
		this.#context.fillRect(Math.round(left), Math.round(top), Math.round(width), Math.max(4, Math.round(bottom - top)));
	}
}
