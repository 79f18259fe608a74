import { now } from "../clock.js";
import { Emitter } from "../emitter.js";

// No participant has this id: what one plays here never mixes with what comes from the other tab.
export const OWN = "";
// The colour of what only oneself hears, because there is no connection.
const ALONE = "#8a94a6";

/**
 * One's own hands, whatever they play with: mouse, touch, computer keyboard, MIDI.
 *
 * Own notes sound at once and go out to the room. Event: `sustain` whenever `sustained` changed.
 */
export class Player extends Emitter {
	sustained = false;
	/** Which finger, mouse or key holds each key down. @type {Map<Key, Set<string>>} */
	#held = new Map();
	/** Keys that the pedal keeps sounding. @type {Set<Key>} */
	#ringing = new Set();
	#parts;

	/** @param {PlayerParts} parts */
	constructor(parts) {
		super();
		this.#parts = parts;
		addEventListener("blur", () => this.releaseAll());
	}

	/**
	 * @param {Key} key @param {number} velocity 0..1 @param {string} finger what presses it; the same one lets it go
	 * @param {number} moment milliseconds of the page's clock: now, or a little later
	 * @returns whether it sounds
	 */
	press(key, velocity, finger, moment = now()) {
		const { engine, heard, lights, outgoing, quota, room, voices } = this.#parts;
		engine.unlock();
		// A press pays for its release too, so that no key is left hanging at the others.
		if (!room.mayPlay || !quota.spend(2)) return false;
		const fingers = this.#held.get(key) ?? new Set();
		this.#held.set(key, fingers.add(finger));
		this.#ringing.delete(key);
		voices.start(OWN, key.midi, velocity, engine.at(moment));
		const sent = outgoing.start(key.name, velocity, moment);
		lights.on(key, OWN, (sent && room.self?.color) || ALONE);
		heard.emit("note", { player: OWN, key, velocity, due: moment });
		return true;
	}

	/** @param {Key} key @param {string} finger @param {number} moment as of `press` */
	release(key, finger, moment = now()) {
		const fingers = this.#held.get(key);
		if (!fingers?.delete(finger) || fingers.size > 0) return;
		this.#held.delete(key);
		this.#parts.lights.off(key, OWN);
		if (this.sustained) this.#ringing.add(key);
		else this.#stop(key, moment);
	}

	/** @param {boolean} down whether the pedal is down */
	sustain(down) {
		if (this.sustained === down) return;
		this.sustained = down;
		if (!down) {
			for (const key of this.#ringing) this.#stop(key, now());
			this.#ringing.clear();
		}
		this.emit("sustain");
	}

	/** Lets everything go: the window lost the keys' and buttons' own releases. */
	releaseAll() {
		for (const [key, fingers] of this.#held) {
			for (const finger of [...fingers]) this.release(key, finger);
		}
		this.sustain(false);
	}

	/** @param {Key} key @param {number} moment */
	#stop(key, moment) {
		const { engine, heard, outgoing, voices } = this.#parts;
		voices.stop(OWN, key.midi, engine.at(moment));
		outgoing.stop(key.name, moment);
		heard.emit("note", { player: OWN, key, velocity: null, due: moment });
	}
}
