import { t } from "./language.js";

/** Milliseconds for which a reason stays after the last silent note. */
const SHOWN = 5000;

/** @type {Record<Unheard, string>} */
const REASONS = {
	alone: "Not connected: only you hear this",
	solo: "Only the holder of the crown plays here: only you hear this",
	muted: "You are muted here: only you hear this",
	quota: "That was too much at once: only you hear this, until there are notes left",
};

/**
 * Say why the others do not hear what the user plays.
 * @param {Player} player @param {Room} room @param {HTMLElement} line a live region above the keys
 */
export function showUnheard(player, room, line) {
	let timer = 0;
	const hide = () => {
		line.textContent = "";
	};
	player.on("unheard", (/** @type {Unheard} */ reason) => {
		clearTimeout(timer);
		timer = setTimeout(hide, SHOWN);
		// The same words again would be read out at each note.
		const words = t(REASONS[reason]);
		if (line.textContent !== words) line.textContent = words;
	});
	room.on("joined", hide);
}
