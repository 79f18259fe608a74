import { color } from "./color.js";
import { t } from "./language.js";
import { Emitter } from "./emitter.js";
import { string } from "./text.js";

/**
 * The user's room and its participants, as the server sends them. Events: `joined` in another room,
 * `changed` for settings, crown and number of participants, `self` for the own name and colour.
 * `person` brings a new or changed participant, `moved` one whose pointer moved, `left` an id.
 */
export class Room extends Emitter {
	/** The room's name; empty until the first `ch`. */
	name = "";
	/** Own participant id in this room. */
	me = "";
	/** The user as the server knows them, before any room. @type {User | null} */
	user = null;
	/** @type {Settings} */
	settings = {};
	/** @type {Crown | null} */
	crown = null;
	/** User ids of the moderators beside the holder. @type {Set<string>} */
	coowners = new Set();
	/** @type {Map<string, Participant>} */
	people = new Map();
	#net;
	/** The room to ask for upon the next `hi`. */
	#wanted;
	/** Settings for a wanted room that is new, or gone after a restart. @type {Settings | undefined} */
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

	/** Ask for another room. @param {string} name @param {Settings} [set] its settings if it is new */
	join(name, set) {
		this.#wanted = name;
		this.#set = set;
		this.#ask();
	}

	/** The holder of the crown; undefined while there is none. */
	get holder() {
		const id = this.crown?.participantId;
		return id ? this.people.get(id) : undefined;
	}

	/** Whether the user is the holder of the crown. */
	get holdsCrown() {
		return this.me !== "" && this.crown?.participantId === this.me;
	}

	/** Whether the user may change the room and throw people out. */
	get canModerate() {
		return this.holdsCrown || this.coowners.has(this.user?._id ?? "");
	}

	/** Whether the room takes the user's notes: under `crownsolo` only the holder's. */
	get mayPlay() {
		return !this.settings.crownsolo || this.holdsCrown;
	}

	/** The user in this room, or as the server knows them. */
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
		/** @type {Participant} */
		const person = known ?? { id: entry.id, _id: entry.id, name: t("Anonymous"), color: color(null), x: 200, y: 100 };
		person._id = string(entry._id, person._id);
		person.name = string(entry.name, person.name);
		person.color = color(entry.color, person.color);
		person.x = coordinate(entry.x, person.x);
		person.y = coordinate(entry.y, person.y);
		person.afk = entry.afk === true;
		person.vanished = entry.vanished === true;
		person.alike = string(entry.looksLike);
		// A tag is sent each time: a message without one removes it.
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
