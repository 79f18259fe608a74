/** The events of a Standard MIDI File, however its chunks are wrapped, cut or counted. */

/** @typedef {import("./library.js").Library} Library */

const NOTE_OFF = 0x80;
const NOTE_ON = 0x90;
const CONTROLLER = 0xb0;
// A beat at the beginning of each song, microseconds.
const BEAT = 500_000;
// Milliseconds between two reports of the progress.
const REPORT = 50;

/** Fault of a file, in words for the user. */
export class BadFile extends Error {}

/**
 * Read all tracks. Programs write wrong lengths, wrap files into others and leave out the end, so
 * only the marks of the chunks count, and what was read before a fault.
 * @param {Library} library @param {Uint8Array<ArrayBuffer>} bytes
 * @param {(share: number) => void} report called with the part that was read, 0..1
 * @returns {MidiEvents} @throws {BadFile}
 */
export function readEvents(library, bytes, report) {
	const head = find(bytes, "MThd", 0);
	if (bytes.length === 0) throw new BadFile("This MIDI file is cut off.");
	if (head < 0) throw new BadFile("This is no MIDI file.");
	if (head + 14 > bytes.length) throw new BadFile("This MIDI file is cut off.");
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	/** @type {MidiEvents} */
	const events = { division: view.getUint16(head + 12), ticks: [], events: [], tempos: [], cut: false };
	const inTurn = view.getUint16(head + 8) === 2;
	let from = 0;
	let reported = performance.now();
	const reading = (/** @type {number} */ at) => {
		if (performance.now() - reported < REPORT) return;
		reported = performance.now();
		report(at / bytes.length);
	};
	for (let at = find(bytes, "MTrk", head + 14); at >= 0 && at + 8 <= bytes.length; ) {
		const end = endOf(bytes, view, at);
		if (inTurn) events.tempos.push([from, BEAT]);
		const track = readTrack(library, new DataView(bytes.buffer, bytes.byteOffset + at + 8, end - at - 8), from, events, (read) => reading(at + read));
		events.cut ||= !track.complete;
		// The tracks of format 2 are songs, which follow each other.
		if (inTurn) from = track.last;
		at = find(bytes, "MTrk", end);
	}
	return events;
}

/**
 * Return where a track may end at the latest. Its length counts only if another track or the end follows.
 * @param {Uint8Array} bytes @param {DataView} view @param {number} at beginning of its chunk
 */
function endOf(bytes, view, at) {
	const end = at + 8 + view.getUint32(at + 4);
	if (end === bytes.length || find(bytes.subarray(end, end + 4), "MTrk", 0) === 0) return end;
	const next = find(bytes, "MTrk", at + 8);
	return next < 0 ? bytes.length : next;
}

/**
 * Add the events of a track.
 * @param {Library} library @param {DataView} view @param {number} from first tick @param {MidiEvents} events
 * @param {(bytes: number) => void} reading called now and then with the number of bytes read
 */
function readTrack({ Stream, deserializeSingleEvent }, view, from, events, reading) {
	const stream = new (class extends Stream {
		/** The last number of variable length: of an event that the library refuses, how many bytes follow. */
		last = 0;
		/** @override */
		readVarInt() {
			return (this.last = super.readVarInt());
		}
	})(view);
	let [tick, status, count] = [from, 0, 0];
	// Of channels only: what follows a meta event may go on without a new status.
	const running = (/** @type {number} */ next) => {
		status = next;
	};
	try {
		while (!stream.eof()) {
			if ((count++ & 4095) === 0) reading(stream.position);
			tick += Math.max(0, stream.readVarInt());
			stream.last = 0;
			const event = readEvent(() => deserializeSingleEvent(stream, 0, status, running));
			if (!event) stream.read(stream.last);
			else if (event.subtype === "endOfTrack") return { last: tick, complete: true };
			else keep(events, tick, event);
		}
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
	}
	return { last: tick, complete: false };
}

/** Return an event, or null for one that the library refuses. @param {() => import("./library.js").LibraryEvent} read */
function readEvent(read) {
	try {
		return read();
	} catch (error) {
		if (error instanceof RangeError) throw error; // the end of the bytes
		return null;
	}
}

/** @param {MidiEvents} events @param {number} tick @param {import("./library.js").LibraryEvent} event */
function keep({ ticks, events, tempos }, tick, event) {
	const { subtype, channel = 0, noteNumber = 0, velocity = 0, controllerType = 0, value = 0 } = event;
	if (subtype === "setTempo") tempos.push([tick, event.microsecondsPerBeat || BEAT]);
	const kind = subtype === "noteOn" ? NOTE_ON : subtype === "noteOff" ? NOTE_OFF : subtype === "controller" ? CONTROLLER : 0;
	if (!kind) return;
	const [key, force] = kind === CONTROLLER ? [controllerType, value] : [noteNumber, velocity];
	// A byte above 127 is no key and no strength.
	if (key > 127 || force > 127) return;
	ticks.push(tick);
	events.push(((kind | channel) << 16) | (key << 8) | force);
}

/** Return where four letters are, or -1. @param {Uint8Array} bytes @param {string} letters @param {number} from */
function find(bytes, letters, from) {
	const [first, ...rest] = new TextEncoder().encode(letters);
	let at = bytes.indexOf(first, from);
	while (at >= 0 && !rest.every((byte, i) => bytes[at + 1 + i] === byte)) at = bytes.indexOf(first, at + 1);
	return at;
}
