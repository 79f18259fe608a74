import { now } from "../clock.js";

const LONGEST = 20 * 60_000;

/** Records each note for a MIDI file, and the sound itself for a WAV file. */
export class Recorder {
	/** Beginning of the recording, milliseconds of the page's clock; null while there is none. @type {number | null} */
	began = null;
	/** Whether the sound is recorded too. */
	sounds = false;
	/** Notes by column, in the order in which they came. @type {{ at: number[], key: number[], velocity: number[], player: number[] }} */
	#notes = { at: [], key: [], velocity: [], player: [] };
	/** Number of each player in the columns, by id. @type {Map<string, number>} */
	#players = new Map();
	/** @type {Int16Array<ArrayBuffer>[]} */
	#pieces = [];
	/** @type {AudioWorkletNode | null} */
	#tap = null;
	#engine;

	/** @param {Engine} engine @param {Emitter} heard emits each `note` that sounds here */
	constructor(engine, heard) {
		this.#engine = engine;
		heard.on("note", ({ player, key, velocity, due }) => {
			if (this.began !== null) this.#note(player, key.midi, velocity, due - this.began);
		});
	}

	/** Begin. @param {() => void} full called when no more fits */
	async start(full) {
		this.#notes = { at: [], key: [], velocity: [], player: [] };
		this.#players.clear();
		this.#pieces = [];
		// Without the worklet there are still the notes.
		this.sounds = await this.#listen(full).then(() => true, () => false);
		this.began = now();
	}

	/** Listen to the sound; pages without TLS have no worklets. @param {() => void} full */
	async #listen(full) {
		const { context, output } = this.#engine;
		await context.audioWorklet.addModule(new URL("recorder_worklet.js", import.meta.url));
		const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0, channelCount: 2, channelCountMode: "explicit" });
		tap.port.onmessage = ({ data }) => {
			if (this.#tap !== tap) return;
			this.#pieces.push(data);
			if (this.began !== null && now() - this.began > LONGEST) full();
		};
		output.connect(tap);
		this.#tap = tap;
	}

	/** @returns {number} length, milliseconds */
	stop() {
		const length = now() - (this.began ?? now());
		this.began = null;
		if (this.#tap) {
			this.#engine.output.disconnect(this.#tap);
			this.#tap.port.postMessage(null); // otherwise the processor runs on
		}
		this.#tap = null;
		return length;
	}

	/** @param {string} player @param {number} midi @param {number | null} velocity null where the key goes up @param {number} at */
	#note(player, midi, velocity, at) {
		if (!this.#players.has(player)) this.#players.set(player, this.#players.size);
		this.#notes.at.push(at);
		this.#notes.key.push(midi);
		this.#notes.velocity.push(velocity === null ? 0 : Math.max(1, Math.round(velocity * 127)));
		this.#notes.player.push(this.#players.get(player) ?? 0);
	}

	/** Return the notes. @param {number} length of the recording, milliseconds @param {(player: string) => string} nameOf @returns {Recording} */
	recording(length, nameOf) {
		const { at, key, velocity, player } = this.#notes;
		return {
			length,
			names: [...this.#players.keys()].map(nameOf),
			at: Float64Array.from(at),
			key: Uint8Array.from(key),
			velocity: Uint8Array.from(velocity),
			player: Uint32Array.from(player),
		};
	}

	/** Return the sound as a WAV file of 16 bits and two channels, or null. @returns {Blob | null} */
	wave() {
		const bytes = this.#pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
		if (bytes === 0) return null;
		const rate = this.#engine.context.sampleRate;
		const head = new DataView(new ArrayBuffer(44));
		const words = [0x46464952, 36 + bytes, 0x45564157, 0x20746d66, 16, 0x00020001, rate, rate * 4, 0x00100004, 0x61746164, bytes];
		words.forEach((word, i) => head.setUint32(4 * i, word, true));
		return new Blob([head, ...this.#pieces], { type: "audio/wav" });
	}
}
