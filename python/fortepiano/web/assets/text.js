// What the server refuses in names and lines (docs/protocol.md): control characters that break a
// line and marks that turn the direction of the text around it.
const REFUSED = /[\0\t\n\v\r\u200f\u202b\u202e\u2066\u2067]+/g;

/**
 * What somebody typed, as the server takes it: one line, no refused characters, no half surrogates.
 * @param {string} typed @param {number} limit UTF-16 units
 */
export function oneLine(typed, limit) {
	const line = typed.replace(REFUSED, " ").trim().slice(0, limit);
	// Half a surrogate pair would arrive as U+FFFD.
	return line.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "");
}

/** @param {unknown} value @param {string} fallback */
export function string(value, fallback = "") {
	return typeof value === "string" ? value : fallback;
}

/**
 * A line with its links, for `append`: what is no address stays text, and only the web's are links.
 * @param {string} line @returns {(string | HTMLAnchorElement)[]}
 */
export function withLinks(line) {
	return line.split(/(https?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]])/i).map((part, i) => {
		if (i % 2 === 0 || !URL.canParse(part)) return part;
		const link = document.createElement("a");
		link.href = part;
		link.textContent = part;
		link.target = "_blank";
		// The other page learns neither where it was linked nor how to steer this one.
		link.rel = "noopener noreferrer nofollow";
		return link;
	});
}
