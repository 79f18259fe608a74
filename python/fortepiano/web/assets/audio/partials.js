import { finish, ring } from "./computed_piano.js";

/**
 * Struck and plucked instruments as their partials: the ratio of each to the pitch, its level, and
 * its loss per second at middle C.
 */

/** @type {Record<string, Timbre>} */
export const TIMBRES = {
	electric: { seconds: 5, level: 0.16, partials: [[1, 1, 0.9], [2, 0.22, 1.4], [3, 0.1, 2.2], [4, 0.05, 3], [7.02, 0.09, 9], [14.1, 0.1, 16]] },
	harpsichord: {
		seconds: 4,
		level: 0.1,
		partials: Array.from({ length: 22 }, (_, i) => [i + 1, Math.abs(Math.sin((i + 1) * 0.62)) / (i + 1) ** 0.55, 1.3 + 0.22 * i]),
	},
	vibraphone: { seconds: 6, level: 0.16, partials: [[1, 1, 0.7], [3.99, 0.28, 2.4], [10.2, 0.06, 9]] },
	musicbox: { seconds: 4, level: 0.12, partials: [[1, 1, 1.6], [2, 0.1, 2], [5.4, 0.22, 5], [9.1, 0.1, 11]] },
};

/**
 * Compute one note, a partial per step.
 * @param {Timbre} timbre @param {number} midi @param {number} rate samples per second
 * @returns {Generator<void, Float32Array<ArrayBuffer>>}
 */
export function* pluck({ seconds, level, partials }, midi, rate) {
	const pitch = 440 * 2 ** ((midi - 69) / 12);
	const haste = 2 ** ((midi - 60) / 22);
	const wave = new Float32Array(Math.ceil(Math.min(seconds, (1.4 * seconds) / haste) * rate));
	for (const [ratio, amplitude, loss] of partials) {
		if (ratio * pitch > rate * 0.45) continue;
		ring(wave, rate, ratio * pitch, amplitude * level, loss * haste, 0);
		yield;
	}
	finish(wave, rate, 1);
	return wave;
}
