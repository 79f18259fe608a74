import { now } from "../clock.js";
import { Emitter } from "../emitter.js";

const LANES = 7;
const WIDTH = 0.45;
// Milliseconds for which two clocks are compared before older comparisons are forgotten.
const WINDOW = 3000;
const KEPT = "fortepiano.volume";

/**
 * The audio context and all that lies between the notes and the ears: lanes from left to right,
 * a little room, volume, compressor, and a limiter so that ten thousand notes hurt nobody.
 *
 * Event: `state` whenever `running` changed.
 */
export class Engine extends Emitter {
  context = new AudioContext({ latencyHint: "interactive" });
  #volume = this.context.createGain();
  /** @type {AudioNode[]} */
  #lanes = [];
  // Seconds of the audio context less seconds of the page's clock, at most: in this window of time
  // and in the one before.
  #ahead = -Infinity;
  #before = -Infinity;
  /** When this window began, milliseconds of the page's clock. */
  #since = 0;

  constructor() {
    super();
    const { context } = this;
    const limiter = this.#compressor({ threshold: -4, knee: 2, ratio: 20, attack: 0.001, release: 0.12 });
    const compressor = this.#compressor({ threshold: -20, knee: 18, ratio: 3, attack: 0.006, release: 0.25 });
    const dry = context.createGain();
    const room = context.createConvolver();
    const wet = context.createGain();
    room.buffer = ambience(context);
    wet.gain.value = 0.2;
    dry.connect(this.#volume);
    dry.connect(room).connect(wet).connect(this.#volume);
    this.#volume.connect(compressor).connect(limiter).connect(context.destination);
    for (let lane = 0; lane < LANES; lane += 1) {
      const panner = context.createStereoPanner();
      panner.pan.value = WIDTH * ((2 * lane) / (LANES - 1) - 1);
      panner.connect(dry);
      this.#lanes.push(panner);
    }
    this.volume = this.volume;
    context.addEventListener("statechange", () => {
      // While it was suspended its time stood still.
      this.#ahead = this.#before = -Infinity;
      this.emit("state");
    });
    setInterval(() => this.#compare(), 100);
  }

  get running() {
    return this.context.state === "running";
  }

  /** Starts the sound; browsers may ignore that until the user has done something. */
  unlock() {
    if (!this.running) this.context.resume().catch(() => {}); // it stays silent, and `running` says so
  }

  /** 0..1, kept for the next visit. */
  get volume() {
    const kept = Number.parseFloat(remembered() ?? "");
    return Number.isFinite(kept) ? Math.min(Math.max(kept, 0), 1) : 0.7;
  }

  set volume(share) {
    remember(String(share));
    // Squared: half way down the slider sounds half as loud.
    this.#volume.gain.setTargetAtTime(1.6 * share * share, this.context.currentTime, 0.02);
  }

  /**
   * Where a key's sound enters: low ones to the left, high ones to the right, as the player hears.
   *
   * @param {number} midi
   * @returns {AudioNode}
   */
  lane(midi) {
    const lane = Math.round(((midi - 21) / 87) * (LANES - 1));
    return /** @type {AudioNode} */ (this.#lanes[lane]);
  }

  /**
   * The audio context's time of a moment of the page's clock.
   *
   * @param {number} moment milliseconds
   * @returns {number} seconds; the present for what is past
   */
  at(moment) {
    this.#compare();
    return Math.max(this.context.currentTime, Math.max(this.#ahead, this.#before) + moment / 1000);
  }

  /**
   * Compares the two clocks. `currentTime` advances in blocks and so lags behind by up to one of
   * them: the least lag of the last seconds is the truth. Without that, phrases would stumble.
   */
  #compare() {
    if (!this.running) return;
    const moment = now();
    if (moment - this.#since > WINDOW) {
      this.#before = this.#ahead;
      this.#ahead = -Infinity;
      this.#since = moment;
    }
    this.#ahead = Math.max(this.#ahead, this.context.currentTime - moment / 1000);
  }

  /** @param {{ threshold: number, knee: number, ratio: number, attack: number, release: number }} settings */
  #compressor(settings) {
    return new DynamicsCompressorNode(this.context, settings);
  }
}

/**
 * The echo of a small room: noise that decays, its high end faster.
 *
 * @param {BaseAudioContext} context
 */
function ambience(context) {
  const length = Math.ceil(1.3 * context.sampleRate);
  const buffer = context.createBuffer(2, length, context.sampleRate);
  for (let channel = 0; channel < 2; channel += 1) {
    const data = buffer.getChannelData(channel);
    let smooth = 0;
    for (let i = 0; i < length; i += 1) {
      const share = i / length;
      smooth += (0.7 - 0.6 * share) * (2 * Math.random() - 1 - smooth);
      data[i] = smooth * (1 - share) ** 3 * Math.min(1, share * 60);
    }
  }
  return buffer;
}

// Storage may be forbidden altogether; the slider works without it.

function remembered() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** @param {string} value */
function remember(value) {
  try {
    localStorage.setItem(KEPT, value);
  } catch {
    // nothing is kept then
  }
}
