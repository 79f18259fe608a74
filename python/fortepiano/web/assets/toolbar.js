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

	// A clicked button would hold the focus and the space bar: give both back to the piano.
	document.addEventListener("click", (event) => {
		const button = event.detail > 0 && event.target instanceof Element && event.target.closest("button");
		if (button && !button.closest("dialog")) button.blur();
	});
}
