import { element, press } from "./dom.js";

/**
 * The controls below the keys: pedal, octave, and what moves a keyboard wider than the screen.
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
		// Who has no keyboard to play on is helped by no letters.
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

	// A button that was clicked keeps the focus, and with it the space bar: give it back to the piano.
	document.addEventListener("click", (event) => {
		const button = event.detail > 0 && event.target instanceof Element && event.target.closest("button");
		if (button && !button.closest("dialog")) button.blur();
	});
}
