import { now } from "../clock.js";
import { Emitter } from "../emitter.js";
import { OWN } from "../piano/player.js";
import { keyOf } from "../piano/keys.js";

const STEP = 20;
// The timer of a busy page comes late, so notes go to the audio clock a little ahead.
const AHEAD = 60;
const FINGER = "file";

/**
 * Plays a file into the room as if by hand, without the notes beyond the quota.
 * Event: `change` of the position, and at the beginning and the end.
 */
export class FilePlayer extends Emitter {
	/** Milliseconds from the beginning. */
	position = 0;
	length = 0;
	/** Number of notes left out because of the quota. */
	left = 0;
	#timer = 0;
	#began = 0;
	/** @type {Stroke[]} */
	#events = [];
	#next = 0;
	#player;
	#trails;

	/** @param {Player} player @param {Trails} trails */
	constructor(player, trails) {
		super();
		this.#player = player;
		this.#trails = trails;
	}

	get playing() {
		return this.#timer !== 0;
	}

	/** @param {Played[]} notes */
	start(notes) {
		this.stop();
		this.#events = notes.flatMap(({ midi, velocity, begin, end }) => [
			{ at: begin, midi, velocity },
			{ at: end, midi, velocity: null },
		]);
		this.#events.sort((a, b) => a.at - b.at || (a.velocity ?? -1) - (b.velocity ?? -1));
		this.#next = this.left = this.position = 0;
		this.length = this.#events.at(-1)?.at ?? 0;
		this.#began = now() + 300;
		for (const { midi, begin, end } of notes) {
			const key = keyOf(midi);
			if (key) this.#trails.coming(key, OWN, this.#began + begin, this.#began + end);
		}
		this.#timer = setInterval(() => this.#step(), STEP);
		this.#step();
	}

	stop() {
		if (!this.playing) return;
		clearInterval(this.#timer);
		this.#timer = 0;
		this.#player.releaseAll();
		this.#trails.release(OWN);
		this.emit("change");
	}

	#step() {
		const present = now();
		this.position = Math.min(Math.max(0, present - this.#began), this.length);
		while (this.#began + this.#events[this.#next]?.at <= present + AHEAD) {
			const event = this.#events[this.#next++];
			const key = keyOf(event.midi);
			const moment = Math.max(present, this.#began + event.at);
			if (!key) continue;
			// A key must be released before its next stroke.
			this.#player.release(key, FINGER, moment);
			if (event.velocity !== null && !this.#player.press(key, event.velocity, FINGER, moment)) this.left += 1;
		}
		if (this.#next >= this.#events.length) this.stop();
		else this.emit("change");
	}
}
