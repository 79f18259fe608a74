import { element, press } from "./dom.js";

/**
 * Show the controls below the keys: pedal, octave, and the scroller of a keyboard wider than the screen.
 * @param {Player} player @param {Keyboard} keyboard @param {PianoView} view
 */
export function showTools(player, keyboard, view) {
	const sustain = press("sustain", () => player.sustain(!player.sustained));
	player.on("sustain", () => {
		sustain.ariaPressed = String(player.sustained);
	});

	const octave = element("octave");
	const label = () => {
		octave.textContent = `${keyboard.octave > 0 ? "+" : ""}${keyboard.octave}`.replace("-", "−");
		// Letters help only users who have a keyboard to play on.
		if (matchMedia("(hover: hover)").matches) view.label(keyboard.labels());
	};
	press("octave-down", () => keyboard.shift(-1));
	press("octave-up", () => keyboard.shift(1));
	keyboard.on("octave", label);
	label();

	const scroller = element("scroller");
	const slider = element("scroll", HTMLInputElement);
	const range = () => scroller.scrollWidth - scroller.clientWidth;
	const measure = () => {
		slider.hidden = range() < 8;
		scroller.scrollLeft = (slider.valueAsNumber / 1000) * range();
	};
	slider.addEventListener("input", measure);
	new ResizeObserver(measure).observe(scroller);

	giveBackFocus();
}

/** Give the keys back to the piano when the mouse has used a button or a slider. */
function giveBackFocus() {
	// A clicked button would hold the focus and the space bar.
	document.addEventListener("click", (event) => {
		const button = event.detail > 0 && event.target instanceof Element && event.target.closest("button");
		if (button && !button.closest("dialog")) button.blur();
	});
	addEventListener("pointerup", () => {
		const held = document.activeElement;
		if (held instanceof HTMLInputElement && held.type === "range" && !held.closest("dialog")) held.blur();
	});
}
