import { color } from "./color.js";
import { element, field, make, panel, press, submit } from "./dom.js";
import { t } from "./language.js";
import { SETTINGS } from "./room_settings_schema.js";
import { oneLine, string } from "./text.js";

const ALL = Object.entries(SETTINGS);
/** Return the units of a setting in one of its field, which may be minutes. @param {string} name */
const unit = (name) => (name === "minOnlineTime" ? 60_000 : 1);

/** The dialog with the settings and bans of the room, for users who may change them. */
export class RoomSettings {
	#dialog = panel("rules", () => this.#fill());
	#form = element("rules-form", HTMLFormElement);
	#bans = element("rules-bans");
	#net;
	#room;

	/** @param {Net} net @param {Room} room */
	constructor(net, room) {
		this.#net = net;
		this.#room = room;
		const button = element("rules-open", HTMLButtonElement);
		room.on("changed", () => {
			button.hidden = !room.canModerate;
			element("rules-drop").hidden = !room.holdsCrown;
			// Losing the crown while the dialog is open ends the right to change anything.
			if (!room.canModerate) this.#dialog.close();
		});
		press("rules-drop", () => {
			net.send({ m: "chown" });
			this.#dialog.close();
		});
		net.wire.on("bans", ({ _id, bans }) => {
			if (_id === room.name && Array.isArray(bans)) this.#list(bans);
		});
		submit("rules-form", () => {
			net.send({ m: "chset", set: this.#chosen() });
			this.#dialog.close();
		});
	}

	#fill() {
		const { settings } = this.#room;
		for (const [name, setting] of ALL) {
			const input = field(this.#form, name);
			const value = settings[name];
			if (setting.kind === "switch") input.checked = (value ?? setting.default) === true;
			else if (setting.kind === "color") input.value = color(value, setting.default ?? "#1d2a33");
			else if (setting.kind === "number") {
				input.min = "0";
				input.max = String(setting.most / unit(name));
				input.value = typeof value === "number" ? String(value / unit(name)) : "";
			} else {
				input.maxLength = setting.longest;
				input.value = string(value);
			}
		}
		field(this.#form, "outer").checked = settings.color2 !== undefined;
		this.#bans.replaceChildren();
		this.#net.send({ m: "bans" });
	}

	#chosen() {
		/** @type {Record<string, unknown>} */
		const set = {};
		for (const [name, setting] of ALL) {
			const { checked, value, valueAsNumber } = field(this.#form, name);
			if (setting.kind === "switch") set[name] = checked;
			else if (setting.kind === "color") set[name] = value;
			else if (setting.kind === "text") set[name] = oneLine(value, setting.longest);
			// An empty field removes the bound.
			else set[name] = valueAsNumber >= 0 ? Math.round(valueAsNumber * unit(name)) : null;
		}
		if (!field(this.#form, "outer").checked) delete set.color2;
		return set;
	}

	/** @param {any[]} bans */
	#list(bans) {
		const rows = bans.map(({ _id, name, until }) => {
			const row = make("li", "ban");
			const free = make("button", "tool", t("Unban"));
			free.addEventListener("click", () => {
				this.#net.send({ m: "unban", _id: string(_id) });
				row.remove();
			});
			const end = typeof until === "number" ? new Date(until).toLocaleString() : "";
			row.append(make("bdi", "", string(name, string(_id))), make("span", "faint", t("until {time}", { time: end })), free);
			return row;
		});
		this.#bans.replaceChildren(...rows);
	}
}
