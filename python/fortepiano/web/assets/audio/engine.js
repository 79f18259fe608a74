import { Emitter } from "../emitter.js";

const LANES = 7;
const WIDTH = 0.45;
const DRIFT = 0.0003;
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
  /** Seconds of the audio context less seconds of the page's clock. */
  #anchor = -Infinity;
  /** When that was last looked at, milliseconds of the page's clock. */
  #anchored = 0;

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
    context.addEventListener("statechange", () => this.emit("state"));
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
   * `currentTime` advances in blocks and so lags behind by up to one of them: the least lag that was
   * seen lately is the truth. Without that, phrases would stumble by some ten milliseconds.
   *
   * @param {number} moment milliseconds of the page's clock
   * @param {number} now the same clock's present
   * @returns {number} seconds
   */
  at(moment, now) {
    const { currentTime } = this.context;
    const seen = currentTime - now / 1000;
    // The two clocks drift apart by a tenth of a millisecond in a second at most, so what was seen
    // earlier is trusted a little less each second.
    const expected = this.#anchor - (DRIFT * (now - this.#anchored)) / 1000;
    // A tenth of a second behind is no lag: the context was suspended meanwhile.
    this.#anchor = seen > expected || seen < expected - 0.1 ? seen : expected;
    this.#anchored = now;
    return Math.max(currentTime, this.#anchor + moment / 1000);
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
