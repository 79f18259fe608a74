/** Values stored for the next visit. Where storage is forbidden, the page works without. */

/** @template T @param {string} name @param {T} fallback for a missing value, or one of another kind @returns {T} */
export function recall(name, fallback) {
	try {
		const value = JSON.parse(localStorage.getItem(`fortepiano.${name}`) ?? "null");
		return typeof value === typeof fallback && value !== null ? value : fallback;
	} catch {
		return fallback;
	}
}

/** @param {string} name @param {unknown} value */
export function remember(name, value) {
	try {
		localStorage.setItem(`fortepiano.${name}`, JSON.stringify(value));
	} catch {
		// nothing is stored then
	}
}
