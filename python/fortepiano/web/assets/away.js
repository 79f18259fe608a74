const REST = 300_000;

/** Marks the user as away: after five minutes without input until the next one, or by choice. */
export class Away {
	/** Whether the user chose to be away; then input changes nothing. */
	chosen = false;
	#away = false;
	/** The state that the server knows, from this tab or another one. */
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
		// The server forgot the mark with the last connection.
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
