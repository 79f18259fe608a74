// One sound for three keys: a shift by a semitone is not heard.
const APART = 3;
const FIRST = 21;
const LAST = 108;
const MIDDLE = 60;
// Milliseconds of computing at a time; a frame has sixteen.
const SLICE = 6;
const AT_ONCE = 3;
// Seconds after which a string is inaudible, while more would fill the memory of a phone.
const LONGEST = 11;
const SILENCE = 0.004;
const NAMES = ["C", "", "", "Ds", "", "", "Fs", "", "", "A"];

/**
 * The sounds of an instrument: buffers, played at the speed that gives the wanted pitch.
 *
 * Sounds are computed in the background or fetched, the middle of the keyboard first. Until a sound
 * is there, the nearest one stands in.
 */
export class SampleBank {
	/** @type {Map<number, AudioBuffer>} */
	#buffers = new Map();
	/** Whether the only sound is a computed one, to drop at the first recording. */
	#stopgap = false;
	#context;

	/** @param {BaseAudioContext} context */
	constructor(context) {
		this.#context = context;
	}

	/** Number of sounds. */
	get size() {
		return this.#buffers.size;
	}

	/** @param {number} midi */
	sound(midi) {
		let nearest = NaN;
		for (const known of this.#buffers.keys()) {
			if (!(Math.abs(known - midi) >= Math.abs(nearest - midi))) nearest = known;
		}
		const buffer = /** @type {AudioBuffer} */ (this.#buffers.get(nearest));
		return { buffer, rate: 2 ** ((midi - nearest) / 12) };
	}

	/**
	 * Compute the sounds, the first one at once, so that the user can play.
	 * @param {Recipe} recipe @param {boolean} [all] else only the first
	 */
	async compute(recipe, all = true) {
		let until = Infinity;
		for (const midi of all ? order() : [MIDDLE]) {
			// Low strings have nothing above 8 kHz: half the samples, half the work.
			const rate = this.#context.sampleRate / (midi < MIDDLE ? 2 : 1);
			const work = recipe(midi, rate);
			let step = work.next();
			while (!step.done) {
				if (performance.now() > until) {
					await new Promise((resolve) => setTimeout(resolve, 4));
					until = performance.now() + SLICE;
				}
				step = work.next();
			}
			this.#add(midi, step.value, rate);
			until = Math.min(until, performance.now() + SLICE);
		}
		this.#stopgap = !all;
	}

	/**
	 * Fetch recorded sounds, a few at a time.
	 * @param {string} folder its address @returns {Promise<boolean>} whether all of them came
	 */
	async fetch(folder) {
		const waiting = order();
		const fetchers = Array.from({ length: AT_ONCE }, async () => {
			for (let midi = waiting.shift(); midi !== undefined; midi = waiting.shift()) {
				const answer = await fetch(`${folder}${NAMES[midi % 12]}${Math.floor(midi / 12) - 1}.mp3`);
				if (!answer.ok) throw new Error(`${answer.status} ${answer.url}`);
				const recorded = await this.#context.decodeAudioData(await answer.arrayBuffer());
				if (this.#stopgap) this.#buffers.clear();
				this.#stopgap = false;
				this.#add(midi, trimmed(recorded), recorded.sampleRate);
			}
		});
		return Promise.all(fetchers).then(
			() => true,
			() => false,
		);
	}

	/** @param {number} midi @param {Float32Array<ArrayBuffer>} wave @param {number} rate */
	#add(midi, wave, rate) {
		const buffer = this.#context.createBuffer(1, wave.length, rate);
		buffer.copyToChannel(wave, 0);
		this.#buffers.set(midi, buffer);
	}
}

/** Return the keys that have a sound, the middle ones first. */
function order() {
	const keys = [];
	for (let midi = FIRST; midi <= LAST; midi += APART) keys.push(midi);
	return keys.sort((a, b) => Math.abs(a - MIDDLE) - Math.abs(b - MIDDLE));
}

/**
 * Return a recording in one channel, without leading silence: a key must answer at once.
 * @param {AudioBuffer} recorded
 */
function trimmed(recorded) {
	const { sampleRate, numberOfChannels, length } = recorded;
	const left = recorded.getChannelData(0);
	const right = recorded.getChannelData(numberOfChannels - 1);
	let begin = 0;
	while (begin < length && Math.abs(left[begin]) < SILENCE) begin += 1;
	begin = Math.max(0, begin - Math.round(0.002 * sampleRate));
	const wave = new Float32Array(Math.min(length - begin, LONGEST * sampleRate));
	const fade = 0.5 * sampleRate;
	for (let i = 0; i < wave.length; i++) {
		const both = left[begin + i] + right[begin + i];
		wave[i] = both * Math.min(1, (wave.length - i) / fade);
	}
	return wave;
}
