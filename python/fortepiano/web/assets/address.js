/** Page addresses: the path of the page is the name of the room. */

export const LOBBY = "lobby";

// Paths at which the server answers with something other than this page.
const TAKEN = /^(ws|healthz|readyz|assets(\/.*)?)$/;

/**
 * Return the room that a page address names. Links of other servers name a room by `?c=`, and so
 * does this page for the few names that a path cannot hold.
 * @param {Pick<Location, "pathname" | "search">} location
 */
export function roomOf({ pathname, search }) {
	const asked = new URLSearchParams(search).get("c");
	if (asked) return asked;
	const path = pathname.slice(1).replace(/\/+$/, "");
	if (path === "" || path === "ws") return LOBBY;
	try {
		return decodeURIComponent(path);
	} catch {
		return path; // a stray % is part of the name
	}
}

/** Return the address of a room on this server. @param {string} room */
export function pathOf(room) {
	if (room === LOBBY) return "/";
	const segments = room.split("/");
	// Browsers resolve ".", ".." and an empty first segment; people add a slash at the end.
	const odd = segments[0] === "" || segments.at(-1) === "" || segments.some((part) => /^\.\.?$/.test(part));
	if (odd || TAKEN.test(room)) return `/?c=${encodeURIComponent(room)}`;
	return `/${segments.map(encodeURIComponent).join("/")}`;
}

/** Return the WebSocket address for a page address. @param {Pick<Location, "protocol" | "host">} location */
export function socketOf({ protocol, host }) {
	return `${protocol === "https:" ? "wss:" : "ws:"}//${host}/ws`;
}
