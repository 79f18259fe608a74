import { now } from "../clock.js";
import { Emitter } from "../emitter.js";
import { recall, remember } from "../storage.js";

const LANES = 7;
const WIDTH = 0.45;
// Milliseconds of comparing two clocks before older comparisons are dropped.
const WINDOW = 3000;
/** Milliseconds without progress of a running context after which it is frozen. */
const FROZEN = 1500;
/** Seconds that the context may fall behind before older comparisons of the clocks are dropped. */
const BEHIND = 0.5;

/**
 * The audio context and the path of all notes: lanes from left to right, a little reverb, volume,
 * compressor, and a limiter so that ten thousand notes hurt no ears.
 * Event: `state` whenever `running` changed.
 */
export class Engine extends Emitter {
	context = new AudioContext({ latencyHint: "interactive" });
	/** The node that all sound passes; recorders listen here. @type {AudioNode} */
	output;
	#volume = this.context.createGain();
	#wet = this.context.createGain();
	/** @type {AudioNode[]} */
	#lanes = [];
	/** Low passes before the lanes, shared by notes of about one brightness. @type {Map<string, AudioNode>} */
	#tones = new Map();
	// Most seconds of the audio context less those of the page's clock, in this window and the last one.
	#ahead = -Infinity;
	#before = -Infinity;
	/** Beginning of this window, milliseconds of the page's clock. */
	#since = 0;
	/** The last progress of the context: its time, and the page's clock. */
	#progress = { time: -1, moment: now() };
	#frozen = false;

	constructor() {
		super();
		const { context } = this;
		const limiter = new DynamicsCompressorNode(context, { threshold: -4, knee: 2, ratio: 20, attack: 0.001, release: 0.12 });
		const compressor = new DynamicsCompressorNode(context, { threshold: -20, knee: 18, ratio: 3, attack: 0.006, release: 0.25 });
		const dry = context.createGain();
		const room = context.createConvolver();
		room.buffer = ambience(context);
		dry.connect(this.#volume);
		dry.connect(room).connect(this.#wet).connect(this.#volume);
		this.#volume.connect(compressor).connect(limiter).connect(context.destination);
		this.output = limiter;
		for (let lane = 0; lane < LANES; lane++) {
			const panner = context.createStereoPanner();
			panner.pan.value = WIDTH * ((2 * lane) / (LANES - 1) - 1);
			panner.connect(dry);
			this.#lanes.push(panner);
		}
		this.volume = this.volume;
		this.reverb = this.reverb;
		context.addEventListener("statechange", () => {
			// The time of a suspended context stands still.
			this.#ahead = this.#before = -Infinity;
			this.emit("state");
		});
		setInterval(() => {
			this.#compare();
			this.#observe();
		}, 100);
		document.addEventListener("visibilitychange", () => {
			this.#progress.moment = now();
		});
	}

	get running() {
		return this.context.state === "running" && !this.#frozen;
	}

	/** Start the sound; browsers may ignore that before a gesture of the user. */
	unlock() {
		const { context } = this;
		// On iOS a page counts as a ringtone, which the silent switch mutes, until it says what it is.
		if (navigator.audioSession) navigator.audioSession.type = "playback";
		// A context that is resumed during a phone call reports that it runs, and stands still.
		if (this.running || context.state === "interrupted") return;
		const ready = this.#frozen ? context.suspend() : Promise.resolve();
		ready.then(() => context.resume()).catch(() => {}); // silence, which `running` shows
	}

	/** Notice a context that reports that it runs, but whose time stands still. */
	#observe() {
		const { currentTime: time, state } = this.context;
		const moment = now();
		if (time !== this.#progress.time || state !== "running" || document.hidden) this.#progress = { time, moment };
		const frozen = moment - this.#progress.moment > FROZEN;
		if (frozen === this.#frozen) return;
		this.#frozen = frozen;
		this.emit("state");
	}

	/** Volume, 0..1, stored for the next visit. */
	get volume() {
		return Math.min(Math.max(recall("volume", 0.7), 0), 1);
	}

	set volume(share) {
		remember("volume", share);
		// Squared: half way down the slider sounds half as loud.
		this.#volume.gain.setTargetAtTime(1.6 * share * share, this.context.currentTime, 0.02);
	}

	/** Level of the reverb, 0..1. */
	get reverb() {
		return Math.min(Math.max(recall("reverb", 0.35), 0), 1);
	}

	set reverb(share) {
		remember("reverb", share);
		this.#wet.gain.setTargetAtTime(0.57 * share, this.context.currentTime, 0.02);
	}

	/**
	 * Return the input for a key's sound: low keys left, high keys right, as the player hears.
	 * @param {number} midi @param {number} [tone] low pass, Hz, rounded to a third of an octave
	 */
	lane(midi, tone) {
		const place = Math.round(((midi - 21) / 87) * (LANES - 1));
		const lane = this.#lanes[place];
		if (!tone) return lane;
		const step = Math.round(3 * Math.log2(tone));
		const name = `${place} ${step}`;
		const filter = this.#tones.get(name) ?? new BiquadFilterNode(this.context, { Q: -2, frequency: 2 ** (step / 3) });
		if (!this.#tones.has(name)) filter.connect(lane);
		this.#tones.set(name, filter);
		return filter;
	}

	/**
	 * Return the audio context's time for a time of the page's clock.
	 * @param {number} moment milliseconds @returns {number} seconds, the present at the earliest
	 */
	at(moment) {
		this.#compare();
		return Math.max(this.context.currentTime, Math.max(this.#ahead, this.#before) + moment / 1000);
	}

	/**
	 * Compare the two clocks. `currentTime` advances in blocks and lags behind by up to one of them, so
	 * the least lag of the last seconds is the true one. Otherwise phrases would stumble.
	 */
	#compare() {
		if (!this.running) return;
		const moment = now();
		if (moment - this.#since > WINDOW) {
			this.#before = this.#ahead;
			this.#ahead = -Infinity;
			this.#since = moment;
		}
		const ahead = this.context.currentTime - moment / 1000;
		// The context stood still while the page's clock went on, as in some systems' sleep.
		if (ahead < Math.max(this.#ahead, this.#before) - BEHIND) this.#ahead = this.#before = -Infinity;
		this.#ahead = Math.max(this.#ahead, ahead);
	}
}

/** Return the reverb of a small room: decaying noise, its high end faster. @param {BaseAudioContext} context */
function ambience(context) {
	const length = Math.ceil(1.3 * context.sampleRate);
	const buffer = context.createBuffer(2, length, context.sampleRate);
	for (let channel = 0; channel < 2; channel++) {
		const data = buffer.getChannelData(channel);
		let smooth = 0;
		for (let i = 0; i < length; i++) {
			const share = i / length;
			smooth += (0.7 - 0.6 * share) * (2 * Math.random() - 1 - smooth);
			data[i] = smooth * (1 - share) ** 3 * Math.min(1, share * 60);
		}
	}
	return buffer;
}
