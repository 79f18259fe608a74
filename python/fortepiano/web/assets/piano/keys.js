/** The 88 keys: their names on the wire, their pitch and their place. */

const NAMES = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"];
const BLACK = 0.58;
// Black keys are spread between the white ones as on a real keyboard, not centred.
const SHIFT = { cs: -0.06, ds: 0.06, fs: -0.08, gs: 0, as: 0.08 };

export const WHITES = 52;

/** @type {readonly Key[]} */
export const KEYS = build();

/** @type {ReadonlyMap<string, Key>} */
export const BY_NAME = new Map(KEYS.map((key) => [key.name, key]));

/** @param {number} midi @returns {Key | undefined} */
export function keyOf(midi) {
	return KEYS[midi - 21];
}

function build() {
	/** @type {Key[]} */
	const keys = [];
	let whites = 0;
	for (let midi = 21; midi <= 108; midi++) {
		const name = NAMES[midi % 12];
		const black = name.length > 1;
		const left = black ? whites - BLACK / 2 + SHIFT[/** @type {keyof typeof SHIFT} */ (name)] : whites;
		keys.push({ name: `${name}${Math.floor(midi / 12) - 2}`, midi, black, left, width: black ? BLACK : 1 });
		if (!black) whites += 1;
	}
	return keys;
}
