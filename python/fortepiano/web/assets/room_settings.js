import { color } from "./color.js";
import { element, field, make, panel, press, submit } from "./dom.js";
import { t } from "./language.js";
import { oneLine, string } from "./text.js";

/** Numbers of the form: the setting, and its units in one of the form's. */
const NUMBERS = { limit: 1, minOnlineTime: 60_000, slowMode: 1, noteQuota: 1 };
const SWITCHES = ["visible", "chat", "crownsolo", "no cussing", "allowBots", "noindex", "inviteOnly"];
// Switches that are on by default.
const ON = new Set(["visible", "chat", "allowBots"]);

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
		for (const name of SWITCHES) field(this.#form, name).checked = (settings[name] ?? ON.has(name)) === true;
		for (const [name, unit] of Object.entries(NUMBERS)) {
			const value = settings[name];
			field(this.#form, name).value = typeof value === "number" ? String(value / unit) : "";
		}
		field(this.#form, "color").value = color(settings.color, "#3b5054");
		field(this.#form, "outer").checked = settings.color2 !== undefined;
		field(this.#form, "color2").value = color(settings.color2, "#1d2a33");
		field(this.#form, "notice").value = string(settings.notice);
		this.#bans.replaceChildren();
		this.#net.send({ m: "bans" });
	}

	#chosen() {
		/** @type {Record<string, unknown>} */
		const set = { color: field(this.#form, "color").value, notice: oneLine(field(this.#form, "notice").value, 512) };
		if (field(this.#form, "outer").checked) set.color2 = field(this.#form, "color2").value;
		for (const name of SWITCHES) set[name] = field(this.#form, name).checked;
		for (const [name, unit] of Object.entries(NUMBERS)) {
			const value = field(this.#form, name).valueAsNumber;
			// An empty field removes the bound.
			set[name] = value >= 0 ? Math.round(value * unit) : null;
		}
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
