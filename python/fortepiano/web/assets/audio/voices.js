// Most notes that a cheap phone can sound at once; new ones replace the oldest.
const MOST = 160;
// Notes come a second before they sound. Beyond this number of waiting and fading ones, new ones
// are left out: they are inaudible in such a storm.
const PREPARED = 2000;

/** All notes that sound or soon will. Times are seconds of the audio context. */
export class Voices {
	/** @type {Set<Voice>} In the order of the requests. */
	#all = new Set();
	/** The latest voice by player and key. @type {Map<string, Voice>} */
	#held = new Map();
	/** Number of voices that have not ended, those asked to end included. */
	#prepared = 0;
	#engine;
	#instruments;

	/** @param {Engine} engine @param {Instruments} instruments */
	constructor(engine, instruments) {
		this.#engine = engine;
		this.#instruments = instruments;
	}

	/**
	 * Strike a key, and damp the last note of this key and player.
	 * @param {string} player @param {number} midi @param {number} velocity 0..1 @param {number} at
	 */
	start(player, midi, velocity, at) {
		this.stop(player, midi, at);
		if (this.#prepared >= PREPARED) return;
		if (this.#all.size >= MOST) {
			// The oldest may not have begun itself: it ends when the new one begins, not before.
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

	/** Release a key. @param {string} player @param {number} midi @param {number} at */
	stop(player, midi, at) {
		const slot = `${midi} ${player}`;
		const voice = this.#held.get(slot);
		if (!voice) return;
		this.#held.delete(slot);
		this.#damp(voice, Math.max(at, voice.begins + 0.02), voice.fade);
	}

	/** Fade all notes of a player, coming ones included. @param {string} player */
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
