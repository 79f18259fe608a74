import { element } from "./dom.js";
import { t } from "./language.js";

const WORDS = { connecting: "Connecting…", online: "Online", reconnecting: "Reconnecting…", refused: "Refused" };

/**
 * Show the room, the state of the connection and the holder of the crown in the header.
 * @param {Net} net @param {Room} room @param {Clock} clock
 */
export function showStatus(net, room, clock) {
	const status = element("status");
	const latency = element("latency");
	const count = element("room-count");
	const crown = element("crown");

	const connection = () => {
		status.dataset.status = net.status;
		element("status-text").textContent = net.reason ? `${t(WORDS[net.status])} (${t(net.reason)})` : t(WORDS[net.status]);
	};
	// Outside of the live region, so that screen readers do not repeat the number.
	const measured = () => {
		latency.textContent = net.status === "online" && clock.latency !== null ? `${Math.round(clock.latency)} ms` : "";
	};
	const where = () => {
		element("room-name").textContent = room.name;
		count.textContent = String(room.people.size);
		count.title = t("{count} here", { count: room.people.size });
		crown.hidden = !room.crown;
		element("crown-holder").textContent = room.holder?.name ?? t("on the floor");
	};

	net.on("status", connection);
	net.on("status", measured);
	net.wire.on("t", measured);
	room.on("changed", where);
	room.on("person", (person) => {
		if (person === room.holder) where();
	});
	connection();
}
