import { now } from "../clock.js";
import { color } from "../color.js";
import { BY_NAME } from "./keys.js";

// Notes of others sound a second after they were played, which is enough for any network path.
const DELAY = 1000;
const FARTHEST = 10_000;
const VELOCITY = 0.5;

/**
 * Plays the notes of others at the time that the sender's time stamps ask for.
 *
 * Notes with the own id are played too: they come from another tab of the same participant.
 */
export class Incoming {
	/** Keys of each player that are down, and when their notes are due. @type {Map<string, Map<Key, number>>} */
	#down = new Map();
	#parts;

	/** @param {IncomingParts} parts */
	constructor(parts) {
		this.#parts = parts;
		parts.net.wire.on("n", ({ t, n, p }) => {
			if (typeof t === "number" && typeof p === "string" && Array.isArray(n)) this.#play(t, n, p);
		});
		parts.room.on("left", (id) => this.#release(id));
		parts.mutes.on("change", () => {
			for (const { id, _id } of parts.room.people.values()) {
				if (parts.mutes.notes.has(_id)) this.#release(id);
			}
		});
		// Releases that are sent while this page is not connected never come.
		parts.net.on("status", (status) => {
			if (status !== "online") for (const id of parts.room.people.keys()) this.#release(id);
		});
	}

	/** Note that a key is down since a time, or up. @param {string} id @param {Key} key @param {number | null} due */
	#note(id, key, due) {
		const down = this.#down.get(id) ?? new Map();
		if (due === null) down.delete(key);
		else this.#down.set(id, down.set(key, due));
	}

	/** End all notes of a player. @param {string} id */
	#release(id) {
		const { heard, lights, voices } = this.#parts;
		lights.release(id);
		voices.silence(id);
		// Instruments and recordings hear an end too, after strokes that wait for their time.
		for (const [key, due] of this.#down.get(id) ?? []) {
			heard.emit("note", { player: id, key, velocity: null, due: Math.max(now(), due) + 20 });
		}
		this.#down.delete(id);
	}

	/** @param {number} t server milliseconds @param {any[]} notes @param {string} p */
	#play(t, notes, p) {
		const { clock, engine, heard, lights, mutes, plates, room, scheduled, voices } = this.#parts;
		// Muted users are not shown as playing either.
		if (mutes.notes.has(room.people.get(p)?._id ?? p)) return;
		const present = now();
		const base = clock.toLocal(t) + DELAY;
		const shade = color(room.people.get(p)?.color);
		for (const note of notes) {
			const key = BY_NAME.get(note?.n);
			const d = Number(note?.d ?? 0);
			// Late notes sound at once; notes too far ahead come from a wrong clock.
			const due = Math.max(present, base + d);
			if (!key || !(due - present <= FARTHEST)) continue;
			const stop = Boolean(note.s);
			const v = stop ? null : Math.min(Math.max(Number(note.v ?? VELOCITY), 0), 1);
			if (Number.isNaN(v)) continue;
			const at = engine.running ? engine.at(due) : null;
			// Notes that sounded before the context stood still end too.
			if (v === null) voices.stop(p, key.midi, at ?? engine.context.currentTime);
			else if (at !== null) voices.start(p, key.midi, v, at);
			this.#note(p, key, v === null ? null : due);
			lights.later({ due, key, player: p, color: stop ? null : shade, begun: () => plates.pulse(p, due) });
			heard.emit("note", { player: p, key, velocity: v, due });
			scheduled({ p, n: key.name, v, stop, t, d, due, at });
		}
	}
}
