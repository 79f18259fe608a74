import { now } from "../clock.js";
import { Emitter } from "../emitter.js";
import { FILE, OWN } from "../piano/player.js";
import { keyOf } from "../piano/keys.js";

// A busy page comes late, so notes go to the audio clock a little ahead.
const AHEAD = 60;
const PREPARATION = 300;
// Others hear a note a second after its time, so one that is late here keeps its time for them.
const LATEST = 800;
// The notes of a file are known long before their time.
const SHOWN = 3000;
// Milliseconds of work at once; what is due beyond them waits for the next tick.
const SLICE = 12;

/**
 * Plays a file into the room as if by hand, without the notes beyond the quota.
 * Events: `change` of the position, and at the beginning and the end; `fault` if it cannot be played.
 */
export class FilePlayer extends Emitter {
	/** Milliseconds from the beginning. */
	position = 0;
	/** Length of the last file, milliseconds. */
	length = 0;
	/** Number of notes left out because of the quota. */
	left = 0;
	/** Ticks also while the page is hidden. @type {Worker | null} */
	#ticker = null;
	#began = 0;
	/** Number of the next note to pay for, and of the next one to show before its time. */
	#next = 0;
	#shown = 0;
	/** Notes to be struck next, and why others will not hear them. @type {{ i: number, reason: Unheard | null }[]} */
	#due = [];
	/** End of each key that is down, by MIDI number; infinite for the others. */
	#ends = new Float64Array(128).fill(Infinity);
	#parts;

	/** @param {{ player: Player, trails: Trails, room: Room }} parts */
	constructor(parts) {
		super();
		this.#parts = parts;
	}

	get playing() {
		return this.#ticker !== null;
	}

	/** @param {Song} song */
	start(song) {
		this.stop();
		this.length = song.length;
		this.#next = this.#shown = this.left = this.position = 0;
		this.#began = now() + PREPARATION;
		this.#ticker = new Worker(new URL("worker/ticker_worker.js", import.meta.url), { type: "module" });
		this.#ticker.onmessage = () => this.#step(song);
		this.#ticker.onerror = () => {
			this.stop();
			this.emit("fault");
		};
		this.#step(song);
	}

	stop() {
		if (!this.#ticker) return;
		this.#ticker.terminate();
		this.#ticker = null;
		this.#due.length = 0;
		this.#ends.fill(Infinity);
		this.#parts.player.releaseAll((presser) => presser === FILE);
		this.#parts.trails.forget(OWN);
		this.emit("change");
	}

	/** @param {Song} song */
	#step(song) {
		if (!this.#ticker) return;
		const present = now();
		this.position = Math.min(Math.max(0, present - this.#began), song.length);
		this.#show(song, present + SHOWN);
		this.#pay(song, present + AHEAD);
		this.#play(song, present);
		const over = this.#next >= song.begin.length && this.#due.length === 0 && this.#ends.every((end) => end === Infinity);
		if (over) this.stop();
		else this.emit("change");
	}

	/** Show the notes that begin until a time. @param {Song} song @param {number} until */
	#show({ begin, end, key }, until) {
		const { room, trails } = this.#parts;
		for (; this.#began + begin[this.#shown] <= until; this.#shown++) {
			const [i, shown] = [this.#shown, keyOf(key[this.#shown])];
			if (shown) trails.coming(shown, OWN, this.#began + begin[i], this.#began + end[i], room.self?.color, SHOWN);
		}
	}

	/** Pay for the notes that begin until a time, all at once: the quota is that of this moment. @param {Song} song @param {number} until */
	#pay({ begin }, until) {
		for (; this.#began + begin[this.#next] <= until; this.#next++) {
			const reason = this.#parts.player.pay();
			if (reason === "quota") this.left += 1;
			else this.#due.push({ i: this.#next, reason });
		}
	}

	/** Strike and release what is due, for a while. @param {Song} song @param {number} present */
	#play({ begin, end, key, velocity }, present) {
		let struck = 0;
		for (; struck < this.#due.length; struck++) {
			if ((struck & 31) === 31 && now() - present > SLICE) break;
			const { i, reason } = this.#due[struck];
			this.#release(this.#began + begin[i], present);
			this.#strike(key[i], velocity[i], Math.max(present - LATEST, this.#began + begin[i]), reason);
			this.#ends[key[i]] = this.#began + end[i];
		}
		this.#due.splice(0, struck);
		if (this.#due.length === 0) this.#release(present + AHEAD, present);
	}

	/** @param {number} midi @param {number} velocity 1..127 @param {number} moment @param {Unheard | null} reason */
	#strike(midi, velocity, moment, reason) {
		const key = keyOf(midi);
		if (!key) return;
		// A key must be released before its next stroke.
		this.#parts.player.release(key, FILE, moment);
		this.#parts.player.strike(key, velocity / 127, FILE, moment, reason);
	}

	/** Release the keys whose notes end until a time, in that order. @param {number} until @param {number} present */
	#release(until, present) {
		const over = [];
		for (let midi = 0; midi < 128; midi++) if (this.#ends[midi] <= until) over.push(midi);
		for (const midi of over.sort((a, b) => this.#ends[a] - this.#ends[b])) {
			const key = keyOf(midi);
			if (key) this.#parts.player.release(key, FILE, Math.max(present - LATEST, this.#ends[midi]));
			this.#ends[midi] = Infinity;
		}
	}
}
