/** The value if it is a colour of six hex digits, else the fallback. @param {unknown} value @param {string} [fallback] */
export function color(value, fallback = "#8a94a6") {
	return typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? value.toLowerCase() : fallback;
}

/** The red, green and blue of a checked colour, 0..255. @param {string} hex @returns {[number, number, number]} */
export function channels(hex) {
	const value = parseInt(hex.slice(1), 16);
	return [value >> 16, (value >> 8) & 255, value & 255];
}

/** How bright a checked colour is, 0..1 (relative luminance of WCAG 2). @param {string} hex */
export function luminance(hex) {
	const [r, g, b] = channels(hex).map((part) => {
		const share = part / 255;
		return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
	});
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** One is legible on any colour. */
export const INKS = ["#000000", "#ffffff"];

/** The ink that contrasts more with the colour below it. @param {string} hex */
export function inkOn(hex) {
	return INKS[luminance(hex) > 0.179 ? 0 : 1];
}

/** Gives something a checked colour, and an ink that one can read on it. @param {HTMLElement} node @param {string} hex */
export function wear({ style }, hex) {
	style.setProperty("--color", hex);
	style.setProperty("--ink", inkOn(hex));
}
