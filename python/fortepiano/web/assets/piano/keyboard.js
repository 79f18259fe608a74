import { Emitter } from "../emitter.js";
import { recall, remember } from "../storage.js";
import { keyOf } from "./keys.js";

// Codes name places, not letters: the rows lie alike on all keyboards. From C upwards.
const LOWER = "KeyZ KeyS KeyX KeyD KeyC KeyV KeyG KeyB KeyH KeyN KeyJ KeyM Comma KeyL Period Semicolon Slash".split(" ");
const UPPER =
	"KeyQ Digit2 KeyW Digit3 KeyE KeyR Digit5 KeyT Digit6 KeyY Digit7 KeyU KeyI Digit9 KeyO Digit0 KeyP BracketLeft Equal BracketRight".split(" ");
const SIGNS = { Comma: ",", Period: ".", Semicolon: ";", Slash: "/", BracketLeft: "[", BracketRight: "]", Equal: "=" };

/** Signs by place, where they differ from QWERTY. @type {Record<string, Record<string, string>>} */
const LAYOUTS = {
	qwerty: {},
	qwertz: { KeyY: "z", KeyZ: "y", Semicolon: "ö", Slash: "-", BracketLeft: "ü", BracketRight: "+", Equal: "´" },
	azerty: { KeyA: "q", KeyQ: "a", KeyW: "z", KeyZ: "w", KeyM: ",", Comma: ";", Period: ":", Semicolon: "m", Slash: "!", BracketLeft: "^", BracketRight: "$" },
};

const LOWEST = 48;
const VELOCITY = 0.5;
const TYPING = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";

/**
 * Plays by the computer's keyboard: two rows of keys an octave apart, the space bar as pedal, arrows
 * up and down for the octave, shift for one octave more. Event: `octave` after `octave` or `layout` changed.
 */
export class Keyboard extends Emitter {
	/** Octaves up or down; at 0 the rows begin at C3 and C4. */
	octave = 0;
	/** A name in LAYOUTS; empty for the browser's own layout. */
	layout = recall("layout", "");
	/** Signs of the real keyboard by code, as far as the browser knows. @type {Map<string, string>} */
	#signs = new Map();
	/** Key of each pressed code; the octave may change before the release. @type {Map<string, Key>} */
	#down = new Map();
	#pedal = false;
	#player;

	/** @param {Player} player */
	constructor(player) {
		super();
		this.#player = player;
		addEventListener("keydown", (event) => this.#press(event));
		addEventListener("keyup", (event) => {
			// macOS never sends the release of a letter that goes up while the command key is down.
			if (event.key === "Meta") this.#releaseAll();
			else this.#release(event.code);
		});
		addEventListener("blur", () => this.#releaseAll());
		navigator.keyboard?.getLayoutMap().then(
			(signs) => {
				this.#signs = signs;
				this.emit("octave");
			},
			() => {}, // unknown inside a frame
		);
	}

	/** @param {number} by octaves */
	shift(by) {
		const octave = Math.min(Math.max(this.octave + by, -2), 3);
		if (octave === this.octave) return;
		this.octave = octave;
		this.emit("octave");
	}

	/** @param {string} layout */
	lay(layout) {
		this.layout = layout;
		remember("layout", layout);
		this.emit("octave");
	}

	/** Return the sign to press for each key, by MIDI number. */
	labels() {
		const labels = new Map();
		// Where the rows overlap, the label is that of the upper one, which goes on from there.
		for (const row of [LOWER, UPPER]) {
			for (const code of row) {
				const midi = this.#midi(code);
				if (midi !== undefined && keyOf(midi)) labels.set(midi, this.#sign(code).toUpperCase());
			}
		}
		return labels;
	}

	/** @param {string} code */
	#sign(code) {
		const plain = SIGNS[/** @type {keyof typeof SIGNS} */ (code)] ?? code.slice(-1).toLowerCase();
		const chosen = LAYOUTS[this.layout];
		return chosen ? (chosen[code] ?? plain) : (this.#signs.get(code) ?? plain);
	}

	/**
	 * Return the pressed place: by the letter where a layout is chosen, else by the code. Letters that
	 * the layout lacks, as those of other scripts, are pressed by their code too.
	 * @param {KeyboardEvent} event
	 */
	#place({ code, key }) {
		if (!LAYOUTS[this.layout] || !/^\p{L}$/u.test(key)) return code;
		const letter = key.toLowerCase();
		return [...LOWER, ...UPPER, "KeyA"].find((place) => this.#sign(place) === letter) ?? code;
	}

	/** @param {KeyboardEvent} event */
	#press(event) {
		const { code, target } = event;
		if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
		const node = target instanceof Element ? target : document.body;
		if (node.closest(TYPING) || document.querySelector("dialog[open]")) return;
		const free = node === document.body || node.id === "piano";
		if (code === "Space" || (code === "Backspace" && free)) {
			// A focused button or slider takes the space bar itself.
			if (node.closest("button, a, input")) return;
			event.preventDefault();
			if (code === "Backspace") {
				if (!event.repeat) this.#player.sustain(!this.#player.sustained);
				return;
			}
			this.#pedal = true;
			this.#player.sustain(true);
			return;
		}
		if (code === "ArrowUp" || code === "ArrowDown") {
			if (!free) return;
			event.preventDefault();
			this.shift(code === "ArrowUp" ? 1 : -1);
			return;
		}
		const midi = this.#midi(this.#place(event));
		const key = midi === undefined ? undefined : keyOf(midi + (event.shiftKey ? 12 : 0));
		if (!key) return;
		// Otherwise "/" opens the browser's quick search.
		event.preventDefault();
		if (event.repeat || this.#down.has(code)) return;
		this.#down.set(code, key);
		this.#player.press(key, VELOCITY, code);
	}

	/** Release everything that this keyboard holds down. */
	#releaseAll() {
		for (const code of ["Space", ...this.#down.keys()]) this.#release(code);
	}

	/** @param {string} code */
	#release(code) {
		if (code === "Space" && this.#pedal) {
			this.#pedal = false;
			this.#player.sustain(false);
		}
		const key = this.#down.get(code);
		if (!key) return;
		this.#down.delete(code);
		this.#player.release(key, code);
	}

	/** @param {string} code */
	#midi(code) {
		const lower = LOWER.indexOf(code);
		if (lower >= 0) return LOWEST + 12 * this.octave + lower;
		const upper = UPPER.indexOf(code);
		return upper >= 0 ? LOWEST + 12 * (this.octave + 1) + upper : undefined;
	}
}
