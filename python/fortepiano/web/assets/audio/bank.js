import { strike } from "./strings.js";

// One computed note for three keys: a semitone up or down is not heard as another string.
const APART = 3;
const FIRST = 21;
const LAST = 108;
const MIDDLE = 60;
// Milliseconds of computing in one go; a frame has sixteen.
const SLICE = 6;

/**
 * The sounds of an instrument: a buffer and the speed at which it gives the wanted pitch.
 *
 * The synthesised piano computes its notes in the background, the middle of the keyboard first. Until
 * the one that is needed has had its turn, the nearest one stands in.
 */
export class Bank {
  /** @type {Map<number, AudioBuffer>} */
  #buffers = new Map();
  #context;

  /** @param {BaseAudioContext} context */
  constructor(context) {
    this.#context = context;
    this.#prepare();
  }

  /**
   * @param {number} midi
   * @returns {{ buffer: AudioBuffer, rate: number }}
   */
  sound(midi) {
    let nearest = MIDDLE;
    for (const known of this.#buffers.keys()) {
      if (Math.abs(known - midi) < Math.abs(nearest - midi)) nearest = known;
    }
    const buffer = /** @type {AudioBuffer} */ (this.#buffers.get(nearest));
    return { buffer, rate: 2 ** ((midi - nearest) / 12) };
  }

  async #prepare() {
    const waiting = [];
    for (let midi = FIRST; midi <= LAST; midi += APART) waiting.push(midi);
    waiting.sort((a, b) => Math.abs(a - MIDDLE) - Math.abs(b - MIDDLE));
    // The first one in one go: from then on the page can be played.
    let until = Infinity;
    for (const midi of waiting) {
      // Low strings have nothing above 8 kHz: half the samples, half the work.
      const rate = this.#context.sampleRate / (midi < MIDDLE ? 2 : 1);
      const work = strike(midi, rate);
      let step = work.next();
      while (!step.done) {
        if (performance.now() > until) {
          await new Promise((resolve) => setTimeout(resolve, 4));
          until = performance.now() + SLICE;
        }
        step = work.next();
      }
      const buffer = this.#context.createBuffer(1, step.value.length, rate);
      buffer.copyToChannel(step.value, 0);
      this.#buffers.set(midi, buffer);
      until = Math.min(until, performance.now() + SLICE);
    }
  }
}
