/** From a recording to a MIDI file with a track for each player. */

/** @typedef {import("./library.js").Library} Library */
/** @typedef {import("./library.js").WrittenEvent} WrittenEvent */

const TICKS = 480;
const BEAT = 500; // milliseconds
const DRUMS = 9;
// Bytes of a name, whose length the library writes as one byte.
const LONGEST = 127;

/** @param {Library} library @param {Recording} recording @returns {Uint8Array<ArrayBuffer>} */
export function writeRecording({ write }, recording) {
	const tracks = notesOf(recording).map((notes, i) => new Track(recording, i).events(notes));
	return write(tracks.filter((events) => events.length > 2), TICKS);
}

/** Return the numbers of each player's notes, by time. @param {Recording} recording */
function notesOf({ names, at, player }) {
	const players = names.map(() => /** @type {number[]} */ ([]));
	// Notes of others come before their time.
	const order = Uint32Array.from(at, (_, i) => i).sort((a, b) => at[a] - at[b] || a - b);
	for (const i of order) players[player[i]].push(i);
	return players;
}

/** The track of a player. */
class Track {
	/** @type {WrittenEvent[]} */
	#events;
	/** Tick of the last event. */
	#before = 0;
	/** Tick of the beginning by MIDI number, -1 where the key is up. */
	#down = new Float64Array(128).fill(-1);
	#channel;
	#recording;

	/** @param {Recording} recording @param {number} number of the player */
	constructor(recording, number) {
		this.#recording = recording;
		this.#channel = (number % 15) + (number % 15 >= DRUMS ? 1 : 0);
		this.#events = [{ type: "meta", subtype: "trackName", deltaTime: 0, text: bytesOf(recording.names[number]) }];
	}

	/** @param {number[]} notes numbers of the recording's notes */
	events(notes) {
		const { length, at, key, velocity } = this.#recording;
		for (const i of notes) {
			// Notes due after the end were not heard.
			if (velocity[i] > 0 && at[i] > length) continue;
			this.#end(key[i], Math.min(at[i], length));
			if (velocity[i] > 0) this.#add(key[i], velocity[i], ticks(at[i]));
		}
		this.#down.forEach((_, midi) => this.#end(midi, length));
		return [...this.#events, { type: "meta", subtype: "endOfTrack", deltaTime: 0 }];
	}

	/** End a note if the key is down. @param {number} midi @param {number} at */
	#end(midi, at) {
		if (this.#down[midi] < 0) return;
		this.#add(midi, 0, Math.max(ticks(at), this.#down[midi] + 1));
		this.#down[midi] = -1;
	}

	/** @param {number} midi @param {number} velocity 0 for the end @param {number} tick */
	#add(midi, velocity, tick) {
		const at = Math.max(tick, this.#before);
		const subtype = velocity > 0 ? "noteOn" : "noteOff";
		this.#events.push({ type: "channel", subtype, channel: this.#channel, noteNumber: midi, velocity, deltaTime: at - this.#before });
		this.#before = at;
		if (velocity > 0) this.#down[midi] = at;
	}
}

/** @param {number} ms */
function ticks(ms) {
	return Math.max(0, Math.round((ms / BEAT) * TICKS));
}

/** Return a text as bytes in UTF-8, one sign for each, without the part that does not fit. @param {string} text */
function bytesOf(text) {
	const bytes = new Uint8Array(LONGEST);
	const { written } = new TextEncoder().encodeInto(text, bytes);
	return String.fromCharCode(...bytes.subarray(0, written));
}
