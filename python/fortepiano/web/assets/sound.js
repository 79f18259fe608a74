import { element, press } from "./dom.js";

// Milliseconds until a browser that lets pages sound by themselves has started the sound.
const GRACE = 400;

/**
 * Show the volume slider, and a button to start the sound where the browser waits for a gesture.
 * @param {Engine} engine
 */
export function showSound(engine) {
	const volume = element("volume", HTMLInputElement);
	volume.value = String(Math.round(engine.volume * 100));
	volume.addEventListener("input", () => {
		engine.volume = volume.valueAsNumber / 100;
	});

	const start = element("start");
	const draw = () => {
		start.hidden = engine.running;
	};
	// Any gesture will do: users may just begin to play.
	for (const gesture of ["pointerup", "keydown"]) addEventListener(gesture, () => engine.unlock(), { passive: true });
	press("play", () => {
		engine.unlock();
		element("piano").focus({ preventScroll: true });
	});
	engine.unlock();
	engine.on("state", draw);
	setTimeout(draw, GRACE);
}
