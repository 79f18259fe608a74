/**
 * A piano made of arithmetic: each note is the sum of the partials of its strings, slightly
 * stretched by their stiffness, each decaying at its own pace, and the knock of the hammer.
 *
 * The constants are those by which real strings are described (stiffness, losses that grow with
 * the frequency, the place of the hammer), so that bass, middle and treble differ as they do there.
 */

const LOWEST = 21;
const HIGHEST = 108;
// Partials below this level are masked by the others.
const FAINT = 5e-4;
// Of the partials above this one nobody hears how they beat.
const PAIRED = 14;

/**
 * Computes one note, a partial per step, so that whoever has little time can stop in between.
 *
 * @param {number} midi 21 (A0) to 108 (C8)
 * @param {number} rate samples per second
 * @returns {Generator<void, Float32Array<ArrayBuffer>>}
 */
export function* strike(midi, rate) {
  const height = (midi - LOWEST) / (HIGHEST - LOWEST);
  const pitch = 440 * 2 ** ((midi - 69) / 12);
  const stiffness = Math.exp(0.0926 * midi - 13.64) + Math.exp(-0.0847 * midi - 5.82);
  const wave = new Float32Array(Math.ceil((9 - 7.4 * height ** 0.7) * rate));
  const noise = randomness(midi);
  for (let n = 1; n <= 48; n += 1) {
    const frequency = n * pitch * Math.sqrt(1 + stiffness * n * n);
    if (frequency > Math.min(rate * 0.45, 11_000)) break;
    const amplitude = loudness(n, frequency, pitch);
    if (amplitude < FAINT) continue;
    const loss = 0.22 + 1.5 * height ** 2 + 5.5 * height ** 5 + 1.1e-3 * frequency * (0.35 + height);
    const phase = noise() * 2 * Math.PI;
    if (n > PAIRED) ring(wave, rate, frequency, amplitude, loss * 1.6, phase);
    else {
      // The strings of a note are never quite in tune: they beat, and what is left of them after
      // the first seconds rings on. Two of them are enough to hear both.
      const spread = frequency * (0.00012 + 0.0001 * noise());
      ring(wave, rate, frequency - spread, amplitude * 0.72, loss * 1.9, phase);
      ring(wave, rate, frequency + spread, amplitude * 0.28, loss * 0.5, phase);
    }
    yield;
  }
  finish(wave, rate, height);
  knock(wave, rate, height, noise);
  return wave;
}

/**
 * How loud a partial starts.
 *
 * @param {number} n its number
 * @param {number} frequency Hz
 * @param {number} pitch of the note, Hz
 */
function loudness(n, frequency, pitch) {
  // The hammer strikes at an eighth of the string: partials with a node there stay faint.
  const place = 0.25 + 0.75 * Math.abs(Math.sin((Math.PI * n) / 8.2));
  // Its felt is softer than a short wave, relative to the string and in itself.
  const felt = Math.exp(-frequency / (1500 + 1.5 * pitch)) / n ** 0.9;
  // The soundboard hardly radiates what is longer than itself.
  const board = frequency ** 2 / (frequency ** 2 + 75 ** 2);
  return place * felt * board;
}

/**
 * Adds a decaying sine by its recurrence, until it is too faint to be heard.
 *
 * @param {Float32Array} wave
 * @param {number} rate
 * @param {number} frequency
 * @param {number} amplitude
 * @param {number} loss per second
 * @param {number} phase
 */
export function ring(wave, rate, frequency, amplitude, loss, phase) {
  const step = (2 * Math.PI * frequency) / rate;
  const decay = Math.exp(-loss / rate);
  const feedback = 2 * decay * Math.cos(step);
  const damping = decay * decay;
  let before = (amplitude / decay) * Math.sin(phase - step);
  let beforeThat = (amplitude / damping) * Math.sin(phase - 2 * step);
  const audible = Math.ceil((Math.log(amplitude / 6e-5) / loss) * rate);
  const end = Math.min(wave.length, Math.max(0, audible));
  for (let i = 0; i < end; i += 1) {
    const now = feedback * before - damping * beforeThat;
    beforeThat = before;
    before = now;
    wave[i] = /** @type {number} */ (wave[i]) + now;
  }
}

/**
 * Brings all notes to the same level, lets them begin without a click and end without a cut.
 *
 * @param {Float32Array} wave
 * @param {number} rate
 * @param {number} height
 */
function finish(wave, rate, height) {
  // The ear takes the first moments for the loudness, not the highest peak.
  const opening = Math.ceil(0.12 * rate);
  let energy = 0;
  for (const value of wave.subarray(0, opening)) energy += value * value;
  const level = (0.17 - 0.05 * height) / Math.sqrt(energy / opening || 1);
  const attack = Math.ceil((0.0035 - 0.0025 * height) * rate);
  const fade = Math.ceil(0.25 * rate);
  for (let i = 0; i < wave.length; i += 1) {
    const begin = i < attack ? 0.5 - 0.5 * Math.cos((Math.PI * i) / attack) : 1;
    const end = Math.min(1, (wave.length - i) / fade);
    wave[i] = /** @type {number} */ (wave[i]) * level * begin * end;
  }
}

/**
 * The hammer on the string and the key on its bed: muffled noise and a dull thump.
 *
 * @param {Float32Array} wave
 * @param {number} rate
 * @param {number} height
 * @param {() => number} noise
 */
function knock(wave, rate, height, noise) {
  const length = Math.ceil(0.12 * rate);
  const brightness = 1 - Math.exp((-2 * Math.PI * (500 + 2600 * height)) / rate);
  const thump = (2 * Math.PI * (82 + 60 * height)) / rate;
  let smooth = 0;
  for (let i = 0; i < length; i += 1) {
    const time = i / rate;
    smooth += brightness * (2 * noise() - 1 - smooth);
    const rise = Math.min(1, time / 0.001);
    const felt = smooth * 0.11 * Math.exp(-time / (0.022 - 0.01 * height));
    const bed = Math.sin(thump * i) * (0.03 + 0.03 * height) * Math.exp(-time / 0.028);
    wave[i] = /** @type {number} */ (wave[i]) + rise * (felt + bed);
  }
}

/**
 * The same random numbers for the same note on every page.
 *
 * @param {number} seed
 * @returns {() => number} 0..1
 */
function randomness(seed) {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
