/**
 * Compute a piano note: the sum of the partials of its strings, stretched by their stiffness. A
 * partial per step, so that the caller can pause in between.
 * @param {number} midi 21 (A0) to 108 (C8) @param {number} rate samples per second
 * @returns {Generator<void, Float32Array<ArrayBuffer>>}
 */
export function* strike(midi, rate) {
	const height = (midi - 21) / 87;
	const pitch = 440 * 2 ** ((midi - 69) / 12);
	const stiffness = Math.exp(0.0926 * midi - 13.64) + Math.exp(-0.0847 * midi - 5.82);
	const wave = new Float32Array(Math.ceil((9 - 7.4 * height ** 0.7) * rate));
	for (let n = 1; n <= 48; n++) {
		const frequency = n * pitch * Math.sqrt(1 + stiffness * n * n);
		if (frequency > Math.min(rate * 0.45, 11_000)) break;
		// The hammer strikes at an eighth of the string, its felt is softer than short waves, and the
		// soundboard hardly radiates waves longer than itself.
		const place = 0.25 + 0.75 * Math.abs(Math.sin((Math.PI * n) / 8.2));
		const felt = Math.exp(-frequency / (1500 + 1.5 * pitch)) / n ** 0.9;
		const level = (place * felt * frequency ** 2) / (frequency ** 2 + 75 ** 2);
		if (level < 5e-4) continue;
		const loss = 0.22 + 1.5 * height ** 2 + 5.5 * height ** 5 + 1.1e-3 * frequency * (0.35 + height);
		// The strings of a note are never quite in tune: they beat, and a rest rings on after the first
		// seconds. Two strings are enough to hear both.
		const spread = frequency * 0.00017;
		ring(wave, rate, frequency - spread, level * 0.72, loss * 1.9, n);
		ring(wave, rate, frequency + spread, level * 0.28, loss * 0.5, n);
		yield;
	}
	// The ear judges loudness by the first moments, not by the highest peak.
	const opening = wave.subarray(0, Math.ceil(0.12 * rate));
	const energy = opening.reduce((sum, value) => sum + value * value, 0) / opening.length;
	finish(wave, rate, (0.17 - 0.05 * height) / Math.sqrt(energy || 1));
	return wave;
}

/**
 * Add a decaying sine by its recurrence, until it is inaudible.
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
	for (let i = 0; i < end; i++) {
		const now = feedback * before - decay * decay * beforeThat;
		beforeThat = before;
		before = now;
		wave[i] += now;
	}
}

/**
 * Bring a note to its level, add the knock of the hammer, and fade both ends against clicks.
 * @param {Float32Array} wave @param {number} rate @param {number} level
 */
export function finish(wave, rate, level) {
	for (let i = 0; i < wave.length; i++) {
		const time = i / rate;
		const knock = time < 0.1 ? (Math.random() - 0.5) * 0.04 * Math.exp(-time / 0.012) : 0;
		wave[i] = (wave[i] * level + knock) * Math.min(1, time / 0.002, (wave.length - i) / (0.2 * rate));
	}
}
