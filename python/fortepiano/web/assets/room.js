import { color } from "./color.js";
import { t } from "./language.js";
import { Emitter } from "./emitter.js";
import { string } from "./text.js";

/**
 * The room one is in, as the server tells it, and who is there.
 * Events: `joined` when the server put the page into another room, `changed` when settings, crown
 * or the number of people did, `person` with somebody new or changed, `moved` with somebody
 * whose cursor moved, `left` with a participant id, `self` when one's own name or colour changed.
 */
export class Room extends Emitter {
	/** The room's name; empty until the first `ch`. */
	name = "";
	/** Own participant id in this room. */
	me = "";
	/** Oneself as the server knows one, before any room. @type {User | null} */
	user = null;
	/** @type {Settings} */
	settings = {};
	/** @type {Crown | null} */
	crown = null;
	/** User ids of who rules beside the crown's holder. @type {Set<string>} */
	coowners = new Set();
	/** @type {Map<string, Person>} */
	people = new Map();
	#net;
	/** The room to ask for upon the next `hi`. */
	#wanted;
	/** What it shall be like should it be new, or gone after a restart. @type {Settings | undefined} */
	#set;

	/** @param {Net} net @param {string} name the room to enter first */
	constructor(net, name) {
		super();
		this.#net = net;
		this.#wanted = name;
		net.on("hi", (message) => {
			const user = Object(message.u);
			this.user = { _id: string(user._id), name: string(user.name, t("Anonymous")), color: color(user.color) };
			this.emit("self");
			this.#ask();
		});
		net.wire.on("ch", (message) => this.#enter(message));
		net.wire.on("p", (message) => this.#update(message));
		net.wire.on("m", ({ id, x, y }) => this.#move(id, x, y));
		net.wire.on("bye", ({ p }) => this.#remove(p));
	}

	/** Asks for another room. @param {string} name @param {Settings} [set] what it shall be like if it is new */
	join(name, set) {
		this.#wanted = name;
		this.#set = set;
		this.#ask();
	}

	/** Whose crown it is now; undefined where nobody wears it. */
	get holder() {
		const id = this.crown?.participantId;
		return id ? this.people.get(id) : undefined;
	}

	/** Whether one wears the crown. */
	get holdsCrown() {
		return this.me !== "" && this.crown?.participantId === this.me;
	}

	/** Whether one may change the room and throw people out. */
	get canModerate() {
		return this.holdsCrown || this.coowners.has(this.user?._id ?? "");
	}

	/** Whether the room takes one's notes: with `crownsolo` only those of the crown's holder. */
	get mayPlay() {
		return !this.settings.crownsolo || this.holdsCrown;
	}

	/** Oneself in this room, or as the server greeted one. */
	get self() {
		return this.people.get(this.me) ?? this.user;
	}

	#ask() {
		this.#net.send({ m: "ch", _id: this.#wanted, ...(this.#set && { set: this.#set }) });
	}

	/** @param {Message} message */
	#enter({ ch, p, ppl }) {
		if (typeof ch?._id !== "string") return;
		const moved = this.name !== ch._id || (typeof p === "string" && this.me !== p);
		this.name = this.#wanted = ch._id;
		if (typeof p === "string") this.me = p;
		this.settings = typeof ch.settings === "object" && ch.settings ? ch.settings : {};
		this.crown = ch.crown ?? null;
		this.coowners = new Set(Array.isArray(ch.coowners) ? ch.coowners : []);
		this.#set = this.settings;
		const present = new Map();
		for (const entry of Array.isArray(ppl) ? ppl : []) {
			if (entry && typeof entry.id === "string") present.set(entry.id, entry);
		}
		for (const id of [...this.people.keys()]) {
			if (moved || !present.has(id)) this.#remove(id);
		}
		for (const entry of present.values()) this.#update(entry);
		if (moved) this.emit("joined");
		this.emit("changed");
	}

	/** @param {any} entry a whole participant or the part of one that changed */
	#update(entry) {
		if (typeof entry.id !== "string") return;
		const known = this.people.get(entry.id);
		/** @type {Person} */
		const person = known ?? { id: entry.id, _id: entry.id, name: t("Anonymous"), color: color(null), x: 200, y: 100 };
		person._id = string(entry._id, person._id);
		person.name = string(entry.name, person.name);
		person.color = color(entry.color, person.color);
		person.x = coordinate(entry.x, person.x);
		person.y = coordinate(entry.y, person.y);
		person.afk = entry.afk === true;
		person.vanished = entry.vanished === true;
		person.alike = string(entry.looksLike);
		// A tag comes along each time: without one, it is gone.
		const { text, color: shade } = Object(entry.tag);
		person.tag = string(text) ? { text, color: color(shade) } : null;
		this.people.set(person.id, person);
		this.emit("person", person);
		if (person.id === this.me) this.emit("self");
		if (!known) this.emit("changed");
	}

	/** @param {unknown} id @param {unknown} x @param {unknown} y */
	#move(id, x, y) {
		const person = this.people.get(string(id));
		if (!person) return;
		person.x = coordinate(x, person.x);
		person.y = coordinate(y, person.y);
		this.emit("moved", person);
	}

	/** @param {unknown} id */
	#remove(id) {
		if (this.people.delete(string(id))) {
			this.emit("left", id);
			this.emit("changed");
		}
	}
}

/** @param {unknown} value a number or a numeric string; both are in use @param {number} fallback */
function coordinate(value, fallback) {
	const number = typeof value === "string" && value !== "" ? Number(value) : value;
	return typeof number === "number" && Number.isFinite(number) ? number : fallback;
}
