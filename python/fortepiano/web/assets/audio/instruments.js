import { recall, remember } from "../storage.js";
import { SampleBank } from "./samples.js";
import { TIMBRES, pluck } from "./partials.js";
import { strike } from "./computed_piano.js";

/** Instruments by name, in the order of the choice. */
export const INSTRUMENTS = {
	piano: "Grand piano",
	strings: "Computed piano",
	electric: "Electric piano",
	harpsichord: "Harpsichord",
	vibraphone: "Vibraphone",
	musicbox: "Music box",
	organ: "Organ",
	synth: "Synthesizer",
};

/** @type {Envelope} Times in seconds. */
const SYNTH = { wave: "sawtooth", attack: 0.02, decay: 0.4, sustain: 0.5, release: 0.25 };
// Drawbars 8', 4', 2 2/3', 2', 1 1/3' and their neighbours, as partials of the lowest one.
const DRAWBARS = new Float32Array([0, 1, 0.8, 0.5, 0.6, 0, 0.25, 0, 0.3, 0, 0, 0, 0.12]);
// Above this key a piano has no dampers: released strings ring on.
const UNDAMPED = 90;

/** Makes the sound of each note with the chosen instrument. */
export class Instruments {
	/** @type {Instrument} */
	chosen;
	/** Whether the grand piano sounds with recordings. */
	recorded = false;
	/** @type {Envelope} */
	synth;
	/** @type {Map<string, SampleBank>} */
	#banks = new Map();
	#organ;
	#context;
	#folder;

	/**
	 * @param {BaseAudioContext} context
	 * @param {string} folder the address of recorded sounds; empty where there are none
	 */
	constructor(context, folder) {
		this.#context = context;
		this.#folder = folder;
		this.#organ = context.createPeriodicWave(new Float32Array(DRAWBARS.length), DRAWBARS);
		this.synth = { ...SYNTH, ...recall("synth", {}) };
		const stored = recall("instrument", "piano");
		this.chosen = stored in INSTRUMENTS ? /** @type {Instrument} */ (stored) : "piano";
		this.#prepare();
	}

	/** @param {Instrument} name */
	choose(name) {
		this.chosen = name;
		remember("instrument", name);
		this.#prepare();
	}

	/** @param {Partial<Envelope>} change */
	shape(change) {
		this.synth = { ...this.synth, ...change };
		remember("synth", this.synth);
	}

	/** Number of prepared sounds of the chosen instrument; 0 where none are needed. */
	get ready() {
		return this.#banks.get(this.chosen)?.size ?? 0;
	}

	/**
	 * @param {number} midi @param {number} velocity 0..1
	 * @param {number} at beginning, seconds of the audio context @returns {Sound}
	 */
	strike(midi, velocity, at) {
		const bank = this.#banks.get(this.chosen);
		return bank ? this.#struck(bank, midi, velocity) : this.#blown(midi, velocity, at);
	}

	#prepare() {
		const name = this.chosen;
		if (this.#banks.has(name) || name === "organ" || name === "synth") return;
		const bank = new SampleBank(this.#context);
		this.#banks.set(name, bank);
		const timbre = TIMBRES[name];
		/** @type {Recipe} */
		const recipe = timbre ? (midi, rate) => pluck(timbre, midi, rate) : strike;
		if (name !== "piano" || !this.#folder) {
			bank.compute(recipe);
			return;
		}
		bank.compute(recipe, false);
		bank.fetch(this.#folder).then((came) => {
			this.recorded = came;
			if (!came) bank.compute(recipe);
		});
	}

	/** @param {SampleBank} bank @param {number} midi @param {number} velocity @returns {Sound} */
	#struck(bank, midi, velocity) {
		const { buffer, rate } = bank.sound(midi);
		const source = new AudioBufferSourceNode(this.#context, { buffer, playbackRate: rate });
		const pitch = 440 * 2 ** ((midi - 69) / 12);
		// A soft stroke lacks the upper partials, which marks touch more than the level does.
		const tone = Math.min(18_000, pitch * (1 + 6 * velocity) + 150 + 8000 * velocity ** 2.5);
		const gain = new GainNode(this.#context, { gain: 1.1 * velocity ** 1.35 });
		source.connect(gain);
		return { source, gain, tone, fade: midi >= UNDAMPED ? 0.7 : 0.14 - 0.0011 * (midi - 21) };
	}

	/** @param {number} midi @param {number} velocity @param {number} at @returns {Sound} */
	#blown(midi, velocity, at) {
		const context = this.#context;
		const organ = this.chosen === "organ";
		const { wave, attack, decay, sustain, release } = organ
			? { ...SYNTH, attack: 0.012, decay: 0.1, sustain: 0.9, release: 0.06 }
			: this.synth;
		const source = new OscillatorNode(context, { frequency: 440 * 2 ** ((midi - 69) / 12) });
		if (organ) source.setPeriodicWave(this.#organ);
		else source.type = wave;
		const envelope = new GainNode(context, { gain: 0 });
		envelope.gain.setValueAtTime(0, at);
		envelope.gain.linearRampToValueAtTime(1, at + attack);
		envelope.gain.setTargetAtTime(sustain, at + attack, Math.max(decay, 0.001) / 3);
		// High and bright waves are louder to the ear than low and round ones.
		const loud = (wave === "sine" || wave === "triangle" ? 0.3 : 0.13) * 2 ** ((60 - midi) / 60);
		const gain = new GainNode(context, { gain: loud * (organ ? 0.8 : velocity) });
		source.connect(envelope).connect(gain);
		return { source, gain, fade: Math.max(release, 0.01) / 4 };
	}
}
