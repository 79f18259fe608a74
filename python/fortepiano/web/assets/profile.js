import { element, panel, submit } from "./dom.js";
import { oneLine } from "./text.js";

/**
 * One's own name and colour, and whether one is away.
 * @param {Net} net @param {Room} room @param {Away} away
 */
export function showProfile(net, room, away) {
	const name = element("me-name", HTMLInputElement);
	const color = element("me-color", HTMLInputElement);
	const gone = element("me-away", HTMLInputElement);
	const button = element("me-open", HTMLButtonElement);
	const dialog = panel("me", () => {
		name.defaultValue = name.value = room.self?.name ?? "";
		color.value = room.self?.color ?? "";
		gone.checked = away.chosen;
	});
	room.on("self", () => {
		const { self } = room;
		if (!self) return;
		element("me-label").textContent = self.name;
		button.style.setProperty("--color", self.color);
	});
	submit("me-form", () => {
		const chosen = oneLine(name.value, 40);
		// One's own name may be masked here: what one did not touch stays.
		const set = { ...(chosen && name.value !== name.defaultValue && { name: chosen }), color: color.value };
		net.send({ m: "userset", set });
		away.choose(gone.checked);
		dialog.close();
	});
}
