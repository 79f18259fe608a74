import { now } from "../clock.js";

/** Milliseconds after notes in which a notice about a mute concerns them. */
const ANSWER = 1500;

/** Whether the room mutes the user's notes, as far as its notices show. */
export class NoteMute {
	on = false;
	#net;

	/** @param {Net} net @param {Room} room */
	constructor(net, room) {
		this.#net = net;
		const end = () => {
			this.on = false;
		};
		net.wire.on("notification", ({ code }) => {
			if (code === "unmuted") end();
			else if (code === "muted") this.on ||= this.#answersNotes();
		});
		net.on("hi", end);
		room.on("joined", end);
	}

	/** Return whether a notice that comes now answers notes, and no line of chat. */
	#answersNotes() {
		const notes = this.#net.sentAt("n");
		return now() - notes < ANSWER && notes > Math.max(this.#net.sentAt("a"), this.#net.sentAt("dm"));
	}
}
