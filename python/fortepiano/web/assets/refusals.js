import { t } from "./language.js";

/**
 * The words for refusals, by their codes (docs/protocol.md): servers write theirs for programs too, and
 * in English. A code whose text names a room, a person or a time has a title alone.
 * @type {Record<string, { title?: string, text?: string }>}
 */
const WORDS = {
	too_fast: { text: "That was too fast. Wait a second or two, and try again." },
	banned: { title: "Banned" },
	kickbanned: { title: "Banned from this room" },
	room_full: { text: "That room is full." },
	no_bots: { text: "That room lets no bots in." },
	invited_only: { text: "That room is for invited people only." },
	too_new: { text: "You have not been here for long enough to enter that room." },
	muted: { text: "The room has muted you." },
	unmuted: { text: "You are no longer muted." },
	chat_off: { text: "Chat is off in this room." },
	slow_mode: { title: "Slow mode" },
	may_not_chat: { text: "You may not chat." },
	only_owner_plays: { text: "Only the holder of the crown plays in this room." },
	only_owner: { text: "Only the holder of the crown may do that." },
	crown_rests: { text: "The crown may not be taken yet." },
	holder_is_safe: { text: "The holder of the crown cannot be muted or banned." },
	not_allowed: { text: "You may not do that." },
	bad_message: { text: "That line is empty, too long, or has characters that it may not have." },
	bad_name: { text: "That name is empty, too long, or has unusual characters." },
	unreachable: { text: "That room cannot be reached now. Try again in a moment." },
	bad_room: { text: "That cannot be the name of a room." },
	coowner: { text: "You rule this room beside its owner." },
	not_coowner: { text: "You no longer rule this room." },
	invited: { title: "Invitation" },
};

/**
 * Return the title and the text of a notification in the reader's language.
 * @param {Partial<Message>} notification
 */
export function wordsOf({ code, title, text }) {
	const words = WORDS[code];
	return { title: words?.title ? t(words.title) : title, text: words?.text ? t(words.text) : text };
}
