import { element, panel, submit } from "./dom.js";
import { oneLine } from "./text.js";

/**
 * Show the dialog with the user's own name and colour, and whether they are away.
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
		// The name shown may be a masked one, so an untouched name is not sent.
		const set = { ...(chosen && name.value !== name.defaultValue && { name: chosen }), color: color.value };
		net.send({ m: "userset", set });
		away.choose(gone.checked);
		dialog.close();
	});
}
