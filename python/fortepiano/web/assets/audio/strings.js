/**
 * A piano made of arithmetic: each note is the sum of the partials of its strings, slightly
 * stretched by their stiffness, each decaying at its own pace, and the knock of the hammer.
 */

// Partials below this level are masked by the others.
const FAINT = 5e-4;

/**
 * Computes one note, a partial per step, so that whoever has little time can stop in between.
 * @param {number} midi 21 (A0) to 108 (C8) @param {number} rate samples per second
 * @returns {Generator<void, Float32Array<ArrayBuffer>>}
 */
export function* strike(midi, rate) {
  const height = (midi - 21) / 87;
  const pitch = 440 * 2 ** ((midi - 69) / 12);
  const stiffness = Math.exp(0.0926 * midi - 13.64) + Math.exp(-0.0847 * midi - 5.82);
  const wave = new Float32Array(Math.ceil((9 - 7.4 * height ** 0.7) * rate));
  for (let n = 1; n <= 48; n += 1) {
    const frequency = n * pitch * Math.sqrt(1 + stiffness * n * n);
    if (frequency > Math.min(rate * 0.45, 11_000)) break;
    const amplitude = loudness(n, frequency, pitch);
    if (amplitude < FAINT) continue;
    const loss = 0.22 + 1.5 * height ** 2 + 5.5 * height ** 5 + 1.1e-3 * frequency * (0.35 + height);
    // The strings of a note are never quite in tune: they beat, and what is left of them after the
    // first seconds rings on. Two of them are enough to hear both.
    const spread = frequency * 0.00017;
    ring(wave, rate, frequency - spread, amplitude * 0.72, loss * 1.9, n);
    ring(wave, rate, frequency + spread, amplitude * 0.28, loss * 0.5, n);
    yield;
  }
  finish(wave, rate, height);
  return wave;
}

/** How loud a partial starts. @param {number} n its number @param {number} frequency Hz @param {number} pitch of the note, Hz */
function loudness(n, frequency, pitch) {
  // The hammer strikes at an eighth of the string: partials with a node there stay faint.
  const place = 0.25 + 0.75 * Math.abs(Math.sin((Math.PI * n) / 8.2));
  // Its felt is softer than a short wave, relative to the string and in itself.
  const felt = Math.exp(-frequency / (1500 + 1.5 * pitch)) / n ** 0.9;
  // The soundboard hardly radiates what is longer than itself.
  return (place * felt * frequency ** 2) / (frequency ** 2 + 75 ** 2);
}

/**
 * Adds a decaying sine by its recurrence, until it is too faint to be heard.
 * @param {Float32Array} wave @param {number} rate @param {number} frequency @param {number} amplitude
 * @param {number} loss per second @param {number} phase
 */
export function ring(wave, rate, frequency, amplitude, loss, phase) {
  const step = (2 * Math.PI * frequency) / rate;
  const decay = Math.exp(-loss / rate);
  const feedback = 2 * decay * Math.cos(step);
  let before = (amplitude / decay) * Math.sin(phase - step);
  let beforeThat = (amplitude / decay ** 2) * Math.sin(phase - 2 * step);
  const end = Math.min(wave.length, Math.ceil((Math.log(amplitude / 6e-5) / loss) * rate));
  for (let i = 0; i < end; i += 1) {
    const now = feedback * before - decay * decay * beforeThat;
    beforeThat = before;
    before = now;
    wave[i] = wave[i] + now;
  }
}

/**
 * Brings all notes to the same level, adds the hammer on the string and the key on its bed, and
 * lets them begin without a click and end without a cut.
 * @param {Float32Array} wave @param {number} rate @param {number} height of the note, 0..1
 */
function finish(wave, rate, height) {
  // The ear takes the first moments for the loudness, not the highest peak.
  const opening = wave.subarray(0, Math.ceil(0.12 * rate));
  const energy = opening.reduce((sum, value) => sum + value * value, 0);
  const level = (0.17 - 0.05 * height) / Math.sqrt(energy / opening.length || 1);
  const attack = Math.ceil((0.0035 - 0.0025 * height) * rate);
  const fade = Math.ceil(0.25 * rate);
  const brightness = 1 - Math.exp((-2 * Math.PI * (500 + 2600 * height)) / rate);
  let smooth = 0;
  for (let i = 0; i < wave.length; i += 1) {
    const time = i / rate;
    const begin = Math.min(1, i / attack);
    let value = wave[i] * level;
    if (time < 0.12) {
      smooth += brightness * (2 * Math.random() - 1 - smooth);
      value += smooth * 0.11 * Math.exp(-time / (0.022 - 0.01 * height));
      value += Math.sin(2 * Math.PI * (82 + 60 * height) * time) * (0.03 + 0.03 * height) * Math.exp(-time / 0.028);
    }
    wave[i] = value * begin * Math.min(1, (wave.length - i) / fade);
  }
}
