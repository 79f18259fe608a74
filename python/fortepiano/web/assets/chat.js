import { element, make, press, submit } from "./dom.js";
import { LOBBY } from "./address.js";
import { LogVoice } from "./log_voice.js";
import { now } from "./clock.js";
import { color } from "./color.js";
import { t } from "./language.js";
import { oneLine, string, withLinks } from "./text.js";

const MOST_LINES = 200;
const LONGEST = 512;
const REMEMBERED = 20;
/** Pixels from the end at which one still reads the last line. */
const NEAR_END = 40;
/** Milliseconds after which a line that has not come back was refused. */
const ECHO = 3000;
/** Codes of the notices that refuse a line. */
const REFUSED = new Set(["too_fast", "slow_mode", "muted", "chat_off", "may_not_chat", "network_refused", "bad_message"]);

/** The chat of the room, with lines to all and to one user. */
export class Chat {
	#log = element("chat-log");
	#voice = new LogVoice(this.#log, element("chat-count"));
	#input = element("chat-input", HTMLInputElement);
	#section = element("chat");
	#toggle = element("chat-toggle", HTMLButtonElement);
	#target = element("chat-target");
	#room;
	#net;
	#mutes;
	/** The recipient of the next line; null: all. @type {Named | null} */
	#to = null;
	/** The id of the line that the next one answers. @type {string | null} */
	#answers = null;
	#unread = 0;
	/** Whether the last line is in view, and stays so. */
	#following = true;
	/** The user's own last lines, newest first. @type {string[]} */
	#history = [];
	/** The draft, and the last lines as far as they are edited: the arrows walk through them. */
	#drafts = [""];
	#at = 0;
	/** Lines that went out and have not come back. @type {{ line: string, to: Named | null, sent: number }[]} */
	#unheard = [];

	/** @param {Net} net @param {Room} room @param {Mutes} mutes */
	constructor(net, room, mutes) {
		this.#net = net;
		this.#room = room;
		this.#mutes = mutes;
		for (const kind of ["a", "dm"]) net.wire.on(kind, (line) => this.#append(line));
		net.wire.on("c", ({ c }) => this.#replace(Array.isArray(c) ? c : []));
		net.on("status", (status) => {
			this.#allow();
			if (status !== "online") this.#takeBack();
		});
		net.wire.on("notification", ({ code }) => {
			if (REFUSED.has(code)) this.#takeBack();
		});
		room.on("joined", () => {
			if (!this.#to || !this.#input.value) this.#aim(null, null);
			this.#read();
		});
		room.on("changed", () => this.#allow());
		mutes.on("change", () => {
			for (const row of this.#log.querySelectorAll("div")) row.hidden = mutes.chat.has(row.dataset.user ?? "");
		});
		this.#log.addEventListener("scroll", () => {
			this.#following = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR_END;
		});
		// The last line stays in view when the window changes.
		new ResizeObserver(() => this.#follow()).observe(this.#log);
		this.#allow();
		submit("chat-form", () => this.#send());
		this.#input.addEventListener("keydown", (event) => this.#key(event));
		this.#input.addEventListener("input", () => this.#count());
		press("chat-target-cancel", () => this.#aim(null, null));
		press("chat-toggle", () => this.#show(this.#section.classList.contains("closed")));
		document.addEventListener("visibilitychange", () => this.#read());
		// While the user plays, Enter goes to the chat.
		addEventListener("keydown", (event) => {
			const idle = document.activeElement === document.body || ["piano", "chat-log"].includes(document.activeElement?.id ?? "");
			if (event.key !== "Enter" || event.isComposing || !idle || this.#input.disabled) return;
			event.preventDefault();
			this.#show(true);
			this.#input.focus();
		});
	}

	/** Begin a line that only one user will read. @param {Named} person */
	writeTo(person) {
		this.#show(true);
		this.#aim(person, null);
		this.#input.focus();
	}

	#send() {
		const message = oneLine(this.#input.value, LONGEST);
		// An empty line moves the focus away; an unsent line stays in the box.
		if (!message) {
			this.#input.blur();
			return;
		}
		const answer = this.#answers && { reply_to: this.#answers };
		const line = this.#to ? { m: "dm", _id: this.#to._id, message, ...answer } : { m: "a", message, ...answer };
		if (!this.#net.send(line)) return;
		this.#history = [message, ...this.#history.filter((line) => line !== message)].slice(0, REMEMBERED);
		this.#unheard.push({ line: message, to: this.#to, sent: now() });
		// Servers repeat a refusal only after a while.
		setTimeout(() => this.#takeBack(ECHO), ECHO);
		this.#draft("");
		this.#aim(this.#to, null);
	}

	/** Begin a line anew. @param {string} text */
	#draft(text) {
		this.#drafts = [text, ...this.#history];
		this.#at = 0;
		this.#input.value = text;
		this.#count();
	}

	/**
	 * Put lines that were refused, or got lost with the connection, back before the draft.
	 * @param {number} [age] milliseconds since they went out, at least
	 */
	#takeBack(age = 0) {
		const lost = this.#unheard.filter(({ sent }) => now() - sent >= age);
		if (lost.length === 0) return;
		this.#unheard = this.#unheard.filter((one) => !lost.includes(one));
		// A line to one user must not go to all.
		const to = lost.findLast((one) => one.to)?.to;
		if (to) this.#aim(to, null);
		this.#draft(oneLine([...lost.map(({ line }) => line), this.#input.value].join(" "), LONGEST));
	}

	/** Forget a line that came back. @param {string} line */
	#heard(line) {
		const at = this.#unheard.findIndex((one) => one.line === line);
		// Servers may change a line, but never the order.
		this.#unheard.splice(0, Math.max(at, 0) + 1);
		if (this.#input.value === line && this.#history[0] === line) this.#draft(""); // the line came back late
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		if (event.key === "Escape") {
			if (this.#to || this.#answers) this.#aim(null, null);
			else this.#input.blur();
		}
		const step = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
		if (!step || event.isComposing || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
		event.preventDefault();
		const at = this.#at + step;
		if (!(at in this.#drafts)) return;
		this.#drafts[this.#at] = this.#input.value;
		this.#at = at;
		this.#input.value = this.#drafts[at];
		this.#count();
	}

	#count() {
		const left = LONGEST - this.#input.value.length;
		element("chat-left").textContent = left <= 60 ? String(left) : "";
	}

	/** @param {Named | null} to @param {{ id: string, name: string } | null} line */
	#aim(to, line) {
		this.#to = to;
		this.#answers = line?.id ?? null;
		this.#target.hidden = !to && !line;
		element("chat-target-text").textContent = to
			? t("Only {name} will read this", { name: to.name })
			: t("In answer to {name}", { name: line?.name ?? "" });
	}

	/** @param {unknown[]} lines */
	#replace(lines) {
		// Screen readers must not read out the history of a room.
		this.#log.ariaBusy = "true";
		this.#log.replaceChildren();
		this.#following = true;
		this.#unread = 0;
		for (const line of lines) this.#append(line, true);
		this.#log.ariaBusy = "false";
		this.#read();
	}

	/** @param {any} line an `a` or `dm` message, or an entry of `c` @param {boolean} [old] whether it is history */
	#append(line, old = false) {
		if (typeof line?.a !== "string") return;
		const from = line.sender ?? line.p;
		const user = string(from?._id);
		const own = user === this.#room.user?._id;
		const row = make("div", "line");
		row.dataset.user = user;
		row.hidden = this.#mutes.chat.has(user);
		const sender = string(from?.name, "Anonymous");
		const name = make("bdi", "line-name", sender);
		name.style.setProperty("--color", color(from?.color));
		row.append(spaced(name));
		if (line.m === "dm") {
			row.classList.add("line-private");
			const whom = own ? t("to {name}", { name: string(line.recipient?.name) }) : t("to you alone");
			row.append(spaced(make("bdi", "line-to", whom)));
		}
		const answered = typeof line.r === "string" && this.#log.querySelector(`[data-line="${CSS.escape(line.r)}"]`);
		if (answered) row.append(spaced(make("bdi", "line-quote", answered.querySelector(".line-text")?.textContent ?? "")));
		const text = make("bdi", "line-text");
		text.append(...withLinks(line.a));
		row.append(text);
		const time = new Date(Number(line.t));
		if (time.getTime()) row.title = time.toLocaleTimeString();
		if (typeof line.id === "string") {
			row.dataset.line = line.id;
			const reply = make("button", "line-reply", "↩");
			reply.title = t("Answer");
			reply.ariaLabel = t("Answer {name}", { name: sender });
			reply.addEventListener("click", () => {
				const to = line.m === "dm" ? { ...(own ? line.recipient : from) } : null;
				this.#aim(to, { id: line.id, name: sender });
				this.#input.focus();
			});
			row.append(reply);
		}
		this.#log.append(row);
		while (this.#log.childElementCount > MOST_LINES) this.#log.firstElementChild?.remove();
		this.#follow();
		if (!old && own) this.#heard(line.a);
		if (!old && !own && !row.hidden) {
			this.#unread += 1;
			this.#voice.add();
		}
		this.#read();
	}

	#follow() {
		if (this.#following) this.#log.scrollTop = this.#log.scrollHeight;
	}

	/** @param {boolean} open */
	#show(open) {
		this.#section.classList.toggle("closed", !open);
		this.#toggle.ariaExpanded = String(open);
		if (open) this.#following = true;
		this.#follow();
		this.#read();
	}

	/** Count unread lines while the chat is closed or the page is hidden. */
	#read() {
		const seen = !document.hidden && !this.#section.classList.contains("closed");
		if (seen) this.#unread = 0;
		this.#toggle.dataset.unread = this.#unread ? String(this.#unread) : "";
		const { name } = this.#room;
		const place = name === LOBBY ? "" : `${name} · `;
		document.title = `${this.#unread ? `(${this.#unread}) ` : ""}${place}fortepiano`;
	}

	#allow() {
		const off = this.#room.settings.chat === false;
		this.#section.classList.toggle("off", off);
		this.#input.disabled = off;
		this.#input.placeholder = off
			? t("Chat is off in this room")
			: this.#net.status === "online"
				? t("Say something (Enter)")
				: t("Not connected: what you write waits here");
	}
}

/** Return a part of a line with a gap behind it, in the direction of the line. @param {HTMLElement} part */
function spaced(part) {
	const box = make("span", "line-part");
	box.append(part);
	return box;
}
