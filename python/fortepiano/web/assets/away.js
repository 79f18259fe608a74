const REST = 300_000;

/**
 * Tells the others that one is away: after five minutes without any input until there is some, or for
 * as long as one says so.
 */
export class Away {
	/** Whether one said so; then input changes nothing. */
	chosen = false;
	#away = false;
	/** What the server knows, from here or from another tab. */
	#known = false;
	#timer = 0;
	#net;

	/** @param {Net} net @param {Room} room @param {MidiPorts} midi */
	constructor(net, room, midi) {
		this.#net = net;
		const wake = () => {
			clearTimeout(this.#timer);
			this.#timer = setTimeout(() => this.#send(true), REST);
			if (!this.chosen) this.#send(false);
		};
		for (const input of ["keydown", "pointerdown", "pointermove", "wheel"]) addEventListener(input, wake, { capture: true, passive: true });
		midi.on("input", wake);
		room.on("self", () => {
			this.#known = room.people.get(room.me)?.afk === true;
		});
		// With the last connection it was forgotten.
		net.on("hi", () => {
			this.#known = false;
			this.#send(this.#away);
		});
		wake();
	}

	/** @param {boolean} away */
	choose(away) {
		this.chosen = away;
		this.#send(away);
	}

	/** @param {boolean} away */
	#send(away) {
		this.#away = away;
		if (away !== this.#known && this.#net.send({ m: "userset", set: { afk: away } })) this.#known = away;
	}
}
