import { now } from "./clock.js";
import { STILL, icon, make } from "./dom.js";
import { t } from "./language.js";

const FALLS = 2000;

/**
 * Show the crown while it has no holder. The crown falls to the floor and can be taken there with a
 * click: by the last holder and the owner at once, by others after its rest.
 * @param {HTMLElement} layer @param {Net} net @param {Room} room @param {Clock} clock
 */
export function showFallenCrown(layer, net, room, clock) {
	const crown = make("button", "fallen");
	const left = make("span", "fallen-left");
	crown.hidden = true;
	crown.append(icon("crown"), left);
	crown.addEventListener("click", () => net.send({ m: "chown", id: room.me }));
	layer.append(crown);
	let timer = 0;
	/** Time of the fall that was shown. @type {number | undefined} */
	let shown;

	const count = () => {
		const { time = 0, rest = 15_000, userId = "" } = room.crown ?? {};
		const wait = Math.ceil(Math.min(rest, clock.toLocal(time) + rest - now()) / 1000);
		const mine = userId === room.user?._id || room.settings.owner_id === room.user?._id;
		crown.disabled = wait > 0 && !mine;
		left.textContent = wait > 0 ? String(wait) : "";
		crown.ariaLabel = crown.disabled ? t("The crown is free in {seconds} s", { seconds: wait }) : t("Take the crown");
		crown.title = crown.ariaLabel;
		if (wait <= 0) clearInterval(timer);
	};

	const draw = () => {
		const floor = room.crown && !room.crown.participantId;
		crown.hidden = !floor;
		if (!floor) {
			clearInterval(timer);
			shown = undefined;
			return;
		}
		const { time = 0, startPos, endPos } = room.crown ?? {};
		crown.style.left = `${place(endPos?.x)}%`;
		crown.style.top = `${place(endPos?.y, 82)}%`;
		if (shown !== time) {
			shown = time;
			clearInterval(timer);
			timer = setInterval(count, 250);
			const age = now() - clock.toLocal(time);
			if (age < FALLS && !STILL.matches) {
				const from = { left: `${place(startPos?.x)}%`, top: `${place(startPos?.y, 20)}%` };
				const way = crown.animate([from, {}], { duration: FALLS, easing: "cubic-bezier(0.5, 0, 0.9, 0.6)" });
				way.currentTime = Math.max(0, age);
			}
		}
		count();
	};
	room.on("changed", draw);
}

/** Return a percentage within the window. @param {unknown} value @param {number} fallback */
function place(value, fallback = 50) {
	const number = Number(value ?? fallback);
	return Number.isFinite(number) ? Math.min(Math.max(number, 2), 96) : fallback;
}
