import { element, icon, make, panel, press, submit } from "./dom.js";
import { t } from "./language.js";
import { oneLine, string } from "./text.js";

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
			requestAnimationFrame(() => this.#draw());
		}
	}

	#draw() {
		this.#due = false;
		const wanted = oneLine(this.#name.value, LONGEST);
		const matching = [...this.#known.values()]
			.filter(({ _id }) => _id.toLowerCase().includes(wanted.toLowerCase()))
			.sort((a, b) => (b.count ?? 0) - (a.count ?? 0) || a._id.localeCompare(b._id));
		const held = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.room;
		this.#list.replaceChildren(...matching.map((room) => this.#row(room)));
		// Rebuilding the list must not take the focus from users who walk it with Tab.
		for (const button of this.#list.querySelectorAll("button")) {
			if (button.dataset.room === held) button.focus();
		}
		this.#go.disabled = !wanted;
		this.#go.textContent = !wanted || this.#known.has(wanted) ? t("Join") : t("Join or create");
	}

	/** @param {Channel} room */
	#row({ _id, count = 0, settings, banned }) {
		const row = make("li");
		const button = make("button", "room");
		button.dataset.room = _id;
		if (_id === this.#room.name) button.ariaCurrent = "true";
		button.append(make("bdi", "room-title", _id));
		if (settings?.visible === false) button.append(marked("lock", t("not listed")));
		if (settings?.inviteOnly) button.append(marked("lock", t("for invited people only")));
		if (settings?.crownsolo) button.append(marked("solo", t("only the crown's holder plays")));
		if (banned) button.append(make("span", "room-flag", t("banned")));
		const people = typeof count === "number" ? count : 0;
		button.append(make("span", "room-count", t(people === 1 ? "{count} person" : "{count} people", { count: people })));
		button.addEventListener("click", () => this.#choose(string(_id)));
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
