import { now } from "./clock.js";
import { icon, make } from "./dom.js";
import { wear } from "./color.js";

const PERIOD = 50;
// Share of the way that is left after a millisecond.
const GLIDE = 0.972;
const ARRIVED = 0.02;

/** Everybody else's cursor. Coordinates are percent of the window. */
export class Cursors {
	/** @type {Map<string, Cursor>} */
	#cursors = new Map();
	/** @type {Set<Cursor>} */
	#moving = new Set();
	#layer;
	#room;
	#frames;
	#last = 0;

	/** @param {HTMLElement} layer @param {Room} room @param {Frames} frames */
	constructor(layer, room, frames) {
		this.#layer = layer;
		this.#room = room;
		this.#frames = frames;
		room.on("person", (person) => this.#show(person));
		room.on("moved", (person) => this.#aim(person));
		room.on("left", (id) => this.#remove(id));
		frames.add((now) => this.#draw(now));
		addEventListener("resize", () => {
			for (const cursor of this.#cursors.values()) this.#moving.add(cursor);
			frames.wake();
		});
	}

	/** @param {Person} person */
	#show(person) {
		if (person.id === this.#room.me) return;
		let cursor = this.#cursors.get(person.id);
		if (!cursor) {
			const node = make("div", "cursor");
			const label = make("span", "cursor-name");
			node.append(icon("cursor"), label);
			this.#layer.append(node);
			cursor = { person, node, label, x: person.x, y: person.y };
			this.#cursors.set(person.id, cursor);
		}
		cursor.label.textContent = person.name;
		wear(cursor.node, person.color);
		this.#aim(person);
	}

	/** @param {Person} person */
	#aim(person) {
		const cursor = this.#cursors.get(person.id);
		if (!cursor) return;
		this.#moving.add(cursor);
		this.#frames.wake();
	}

	/** @param {string} id */
	#remove(id) {
		const cursor = this.#cursors.get(id);
		if (!cursor) return;
		cursor.node.remove();
		this.#moving.delete(cursor);
		this.#cursors.delete(id);
	}

	/** @param {number} frame its time */
	#draw(frame) {
		const left = GLIDE ** Math.min(frame - this.#last, 1000);
		this.#last = frame;
		for (const cursor of this.#moving) {
			const { person, node } = cursor;
			const dx = person.x - cursor.x;
			const dy = person.y - cursor.y;
			// From outside the window a cursor appears; it does not fly in.
			const way = Math.abs(dx) + Math.abs(dy);
			const there = way > 60 || way < ARRIVED;
			cursor.x = there ? person.x : person.x - dx * left;
			cursor.y = there ? person.y : person.y - dy * left;
			const x = (cursor.x / 100) * innerWidth;
			const y = (cursor.y / 100) * innerHeight;
			node.hidden = x < -40 || y < -40 || x > innerWidth || y > innerHeight;
			node.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
			if (there) this.#moving.delete(cursor);
		}
		return this.#moving.size > 0;
	}
}

/** Tells the others where one's own cursor is when it moved, 20 times a second at most. @param {Net} net */
export function tellCursor(net) {
	let [x, y, toldX, toldY, told, timer] = [0, 0, NaN, NaN, 0, 0];
	const tell = () => {
		timer = 0;
		if (Math.abs(x - toldX) <= 0.1 && Math.abs(y - toldY) <= 0.1) return;
		if (!net.send({ m: "m", x: x.toFixed(2), y: y.toFixed(2) })) return;
		toldX = x;
		toldY = y;
		told = now();
	};
	addEventListener("pointermove", (event) => {
		x = (event.clientX / innerWidth) * 100;
		y = (event.clientY / innerHeight) * 100;
		timer ||= setTimeout(tell, Math.max(0, told + PERIOD - now()));
	});
	// A new room knows nothing of where one points.
	net.wire.on("ch", () => {
		toldX = NaN;
	});
}
