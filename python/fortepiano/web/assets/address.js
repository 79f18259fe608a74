/** The room's name is the path of the page. */

export const LOBBY = "lobby";

// Paths at which the server answers with something else than this page.
const TAKEN = /^(ws|healthz|readyz|assets(\/.*)?)$/;

/**
 * The room that a page address names. `?c=` is how links of other servers name it, and how this
 * page names the few rooms that a path cannot.
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

/** The address of a room on this server. @param {string} room */
export function pathOf(room) {
	if (room === LOBBY) return "/";
	const segments = room.split("/");
	// A browser takes "." and ".." and an empty first segment for directions, people add a slash.
	const odd = segments[0] === "" || segments.at(-1) === "" || segments.some((part) => /^\.\.?$/.test(part));
	if (odd || TAKEN.test(room)) return `/?c=${encodeURIComponent(room)}`;
	return `/${segments.map(encodeURIComponent).join("/")}`;
}

/** The socket that belongs to a page address. @param {Pick<Location, "protocol" | "host">} location */
export function socketOf({ protocol, host }) {
	return `${protocol === "https:" ? "wss:" : "ws:"}//${host}/ws`;
}
