/** @import { Bank } from "./bank.js" */
/** @import { Engine } from "./engine.js" */

// As many strings as a cheap phone can sound at once; the oldest make room for the new.
const MOST = 160;
// Notes come a second before they sound. Beyond so many that wait or fade, new ones are left out:
// nobody would hear them in such a storm.
const PREPARED = 2000;
// Above this key a piano has no dampers: let go, the strings ring on.
const UNDAMPED = 90;

/**
 * @typedef {object} Voice
 * @property {string} slot        Who plays which key.
 * @property {number} begins      Seconds of the audio context.
 * @property {AudioBufferSourceNode} source
 * @property {GainNode} gain
 */

/** All notes that sound or soon will. Times are seconds of the audio context. */
export class Voices {
  /** @type {Set<Voice>} Insertion order is the order in which they were asked for. */
  #all = new Set();
  /** The latest voice of each player's each key. @type {Map<string, Voice>} */
  #held = new Map();
  /** All that have not ended, those included that were told to. */
  #prepared = 0;
  #engine;
  #bank;

  /**
   * @param {Engine} engine
   * @param {Bank} bank
   */
  constructor(engine, bank) {
    this.#engine = engine;
    this.#bank = bank;
  }

  /**
   * Strikes a key; what the same player's same key still sounded is damped.
   *
   * @param {string} player
   * @param {number} midi
   * @param {number} velocity 0..1
   * @param {number} at
   */
  start(player, midi, velocity, at) {
    this.stop(player, midi, at);
    if (this.#prepared >= PREPARED) return;
    if (this.#all.size >= MOST) this.#makeRoom(at);
    const { context } = this.#engine;
    const { buffer, rate } = this.#bank.sound(midi);
    const source = new AudioBufferSourceNode(context, { buffer, playbackRate: rate });
    const pitch = 440 * 2 ** ((midi - 69) / 12);
    // A soft stroke lacks the upper partials; that, more than the level, is what touch sounds like.
    const filter = new BiquadFilterNode(context, {
      type: "lowpass",
      Q: -2,
      frequency: Math.min(18_000, pitch * (1 + 6 * velocity) + 150 + 8000 * velocity ** 2.5),
    });
    const gain = new GainNode(context, { gain: 1.1 * velocity ** 1.35 });
    source.connect(filter).connect(gain).connect(this.#engine.lane(midi));
    source.start(at);
    const slot = `${midi} ${player}`;
    const voice = { slot, begins: at, source, gain };
    this.#all.add(voice);
    this.#held.set(slot, voice);
    this.#prepared += 1;
    source.onended = () => {
      this.#prepared -= 1;
      gain.disconnect();
      this.#all.delete(voice);
      if (this.#held.get(slot) === voice) this.#held.delete(slot);
    };
  }

  /**
   * Lets a key go.
   *
   * @param {string} player
   * @param {number} midi
   * @param {number} at
   */
  stop(player, midi, at) {
    const slot = `${midi} ${player}`;
    const voice = this.#held.get(slot);
    if (!voice) return;
    this.#held.delete(slot);
    this.#damp(voice, Math.max(at, voice.begins + 0.02), midi >= UNDAMPED ? 0.7 : 0.14 - 0.0011 * (midi - 21));
  }

  /**
   * Cuts the oldest voice off when the new one begins, not before: it may not have begun itself.
   *
   * @param {number} at
   */
  #makeRoom(at) {
    for (const voice of this.#all) {
      this.#all.delete(voice);
      if (this.#held.get(voice.slot) === voice) this.#held.delete(voice.slot);
      this.#damp(voice, Math.max(at, voice.begins), 0.01);
      return;
    }
  }

  /**
   * @param {Voice} voice
   * @param {number} at
   * @param {number} fade time constant, seconds
   */
  #damp({ source, gain }, at, fade) {
    gain.gain.setTargetAtTime(0, at, fade);
    source.stop(at + fade * 7);
  }
}
