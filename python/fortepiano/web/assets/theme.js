import { color } from "./color.js";

/** Give the page the colours of the room, which the style sheet darkens. @param {Room} room */
export function wearRoomColors(room) {
	const { style } = document.body;
	room.on("changed", () => {
		const inner = color(room.settings.color, "#3b5054");
		style.setProperty("--room", inner);
		style.setProperty("--room-outer", color(room.settings.color2, inner));
	});
}
