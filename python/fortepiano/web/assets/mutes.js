import { Emitter } from "./emitter.js";
import { recall, remember } from "./storage.js";

/** Users whom this user does not hear or read, by user id, stored for the next visit. Event: `change`. */
export class Mutes extends Emitter {
	/** @type {Set<string>} */
	notes = new Set(recall("muted.notes", []));
	/** @type {Set<string>} */
	chat = new Set(recall("muted.chat", []));

	/** @param {"notes" | "chat"} what @param {string} user */
	toggle(what, user) {
		if (!this[what].delete(user)) this[what].add(user);
		remember(`muted.${what}`, [...this[what]]);
		this.emit("change");
	}
}
