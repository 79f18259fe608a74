import { STILL, icon, make } from "./dom.js";
import { wear } from "./color.js";
import { t } from "./language.js";

// Milliseconds between two hops of a plate, fewer than its owner plays notes.
const PULSE = 160;

/** The name plates of all participants; each opens the menu on its owner. */
export class NamePlates {
	/** @type {Map<string, Plate>} */
	#plates = new Map();
	#list;
	#room;
	#mutes;
	#open;

	/**
	 * @param {HTMLElement} list @param {Room} room @param {Mutes} mutes
	 * @param {(person: Participant) => void} open called when a plate is clicked
	 */
	constructor(list, room, mutes, open) {
		this.#list = list;
		this.#room = room;
		this.#mutes = mutes;
		this.#open = open;
		room.on("person", (person) => this.#show(person));
		room.on("left", (id) => {
			this.#plates.get(id)?.item.remove();
			this.#plates.delete(id);
		});
		const all = () => [...room.people.values()].forEach((person) => this.#mark(person));
		room.on("changed", all);
		mutes.on("change", all);
	}

	/** Let a plate hop because its owner plays. @param {string} id @param {number} now milliseconds */
	pulse(id, now) {
		const plate = this.#plates.get(id);
		// A crowd costs no more than five plates.
		const rest = PULSE * Math.max(1, this.#plates.size / 5);
		if (!plate || now - plate.pulsed < rest || STILL.matches) return;
		plate.pulsed = now;
		plate.plate.animate({ transform: ["translateY(-4px)", "translateY(0)"] }, 260);
	}

	/** @param {Participant} person */
	#show(person) {
		const { plate, name } = this.#plates.get(person.id) ?? this.#add(person);
		name.textContent = person.name;
		plate.title = person.name;
		wear(plate, person.color);
		this.#mark(person);
	}

	/** @param {Participant} person */
	#add(person) {
		const own = person.id === this.#room.me;
		const item = make("li");
		const plate = make("button", "plate");
		const name = make("bdi", "plate-name");
		const marks = make("span", "plate-marks");
		plate.append(marks, name);
		plate.ariaHasPopup = "dialog";
		if (own) plate.append(make("span", "plate-you", t("you")));
		plate.addEventListener("click", () => this.#open(person));
		item.append(plate);
		if (own) this.#list.prepend(item);
		else this.#list.append(item);
		const made = { item, plate, name, marks, pulsed: 0 };
		this.#plates.set(person.id, made);
		return made;
	}

	/** @param {Participant} person */
	#mark(person) {
		const known = this.#plates.get(person.id);
		if (!known) return;
		const crowned = person === this.#room.holder;
		const beside = !crowned && this.#room.coowners.has(person._id);
		const silent = this.#mutes.notes.has(person._id) || this.#mutes.chat.has(person._id);
		const { afk, alike, tag } = person;
		const state = [crowned, beside, silent, afk, alike, tag?.text, tag?.color].join();
		// Each arrival marks all plates anew.
		if (known.marks.dataset.state === state) return;
		known.marks.dataset.state = state;
		known.marks.replaceChildren();
		const mark = (/** @type {string} */ symbol, /** @type {string} */ meaning) =>
			known.marks.append(icon(symbol), make("span", "unseen", meaning));
		if (crowned) mark("crown", t("wears the crown"));
		if (beside) mark("rules", t("rules too"));
		if (silent) mark("muted", t("muted"));
		if (afk) mark("away", t("away"));
		if (alike) mark("alike", t(alike === "staff" ? "looks like the staff" : "looks like the crown's holder"));
		if (tag) {
			const label = make("bdi", "plate-tag", tag.text);
			wear(label, tag.color);
			known.marks.append(label);
		}
		known.plate.classList.toggle("crowned", crowned);
	}
}
