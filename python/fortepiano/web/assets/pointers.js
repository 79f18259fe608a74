import { now } from "./clock.js";
import { icon, make } from "./dom.js";
import { wear } from "./color.js";

const PERIOD = 50;
// Share of the distance that is left after a millisecond.
const GLIDE = 0.972;
const ARRIVED = 0.02;

/** The pointers of the other participants. Coordinates are percent of the window. */
export class Pointers {
	/** @type {Map<string, Pointer>} */
	#pointers = new Map();
	/** @type {Set<Pointer>} */
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
			for (const pointer of this.#pointers.values()) this.#moving.add(pointer);
			frames.wake();
		});
	}

	/** @param {Participant} person */
	#show(person) {
		if (person.id === this.#room.me) return;
		let pointer = this.#pointers.get(person.id);
		if (!pointer) {
			const node = make("div", "cursor");
			const label = make("span", "cursor-name");
			node.append(icon("cursor"), label);
			this.#layer.append(node);
			pointer = { person, node, label, x: person.x, y: person.y };
			this.#pointers.set(person.id, pointer);
		}
		pointer.label.textContent = person.name;
		wear(pointer.node, person.color);
		this.#aim(person);
	}

	/** @param {Participant} person */
	#aim(person) {
		const pointer = this.#pointers.get(person.id);
		if (!pointer) return;
		this.#moving.add(pointer);
		this.#frames.wake();
	}

	/** @param {string} id */
	#remove(id) {
		const pointer = this.#pointers.get(id);
		if (!pointer) return;
		pointer.node.remove();
		this.#moving.delete(pointer);
		this.#pointers.delete(id);
	}

	/** @param {number} frame time of the frame */
	#draw(frame) {
		const left = GLIDE ** Math.min(frame - this.#last, 1000);
		this.#last = frame;
		for (const pointer of this.#moving) {
			const { person, node } = pointer;
			const dx = person.x - pointer.x;
			const dy = person.y - pointer.y;
			// A pointer that comes from outside the window appears at once and does not fly in.
			const way = Math.abs(dx) + Math.abs(dy);
			const there = way > 60 || way < ARRIVED;
			pointer.x = there ? person.x : person.x - dx * left;
			pointer.y = there ? person.y : person.y - dy * left;
			const x = (pointer.x / 100) * innerWidth;
			const y = (pointer.y / 100) * innerHeight;
			node.hidden = x < -40 || y < -40 || x > innerWidth || y > innerHeight;
			node.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
			if (there) this.#moving.delete(pointer);
		}
		return this.#moving.size > 0;
	}
}

/** Send the user's own pointer when it moved, at most 20 times a second. @param {Net} net */
export function sendPointer(net) {
	let [x, y, sentX, sentY, sentAt, timer] = [0, 0, NaN, NaN, 0, 0];
	const send = () => {
		timer = 0;
		if (Math.abs(x - sentX) <= 0.1 && Math.abs(y - sentY) <= 0.1) return;
		if (!net.send({ m: "m", x: x.toFixed(2), y: y.toFixed(2) })) return;
		sentX = x;
		sentY = y;
		sentAt = now();
	};
	addEventListener("pointermove", (event) => {
		x = (event.clientX / innerWidth) * 100;
		y = (event.clientY / innerHeight) * 100;
		timer ||= setTimeout(send, Math.max(0, sentAt + PERIOD - now()));
	});
	// A new room does not know the pointer yet.
	net.wire.on("ch", () => {
		sentX = NaN;
	});
}
