/** Standard MIDI Files (format 0 and 1): read any, write them with a track for each player. */

const TICKS = 480;
const BEAT = 500; // milliseconds
const PEDAL = 64;
const DRUMS = 9;

/** Fault of a file, in words for the user. */
export class BadFile extends Error {}

/**
 * @param {ArrayBuffer} file
 * @returns {Played[]} in the order of their beginning, held as long as key or pedal @throws {BadFile}
 */
export function readMidi(file) {
	const view = new DataView(file);
	try {
		if (view.getUint32(0) !== 0x4d546864) throw new BadFile("This is no MIDI file.");
		const division = view.getInt16(12);
		/** @type {MidiEvent[]} */
		const events = [];
		/** @type {Tempo[]} */
		const tempos = [];
		for (let at = 8 + view.getUint32(4); at + 8 <= view.byteLength; at += 8 + view.getUint32(at + 4)) {
			if (view.getUint32(at) === 0x4d54726b) track(view, at + 8, at + 8 + view.getUint32(at + 4), events, tempos);
		}
		const time = clock(division, tempos.sort((a, b) => a[0] - b[0]));
		// At the same tick, ends come before beginnings.
		return pair(events.sort((a, b) => a[0] - b[0] || a[1] - b[1]), time);
	} catch (error) {
		if (error instanceof RangeError) throw new BadFile("This MIDI file is cut off.");
		throw error;
	}
}

/**
 * @param {DataView} view @param {number} at @param {number} end @param {MidiEvent[]} events
 * @param {Tempo[]} tempos
 */
function track(view, at, end, events, tempos) {
	let tick = 0;
	let status = 0;
	const number = () => {
		let value = 0;
		for (let byte = 0x80; byte & 0x80; ) {
			byte = view.getUint8(at++);
			value = value * 128 + (byte & 0x7f);
		}
		return value;
	};
	while (at < end) {
		tick += number();
		if (view.getUint8(at) & 0x80) status = view.getUint8(at++);
		if (status >= 0xf0) {
			const tempo = status === 0xff && view.getUint8(at++) === 0x51;
			const length = number();
			if (tempo) tempos.push([tick, (view.getUint16(at) << 8) | view.getUint8(at + 2)]);
			at += length;
		} else {
			const single = (status & 0xe0) === 0xc0;
			events.push([tick, status, view.getUint8(at), single ? 0 : view.getUint8(at + 1)]);
			at += single ? 1 : 2;
		}
	}
}

/** Return a function from ticks to milliseconds. @param {number} division @param {Tempo[]} tempos */
function clock(division, tempos) {
	// A negative division is frames in a second, and ticks in a frame.
	if (division < 0) return (/** @type {number} */ tick) => (tick * 1000) / (-(division >> 8) * (division & 255));
	return (/** @type {number} */ tick) => {
		let [ms, from, beat] = [0, 0, BEAT * 1000];
		for (const [at, next] of tempos) {
			if (at >= tick) break;
			ms += ((at - from) / division) * (beat / 1000);
			[from, beat] = [at, next];
		}
		return ms + ((tick - from) / division) * (beat / 1000);
	};
}

/** @param {MidiEvent[]} events @param {(tick: number) => number} time */
function pair(events, time) {
	/** @type {Played[]} */
	const notes = [];
	/** @type {Map<number, Played>} by channel and key */
	const down = new Map();
	/** @type {Map<number, Played[]>} notes held by each channel's pedal; missing while it is up */
	const pedals = new Map();
	for (const [tick, status, midi, value] of events) {
		const channel = status & 15;
		const kind = status & 0xf0;
		const at = time(tick);
		if (channel === DRUMS) continue;
		if (kind === 0xb0 && midi === PEDAL) {
			if (value >= 64) pedals.set(channel, pedals.get(channel) ?? []);
			else {
				for (const note of pedals.get(channel) ?? []) note.end = Math.max(note.end, at);
				pedals.delete(channel);
			}
		}
		if (kind !== 0x80 && kind !== 0x90) continue;
		const slot = channel * 128 + midi;
		const held = down.get(slot);
		if (held) {
			held.end = at;
			pedals.get(channel)?.push(held);
			down.delete(slot);
		}
		if (kind === 0x90 && value > 0 && midi >= 21 && midi <= 108) {
			const note = { midi, velocity: value / 127, begin: at, end: at + 1 };
			down.set(slot, note);
			notes.push(note);
		}
	}
	return notes;
}

/** @param {Map<string, Played[]>} players by the names of their tracks @returns {Uint8Array<ArrayBuffer>} */
export function writeMidi(players) {
	const tracks = [...players].map(([name, notes], i) => {
		const channel = (i % 15) + (i % 15 >= DRUMS ? 1 : 0);
		const events = notes.flatMap(({ midi, velocity, begin, end }) => [
			{ at: begin, bytes: [0x90 | channel, midi, Math.max(1, Math.round(velocity * 127))] },
			{ at: end, bytes: [0x80 | channel, midi, 0] },
		]);
		events.sort((a, b) => a.at - b.at || a.bytes[0] - b.bytes[0]);
		const title = [...new TextEncoder().encode(name)];
		const data = [0, 0xff, 0x03, ...variable(title.length), ...title];
		let before = 0;
		for (const { at, bytes } of events) {
			const tick = Math.round((at / BEAT) * TICKS);
			data.push(...variable(tick - before), ...bytes);
			before = tick;
		}
		return chunk("MTrk", [...data, 0, 0xff, 0x2f, 0]);
	});
	return new Uint8Array([...chunk("MThd", [0, 1, 0, tracks.length, TICKS >> 8, TICKS]), ...tracks.flat()]);
}

/** Return a chunk; each number of the data is cut to a byte. @param {string} kind @param {number[]} data */
function chunk(kind, data) {
	const { length } = data;
	return [...new TextEncoder().encode(kind), length >> 24, length >> 16, length >> 8, length, ...data];
}

/** @param {number} value */
function variable(value) {
	const bytes = [value & 0x7f];
	for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
	return bytes;
}
