/**
 * QR codes (ISO/IEC 18004) for addresses of up to 134 bytes: error correction level L, versions 1 to 6.
 * By version: the number of words, and those of each block that correct errors.
 */
const TOTAL = [26, 44, 70, 100, 134, 172];
const CHECKS = [7, 10, 15, 20, 26, 18];
// Level L and mask 0, with their check bits.
const FORMAT = 0b111011111000100;

// The field GF(256) over x^8 + x^4 + x^3 + x^2 + 1.
const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i += 1, x = (x << 1) ^ (x > 127 ? 0x11d : 0)) {
	EXP[i] = EXP[i + 255] = x;
	LOG[x] = i;
}

/** @param {number} a @param {number} b */
const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

/** Return rows of modules, true where dark; undefined for too long a text. @param {string} text @returns {boolean[][] | undefined} */
export function qr(text) {
	const bytes = new TextEncoder().encode(text);
	const blocks = (/** @type {number} */ i) => (i === 5 ? 2 : 1);
	const index = TOTAL.findIndex((total, i) => bytes.length + 2 <= total - CHECKS[i] * blocks(i));
	if (index < 0) return undefined;
	const checks = CHECKS[index];
	const words = interleaved(encoded(bytes, TOTAL[index] - checks * blocks(index)), blocks(index), checks);
	const size = 21 + 4 * index;
	const grid = Array.from({ length: size }, () => /** @type {boolean[]} */ (new Array(size)));
	/** @param {number} x @param {number} y @param {boolean} dark */
	const set = (x, y, dark) => {
		if (x in grid && y in grid) grid[y][x] = dark;
	};
	/** Draw rings, light at some distances. @param {number} cx @param {number} cy @param {number} far @param {number[]} light */
	const rings = (cx, cy, far, light) => {
		for (let y = -far; y <= far; y++) {
			for (let x = -far; x <= far; x++) set(cx + x, cy + y, !light.includes(Math.max(Math.abs(x), Math.abs(y))));
		}
	};
	rings(3, 3, 4, [2, 4]);
	rings(size - 4, 3, 4, [2, 4]);
	rings(3, size - 4, 4, [2, 4]);
	if (index > 0) rings(size - 7, size - 7, 2, [1]);
	for (let i = 8; i < size - 8; i++) {
		set(i, 6, i % 2 === 0);
		set(6, i, i % 2 === 0);
	}
	for (let i = 0; i < 15; i++) {
		const dark = ((FORMAT >> i) & 1) === 1;
		set(8, i < 6 ? i : i < 8 ? i + 1 : size - 15 + i, dark);
		set(i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i, 8, dark);
	}
	set(8, size - 8, true);
	// The data, in columns of two from the right, up and down in turn.
	let bit = 0;
	for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
		if (right === 6) right = 5;
		for (let step = 0; step < size; step++) {
			const y = up ? size - 1 - step : step;
			for (const x of [right, right - 1]) {
				if (x in grid[y]) continue;
				const dark = ((words[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
				set(x, y, (dark === 1) !== ((x + y) % 2 === 0));
				bit += 1;
			}
		}
	}
	return grid;
}

/** @param {Uint8Array} bytes @param {number} room number of words for them */
function encoded(bytes, room) {
	const words = [];
	// Four bits declare bytes, so all that follows is shifted by half a word.
	let before = 4;
	for (const byte of [bytes.length, ...bytes, 0]) {
		words.push((before << 4) | (byte >> 4));
		before = byte & 15;
	}
	while (words.length < room) words.push((words.length - bytes.length) % 2 ? 0x11 : 0xec);
	return words;
}

/** Return the words of all blocks in turn, then the checks. @param {number[]} words @param {number} blocks @param {number} checks */
function interleaved(words, blocks, checks) {
	const length = words.length / blocks;
	const data = Array.from({ length: blocks }, (_, i) => words.slice(i * length, (i + 1) * length));
	const turns = (/** @type {number[][]} */ lists) => lists[0].flatMap((_, i) => lists.map((list) => list[i]));
	return [...turns(data), ...turns(data.map((block) => remainder(block, checks)))];
}

/** Return the rest of a block over the generator (Reed-Solomon). @param {number[]} block @param {number} checks */
function remainder(block, checks) {
	let generator = [1];
	for (let i = 0; i < checks; i++) {
		generator = [...generator, 0].map((term, j) => term ^ times(generator[j - 1], EXP[i]));
	}
	const rest = [...block, ...new Array(checks).fill(0)];
	for (let i = 0; i < block.length; i++) {
		const factor = rest[i];
		generator.forEach((term, j) => (rest[i + j] ^= times(term, factor)));
	}
	return rest.slice(block.length);
}
