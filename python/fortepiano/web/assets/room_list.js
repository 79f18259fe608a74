import { element, icon, make, panel, press, submit } from "./dom.js";
import { t } from "./language.js";
import { oneLine } from "./text.js";

const LONGEST = 512;

/** The dialog with the list of rooms, live while it is open. */
export class RoomList {
	/** @type {Map<string, Channel>} */
	#known = new Map();
	#dialog = panel("rooms", () => this.#begin());
	#list = element("rooms-list");
	#name = element("rooms-name", HTMLInputElement);
	#hidden = element("rooms-hidden", HTMLInputElement);
	#go = element("rooms-go", HTMLButtonElement);
	#net;
	#room;
	#enter;
	#due = false;
	/** Whether the pointer is down on a row, which must not move before the click. */
	#pressed = false;
	/** Rows by room. @type {Map<string, HTMLLIElement>} */
	#rows = new Map();

	/** @param {Net} net @param {Room} room @param {(name: string, set?: Settings) => void} enter goes to a room */
	constructor(net, room, enter) {
		this.#net = net;
		this.#room = room;
		this.#enter = enter;
		this.#dialog.addEventListener("close", () => net.send({ m: "-ls" }));
		this.#name.addEventListener("input", () => this.#draw());
		submit("rooms-form", () => {
			const wanted = oneLine(this.#name.value, LONGEST);
			if (wanted) this.#choose(wanted, { visible: !this.#hidden.checked, chat: true });
		});
		press("rooms-alone", () => {
			// A name that cannot be guessed, and is not in the list.
			this.#choose(crypto.getRandomValues(new Uint32Array(3)).join(""), { visible: false, chat: true });
		});
		this.#list.addEventListener("pointerdown", () => {
			this.#pressed = true;
		});
		for (const end of ["pointerup", "pointercancel"]) {
			// The click comes after this event, and before the next task.
			addEventListener(end, () => setTimeout(() => this.#let()));
		}
		net.wire.on("ls", ({ c, u }) => this.#merge(c === true, Array.isArray(u) ? u : []));
		// A new connection is subscribed to nothing.
		net.on("hi", () => {
			if (this.#dialog.open) net.send({ m: "+ls" });
		});
	}

	#begin() {
		this.#name.value = "";
		this.#hidden.checked = false;
		this.#known.clear();
		this.#net.send({ m: "+ls" });
		this.#draw();
	}

	/** @param {string} name @param {Settings} [set] */
	#choose(name, set) {
		this.#dialog.close();
		if (name !== this.#room.name) this.#enter(name, set);
	}

	/** @param {boolean} complete @param {any[]} rooms */
	#merge(complete, rooms) {
		if (complete) this.#known.clear();
		for (const room of rooms) {
			if (typeof room?._id !== "string") continue;
			// A room that is gone comes once more, with a count of zero.
			if (complete || room.count !== 0 || room.settings?.lobby) this.#known.set(room._id, room);
			else this.#known.delete(room._id);
		}
		if (!this.#due && this.#dialog.open) {
			this.#due = true;
			requestAnimationFrame(() => this.#pressed || this.#draw());
		}
	}

	/** Draw what came while the pointer was down. */
	#let() {
		this.#pressed = false;
		if (this.#due) this.#draw();
	}

	#draw() {
		this.#due = false;
		const wanted = oneLine(this.#name.value, LONGEST);
		const matching = [...this.#known.values()].filter(({ _id }) => _id.toLowerCase().includes(wanted.toLowerCase()));
		this.#arrange(matching);
		this.#go.disabled = !wanted;
		this.#go.textContent = !wanted || this.#known.has(wanted) ? t("Join") : t("Join or create");
	}

	/**
	 * Show rooms in their order, the fullest first. Rows under the pointer keep their places, and a row
	 * stays the same element, so that neither a click nor the focus is lost.
	 * @param {Channel[]} rooms
	 */
	#arrange(rooms) {
		const kept = this.#list.matches(":hover") ? [...this.#rows.keys()] : [];
		const places = new Map(kept.map((name, at) => [name, at]));
		const place = (/** @type {Channel} */ { _id }) => places.get(_id) ?? places.size;
		rooms.sort((a, b) => place(a) - place(b) || (b.count ?? 0) - (a.count ?? 0) || a._id.localeCompare(b._id));
		const rows = new Map(rooms.map((room) => [room._id, this.#row(room)]));
		const held = /** @type {HTMLElement | null} */ (document.activeElement);
		for (const [name, row] of this.#rows) if (!rows.has(name)) row.remove();
		let next = this.#list.firstElementChild;
		for (const row of rows.values()) {
			if (row === next) next = next.nextElementSibling;
			else this.#list.insertBefore(row, next);
		}
		this.#rows = rows;
		// A row that was moved has lost the focus.
		if (held && held !== document.activeElement && this.#list.contains(held)) held.focus();
	}

	/** @param {Channel} room */
	#row({ _id, count = 0, settings, banned }) {
		const row = this.#rows.get(_id) ?? this.#newRow(_id);
		const button = /** @type {HTMLButtonElement} */ (row.firstElementChild);
		button.ariaCurrent = _id === this.#room.name ? "true" : null;
		button.replaceChildren(make("bdi", "room-title", _id));
		if (settings?.visible === false) button.append(marked("lock", t("not listed")));
		if (settings?.inviteOnly) button.append(marked("lock", t("for invited people only")));
		if (settings?.crownsolo) button.append(marked("solo", t("only the crown's holder plays")));
		if (banned) button.append(make("span", "room-flag", t("banned")));
		const people = typeof count === "number" ? count : 0;
		button.append(make("span", "room-count", t(people === 1 ? "{count} person" : "{count} people", { count: people })));
		return row;
	}

	/** @param {string} name */
	#newRow(name) {
		const row = make("li");
		const button = make("button", "room");
		button.dataset.room = name;
		button.addEventListener("click", () => this.#choose(name));
		row.append(button);
		return row;
	}
}

/** @param {string} symbol @param {string} meaning */
function marked(symbol, meaning) {
	const mark = make("span", "room-flag");
	mark.title = meaning;
	mark.append(icon(symbol), make("span", "unseen", meaning));
	return mark;
}
