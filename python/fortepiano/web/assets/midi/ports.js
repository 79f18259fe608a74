import { Emitter } from "../emitter.js";
import { keyOf } from "../piano/keys.js";
import { MIDI } from "../piano/player.js";
import { recall, remember } from "../storage.js";
import { Turn } from "./turn.js";

/**
 * MIDI instruments: inputs that play here, and outputs that sound the notes.
 * Events: `change` when instruments came or went, `input` when one is used. Inputs are on until
 * switched off, outputs off until switched on.
 */
export class MidiPorts extends Emitter {
	/** @type {MIDIAccess | null} */
	#access = null;
	/** Names of inputs switched off, and of outputs switched on. */
	#silent = new Set(recall("midi.silent", /** @type {string[]} */ ([])));
	#sounding = new Set(recall("midi.sounding", /** @type {string[]} */ ([])));
	/** Inputs that play here, by id. @type {Set<string>} */
	#playing = new Set();
	/** Of several tabs with the same instruments one plays. */
	#turn = new Turn("fortepiano midi", () => this.#player.releaseAll((presser) => presser.startsWith(MIDI)));
	#player;

	/** @param {Player} player @param {Emitter} heard emits each `note` that sounds here */
	constructor(player, heard) {
		super();
		this.#player = player;
		heard.on("note", ({ key, velocity, due }) => this.#sound(key.midi, velocity, due));
		// A user who allowed MIDI once need not be asked again.
		const name = /** @type {PermissionName} */ ("midi");
		navigator.permissions?.query({ name }).then(
			({ state }) => state === "granted" && this.open(),
			() => {},
		);
	}

	get supported() {
		return "requestMIDIAccess" in navigator;
	}

	/** Ask the browser, which may ask the user, for the instruments. @returns {Promise<boolean>} whether they came */
	async open() {
		if (this.#access) return true;
		try {
			this.#access = await navigator.requestMIDIAccess();
		} catch {
			return false;
		}
		this.#access.onstatechange = () => this.#changed();
		this.#turn.enter();
		this.#changed();
		return true;
	}

	/** @returns {Port[]} */
	get ports() {
		const { inputs, outputs } = this.#access ?? { inputs: new Map(), outputs: new Map() };
		return [...inputs.values(), ...outputs.values()].map((port) => ({
			name: port.name ?? port.id,
			input: port.type === "input",
			on: this.#uses(port),
		}));
	}

	/** @param {string} name @param {boolean} input @param {boolean} on */
	use(name, input, on) {
		const names = input ? this.#silent : this.#sounding;
		if (on === input) names.delete(name);
		else names.add(name);
		remember(input ? "midi.silent" : "midi.sounding", [...names]);
		this.#listen();
	}

	/** @param {MIDIPort} port */
	#uses({ type, name, id }) {
		return type === "input" ? !this.#silent.has(name ?? id) : this.#sounding.has(name ?? id);
	}

	#listen() {
		const playing = new Set();
		for (const input of this.#access?.inputs.values() ?? []) {
			const plays = this.#uses(input) && input.state !== "disconnected";
			input.onmidimessage = plays ? ({ data }) => this.#receive(input.id, data) : null;
			if (plays) playing.add(input.id);
		}
		// An instrument that is gone sends no releases.
		for (const id of this.#playing) if (!playing.has(id)) this.#player.releaseAll((presser) => presser.startsWith(`${MIDI}${id} `));
		this.#playing = playing;
	}

	#changed() {
		this.#listen();
		this.emit("change");
	}

	/** @param {string} port @param {Uint8Array | null} data */
	#receive(port, data) {
		const [status = 0, number = 0, value = 0] = data ?? [];
		const kind = status & 0xf0;
		// Many instruments send all the time that they are still there.
		if (kind !== 0xf0) this.emit("input");
		if (!this.#turn.held) return;
		const finger = `${MIDI}${port} ${status & 15}`;
		const key = keyOf(number);
		if (kind === 0x90 && value > 0 && key) this.#player.press(key, value / 127, finger);
		else if ((kind === 0x80 || kind === 0x90) && key) this.#player.release(key, finger);
		else if (kind === 0xb0 && number === 64) this.#player.sustain(value >= 64, finger);
		else if (kind === 0xb0 && (number === 120 || number === 123)) this.#player.releaseAll((presser) => presser === finger);
	}

	/**
	 * @param {number} midi @param {number | null} velocity 0..1; null where the key goes up
	 * @param {number} due milliseconds of the page's clock
	 */
	#sound(midi, velocity, due) {
		for (const output of this.#access?.outputs.values() ?? []) {
			if (!this.#uses(output)) continue;
			const message = velocity === null ? [0x80, midi, 0] : [0x90, midi, Math.max(1, Math.round(velocity * 127))];
			output.send(message, due - performance.timeOrigin);
		}
	}
}
