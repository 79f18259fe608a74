/** From the events of a file to notes in milliseconds. */

const PEDAL = 64;
const DRUMS = 9;
const [LOWEST, HIGHEST] = [21, 108];
// Ticks of a beat where the file has none.
const TICKS = 480;
// Nominal 29 frames are those of colour television.
const FILM = 29.97;
// The shortest note, milliseconds.
const SHORTEST = 1;

/**
 * Return the notes in the order of their beginning, held as long as key or pedal.
 * @param {MidiEvents} file @returns {Song}
 */
export function notesOf({ division, ticks, events, tempos, cut }) {
	const time = clock(division, tempos.sort((a, b) => a[0] - b[0]));
	const notes = new Notes();
	for (const i of inOrder(ticks)) {
		const status = events[i] >> 16;
		const [key, force] = [(events[i] >> 8) & 127, events[i] & 127];
		if ((status & 15) === DRUMS) continue;
		const at = time(ticks[i]);
		if (status >= 0xb0) notes.control(status & 15, key, force, at);
		else if (status >= 0x90 && force > 0) notes.strike(status & 15, key, force, at, ticks[i]);
		else notes.release(status & 15, key, at, ticks[i]);
		notes.last = at;
	}
	return notes.song(cut);
}

/** Return the numbers of events by their ticks, those of one tick as they were. @param {number[]} ticks */
function* inOrder(ticks) {
	const { length } = ticks;
	// Typed arrays sort numbers ten times as fast as a function that compares.
	const most = 2 ** 53 / length - 1;
	const keys = Float64Array.from(ticks, (tick, i) => Math.min(Math.floor(most), tick) * length + i).sort();
	for (const key of keys) yield key % length;
}

/**
 * Return a function from ticks, which may only grow, to milliseconds.
 * @param {number} division of the file's head @param {Tempo[]} tempos
 */
function clock(division, tempos) {
	// A negative division is frames in a second, and ticks in a frame.
	const frames = 256 - (division >> 8);
	const parts = (frames === 29 ? FILM : frames) * (division & 255);
	if (division >= 0x8000 && parts > 0) return (/** @type {number} */ tick) => (tick * 1000) / parts;
	const beatTicks = (division < 0x8000 && division) || TICKS;
	let [ms, from, beat, next] = [0, 0, 500_000, 0];
	return (/** @type {number} */ tick) => {
		for (; next < tempos.length && tempos[next][0] <= tick; next++) {
			ms += ((tempos[next][0] - from) / beatTicks) * (beat / 1000);
			[from, beat] = tempos[next];
		}
		return ms + ((tick - from) / beatTicks) * (beat / 1000);
	};
}

/** Pairs the beginnings and ends of notes, by channel and key. */
class Notes {
	/** Time of the last event, milliseconds. */
	last = 0;
	/** @type {number[]} */
	#begin = [];
	/** @type {number[]} */
	#end = [];
	/** @type {number[]} */
	#keys = [];
	/** @type {number[]} */
	#velocities = [];
	/** Number of the note that is down, by channel and key; -1 where there is none. */
	#down = new Int32Array(16 * 128).fill(-1);
	/** Tick of the last strike, and whether that ended another note. */
	#struck = new Float64Array(16 * 128).fill(-1);
	#cut = new Uint8Array(16 * 128);
	/** Notes held by each channel's pedal; missing while it is up. @type {Map<number, number[]>} */
	#pedals = new Map();

	/** @param {number} channel @param {number} key @param {number} velocity @param {number} at @param {number} tick */
	strike(channel, key, velocity, at, tick) {
		if (key < LOWEST || key > HIGHEST) return;
		const slot = channel * 128 + key;
		this.#cut[slot] = Number(this.#down[slot] >= 0);
		this.#finish(channel, key, at);
		this.#struck[slot] = tick;
		this.#down[slot] = this.#begin.length;
		this.#begin.push(at);
		this.#end.push(at + SHORTEST);
		this.#keys.push(key);
		this.#velocities.push(velocity);
	}

	/** @param {number} channel @param {number} key @param {number} at @param {number} tick */
	release(channel, key, at, tick) {
		const slot = channel * 128 + key;
		if (this.#struck[slot] !== tick) this.#finish(channel, key, at);
		// The end of the former note may stand behind the beginning of the next one.
		else if (this.#cut[slot]) this.#cut[slot] = 0;
		// A note without length is no note to hold with the pedal.
		else this.#down[slot] = -1;
	}

	/** @param {number} channel @param {number} controller @param {number} value @param {number} at */
	control(channel, controller, value, at) {
		if (controller !== PEDAL) return;
		if (value >= 64) {
			if (!this.#pedals.has(channel)) this.#pedals.set(channel, []);
			return;
		}
		for (const note of this.#pedals.get(channel) ?? []) this.#lengthen(note, at);
		this.#pedals.delete(channel);
	}

	/** @param {number} channel @param {number} key @param {number} at */
	#finish(channel, key, at) {
		const note = this.#down[channel * 128 + key];
		if (note < 0) return;
		this.#lengthen(note, at);
		this.#pedals.get(channel)?.push(note);
		this.#down[channel * 128 + key] = -1;
	}

	/** @param {number} note @param {number} at */
	#lengthen(note, at) {
		this.#end[note] = Math.max(this.#end[note], at);
	}

	/** @param {boolean} cut @returns {Song} */
	song(cut) {
		for (const held of this.#pedals.values()) for (const note of held) this.#lengthen(note, this.last);
		for (const note of this.#down) if (note >= 0) this.#lengthen(note, this.last);
		const end = Float64Array.from(this.#end);
		return {
			begin: Float64Array.from(this.#begin),
			end,
			key: Uint8Array.from(this.#keys),
			velocity: Uint8Array.from(this.#velocities),
			length: end.reduce((longest, at) => Math.max(longest, at), 0),
			cut,
		};
	}
}
