/** @import { Key } from "./keys.js" */
/** @import { Player } from "./player.js" */
import { Emitter } from "../emitter.js";
import { keyOf } from "./keys.js";

// Codes name places, not letters: the rows lie alike on QWERTY, QWERTZ and AZERTY. From C upwards.
const LOWER = "KeyZ KeyS KeyX KeyD KeyC KeyV KeyG KeyB KeyH KeyN KeyJ KeyM Comma KeyL Period Semicolon Slash".split(" ");
const UPPER =
  "KeyQ Digit2 KeyW Digit3 KeyE KeyR Digit5 KeyT Digit6 KeyY Digit7 KeyU KeyI Digit9 KeyO Digit0 KeyP BracketLeft Equal BracketRight".split(" ");
const SIGNS = { Comma: ",", Period: ".", Semicolon: ";", Slash: "/", BracketLeft: "[", Equal: "=", BracketRight: "]" };
const LOWEST = 48;
const VELOCITY = 0.5;
const TYPING = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";

/**
 * Plays by the computer's keyboard: two rows of keys, an octave apart, the space bar as pedal, the
 * arrows up and down for the octave. Event: `octave` whenever `octave` changed.
 */
export class Keyboard extends Emitter {
  /** Octaves up or down from where the rows begin at C3 and C4. */
  octave = 0;
  /** What each pressed code sounds; the octave may change before it comes up. @type {Map<string, Key>} */
  #down = new Map();
  #pedal = false;
  #player;

  /** @param {Player} player */
  constructor(player) {
    super();
    this.#player = player;
    addEventListener("keydown", (event) => this.#press(event));
    addEventListener("keyup", (event) => this.#release(event.code));
    addEventListener("blur", () => this.#down.clear());
  }

  /** @param {number} by octaves */
  shift(by) {
    const octave = Math.min(Math.max(this.octave + by, -2), 3);
    if (octave === this.octave) return;
    this.octave = octave;
    this.emit("octave");
  }

  /** What to press for each key, by MIDI number. */
  labels() {
    const labels = new Map();
    // Where the rows overlap the upper one is written: it goes on from there.
    for (const row of [LOWER, UPPER]) {
      for (const code of row) {
        const midi = this.#midi(code);
        const sign = SIGNS[/** @type {keyof typeof SIGNS} */ (code)] ?? code.slice(-1);
        if (midi !== undefined && keyOf(midi)) labels.set(midi, sign);
      }
    }
    return labels;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { code, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const node = target instanceof Element ? target : document.body;
    if (node.closest(TYPING) || document.querySelector("dialog[open]")) return;
    if (code === "Space") {
      // On a button or a slider the space bar is that one's own.
      if (node.closest("button, a, input")) return;
      event.preventDefault();
      this.#pedal = true;
      this.#player.sustain(true);
      return;
    }
    if (code === "ArrowUp" || code === "ArrowDown") {
      if (node !== document.body && node.id !== "piano") return;
      event.preventDefault();
      this.shift(code === "ArrowUp" ? 1 : -1);
      return;
    }
    const midi = this.#midi(code);
    const key = midi === undefined ? undefined : keyOf(midi);
    if (!key) return;
    // Otherwise the browser takes "/" for its quick search.
    event.preventDefault();
    if (event.repeat || this.#down.has(code)) return;
    this.#down.set(code, key);
    this.#player.press(key, VELOCITY, code);
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
