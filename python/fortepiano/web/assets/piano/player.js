import { now } from "../clock.js";
import { Emitter } from "../emitter.js";

// The id of no participant, so own notes never mix with those of another tab.
export const OWN = "";
/** The presser of a file's notes. */
export const FILE = "file";
/** How the names of pressers on MIDI instruments begin. */
export const MIDI = "midi ";
// The colour of notes that only this page hears.
const ALONE = "#8a94a6";

/**
 * Plays the user's own notes, from mouse, touch, computer keyboard or MIDI.
 *
 * Own notes sound at once and are sent to the room. Notes that the room does not take sound here
 * alone, in grey. Events: `sustain` whenever `sustained` changed, `unheard` with the reason at each
 * note that nobody else hears.
 */
export class Player extends Emitter {
	sustained = false;
	/** Fingers, mouse or keys that hold each key down. @type {Map<Key, Set<string>>} */
	#held = new Map();
	/** Released keys that sound on by the pedal. @type {Set<Key>} */
	#ringing = new Set();
	/** The presser of the pedal. */
	#foot = "";
	/** Keys whose stroke was sent, and whose release was not. @type {Set<Key>} */
	#sent = new Set();
	#parts;

	/** @param {PlayerParts} parts */
	constructor(parts) {
		super();
		this.#parts = parts;
		// The window has lost the releases of the computer's keyboard and mouse, but of nothing else.
		addEventListener("blur", () => this.releaseAll((finger) => !finger.startsWith(MIDI) && finger !== FILE));
		// Nobody sends the releases of a page that is left.
		addEventListener("pagehide", () => {
			this.releaseAll(() => true);
			parts.outgoing.flush();
		});
	}

	/**
	 * Strike a key now, and pay for it.
	 * @param {Key} key @param {number} velocity 0..1 @param {string} finger name of the presser
	 */
	press(key, velocity, finger) {
		this.#parts.engine.unlock();
		this.strike(key, velocity, finger, now(), this.pay());
	}

	/**
	 * Strike a key; see `press`.
	 * @param {Key} key @param {number} velocity @param {string} finger @param {number} moment of the page's clock
	 * @param {Unheard | null} reason for which the others will not hear it, from `pay`
	 */
	strike(key, velocity, finger, moment, reason) {
		const { engine, heard, lights, outgoing, room, voices } = this.#parts;
		const fingers = this.#held.get(key) ?? new Set();
		this.#held.set(key, fingers.add(finger));
		this.#ringing.delete(key);
		voices.start(OWN, key.midi, velocity, engine.at(moment));
		if (reason === null || reason === "muted") {
			this.#sent.add(key);
			outgoing.start(key.name, velocity, moment);
		}
		lights.on(key, OWN, (!reason && room.self?.color) || ALONE);
		heard.emit("note", { player: OWN, key, velocity, due: moment });
		if (reason) this.emit("unheard", reason);
	}

	/** Pay for a stroke; return why the others will not hear it. @returns {Unheard | null} */
	pay() {
		const { mute, outgoing, quota, room } = this.#parts;
		if (!outgoing.open) return "alone";
		if (!room.mayPlay) return "solo";
		// A press pays for its release too, so that no key hangs at the other clients.
		if (!quota.spend(2)) return "quota";
		return mute.on ? "muted" : null;
	}

	/** @param {Key} key @param {string} finger @param {number} moment as of `strike` */
	release(key, finger, moment = now()) {
		const fingers = this.#held.get(key);
		if (!fingers?.delete(finger) || fingers.size > 0) return;
		this.#held.delete(key);
		this.#parts.lights.off(key, OWN);
		if (this.sustained) this.#ringing.add(key);
		else this.#stop(key, moment);
	}

	/** @param {boolean} down whether the pedal is down @param {string} foot name of the presser */
	sustain(down, foot = "") {
		if (this.sustained === down) return;
		this.#foot = foot;
		this.sustained = down;
		if (!down) {
			for (const key of this.#ringing) this.#stop(key, now());
			this.#ringing.clear();
		}
		this.emit("sustain");
	}

	/** Release the keys and the pedal of some pressers. @param {(presser: string) => boolean} which */
	releaseAll(which) {
		for (const [key, fingers] of this.#held) {
			for (const finger of [...fingers].filter(which)) this.release(key, finger);
		}
		if (which(this.#foot)) this.sustain(false);
	}

	/** @param {Key} key @param {number} moment */
	#stop(key, moment) {
		const { engine, heard, outgoing, voices } = this.#parts;
		voices.stop(OWN, key.midi, engine.at(moment));
		if (this.#sent.delete(key)) outgoing.stop(key.name, moment);
		heard.emit("note", { player: OWN, key, velocity: null, due: moment });
	}
}
