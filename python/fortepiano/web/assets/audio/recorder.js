import { now } from "../clock.js";

const LONGEST = 20 * 60_000;

/** Records each note for a MIDI file, and the sound itself for a WAV file. */
export class Recorder {
	/** Beginning of the recording, milliseconds of the page's clock; null while there is none. @type {number | null} */
	began = null;
	/** @type {(Stroke & { player: string })[]} */
	#notes = [];
	/** @type {Int16Array<ArrayBuffer>[]} */
	#pieces = [];
	/** @type {AudioWorkletNode | null} */
	#tap = null;
	#engine;

	/** @param {Engine} engine @param {Emitter} heard emits each `note` that sounds here */
	constructor(engine, heard) {
		this.#engine = engine;
		heard.on("note", ({ player, key, velocity, due }) => {
			if (this.began !== null) this.#notes.push({ player, midi: key.midi, velocity, at: due - this.began });
		});
	}

	/** @param {() => void} full called when no more fits */
	async start(full) {
		const { context, output } = this.#engine;
		this.#notes = [];
		this.#pieces = [];
		// Pages without TLS have no worklets and record only the notes.
		if (context.audioWorklet) {
			await context.audioWorklet.addModule(new URL("recorder_worklet.js", import.meta.url));
			this.#tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0, channelCount: 2, channelCountMode: "explicit" });
			this.#tap.port.onmessage = ({ data }) => {
				this.#pieces.push(data);
				if (this.began !== null && now() - this.began > LONGEST) full();
			};
			output.connect(this.#tap);
		}
		this.began = now();
	}

	/** @returns {number} length, milliseconds */
	stop() {
		const length = now() - (this.began ?? now());
		this.began = null;
		if (this.#tap) this.#engine.output.disconnect(this.#tap);
		this.#tap = null;
		return length;
	}

	/** @param {number} length of the recording, milliseconds @returns {Map<string, Played[]>} by player */
	played(length) {
		/** @type {Map<string, Played[]>} */
		const players = new Map();
		/** @type {Map<string, Played>} */
		const down = new Map();
		for (const { player, midi, velocity, at } of this.#notes.sort((a, b) => a.at - b.at)) {
			const slot = `${midi} ${player}`;
			const held = down.get(slot);
			if (held) held.end = at;
			down.delete(slot);
			// Notes due after the end were not heard.
			if (velocity === null || at > length) continue;
			const note = { midi, velocity, begin: Math.max(0, at), end: length };
			down.set(slot, note);
			players.set(player, [...(players.get(player) ?? []), note]);
		}
		return players;
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
