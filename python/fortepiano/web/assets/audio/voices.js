// As many notes as a cheap phone can sound at once; the oldest make room for the new.
const MOST = 160;
// Notes come a second before they sound. Beyond so many that wait or fade, new ones are left out:
// nobody would hear them in such a storm.
const PREPARED = 2000;

/** All notes that sound or soon will. Times are seconds of the audio context. */
export class Voices {
	/** @type {Set<Voice>} Insertion order is the order in which they were asked for. */
	#all = new Set();
	/** The latest voice of each player's each key. @type {Map<string, Voice>} */
	#held = new Map();
	/** All that have not ended, those included that were told to. */
	#prepared = 0;
	#engine;
	#instruments;

	/** @param {Engine} engine @param {Instruments} instruments */
	constructor(engine, instruments) {
		this.#engine = engine;
		this.#instruments = instruments;
	}

	/**
	 * Strikes a key; what the same player's same key still sounded is damped.
	 * @param {string} player @param {number} midi @param {number} velocity 0..1 @param {number} at
	 */
	start(player, midi, velocity, at) {
		this.stop(player, midi, at);
		if (this.#prepared >= PREPARED) return;
		if (this.#all.size >= MOST) {
			// The oldest is cut off when the new one begins, not before: it may not have begun itself.
			const [oldest] = this.#all;
			this.#forget(oldest);
			this.#damp(oldest, Math.max(at, oldest.begins), 0.01);
		}
		const { source, gain, tone, fade } = this.#instruments.strike(midi, velocity, at);
		gain.connect(this.#engine.lane(midi, tone));
		source.start(at);
		const slot = `${midi} ${player}`;
		const voice = { slot, begins: at, fade, source, gain };
		this.#all.add(voice);
		this.#held.set(slot, voice);
		this.#prepared += 1;
		source.onended = () => {
			this.#prepared -= 1;
			gain.disconnect();
			this.#forget(voice);
		};
	}

	/** Lets a key go. @param {string} player @param {number} midi @param {number} at */
	stop(player, midi, at) {
		const slot = `${midi} ${player}`;
		const voice = this.#held.get(slot);
		if (!voice) return;
		this.#held.delete(slot);
		this.#damp(voice, Math.max(at, voice.begins + 0.02), voice.fade);
	}

	/** @param {string} player all that he plays or is about to fades at once */
	silence(player) {
		for (const voice of [...this.#all]) {
			if (!voice.slot.endsWith(` ${player}`)) continue;
			this.#forget(voice);
			this.#damp(voice, this.#engine.context.currentTime, 0.05);
		}
	}

	/** @param {Voice} voice */
	#forget(voice) {
		this.#all.delete(voice);
		if (this.#held.get(voice.slot) === voice) this.#held.delete(voice.slot);
	}

	/** @param {Voice} voice @param {number} at @param {number} fade time constant, seconds */
	#damp({ source, gain }, at, fade) {
		gain.gain.setTargetAtTime(0, at, fade);
		source.stop(at + fade * 7);
	}
}
