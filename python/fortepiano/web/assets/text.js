// Characters that the server refuses in names and lines (docs/protocol.md), and half surrogates.
const REFUSED = /[\p{Cc}\p{Zl}\p{Zp}\u200f\u202b\u202e\u2066\u2067]+/gu;
const HALVES = /\p{Cs}/gu;
/** @type {Record<string, string>} */
const OPENING = { ")": "(", "]": "[", "}": "{" };

/**
 * Return a typed text as the server takes it.
 * @param {string} typed @param {number} limit UTF-16 units
 */
export function oneLine(typed, limit) {
	return typed.normalize().replace(REFUSED, " ").trim().slice(0, limit).replace(HALVES, "");
}

/** @param {unknown} value @param {string} fallback */
export function string(value, fallback = "") {
	return typeof value === "string" ? value : fallback;
}

/**
 * Return a line for `append`: web addresses as links, all else as text.
 * @param {string} line @returns {(string | HTMLAnchorElement)[]}
 */
export function withLinks(line) {
	return line.split(/(https?:\/\/[^\s<>"\p{DI}]+)/iu).flatMap((part, i) => {
		const address = i % 2 ? ended(part) : "";
		if (!URL.canParse(address)) return part;
		const link = document.createElement("a");
		link.href = address;
		// The host as the browser requests it, so that no letter poses as another.
		link.textContent = address.replace(/\/\/[^/?#\\]*/, `//${new URL(address).host}`);
		link.target = "_blank";
		link.rel = "noopener noreferrer nofollow";
		return [link, part.slice(address.length)];
	});
}

/**
 * Return an address without the end of the sentence around it; brackets that it opened stay.
 * @param {string} address @returns {string}
 */
function ended(address) {
	const last = address.at(-1) ?? "";
	const open = OPENING[last];
	const more = open && address.split(last).length > address.split(open).length;
	return more || /['.,;:!?\u2019\u201d\u3001\u3002]/.test(last) ? ended(address.slice(0, -1)) : address;
}
