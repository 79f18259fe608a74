import { color } from "./color.js";

/** Lets the page take on the colours of the room, darkened by the style sheet. @param {Room} room */
export function wearRoomColors(room) {
	const { style } = document.body;
	room.on("changed", () => {
		const inner = color(room.settings.color, "#3b5054");
		style.setProperty("--room", inner);
		style.setProperty("--room-outer", color(room.settings.color2, inner));
	});
}
