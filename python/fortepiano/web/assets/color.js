/** Return a colour of six hex digits in lower case, or the fallback for any other value. @param {unknown} value @param {string} [fallback] */
export function color(value, fallback = "#8a94a6") {
	return typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? value.toLowerCase() : fallback;
}

/** Return red, green and blue of a checked colour, 0..255. @param {string} hex @returns {[number, number, number]} */
export function channels(hex) {
	const value = parseInt(hex.slice(1), 16);
	return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Return the relative luminance of a checked colour, 0..1 (WCAG 2). @param {string} hex */
export function luminance(hex) {
	const [r, g, b] = channels(hex).map((part) => {
		const share = part / 255;
		return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
	});
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Text colours; on any colour one of them is legible. */
export const INKS = ["#000000", "#ffffff"];

/** Return the ink that contrasts more with a colour. @param {string} hex */
export function inkOn(hex) {
	return INKS[luminance(hex) > 0.179 ? 0 : 1];
}

/** Give an element a checked colour and a legible ink. @param {HTMLElement} node @param {string} hex */
export function wear({ style }, hex) {
	style.setProperty("--color", hex);
	style.setProperty("--ink", inkOn(hex));
}
