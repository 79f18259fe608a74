import { element, panel, press, submit } from "./dom.js";
import { t } from "./language.js";

/** The dialog with all actions on one participant. */
export class ParticipantMenu {
	#dialog = panel("person");
	#minutes = element("person-minutes", HTMLInputElement);
	/** @type {Participant | null} */
	#person = null;
	#room;
	#mutes;

	/** @param {Net} net @param {Room} room @param {Mutes} mutes @param {Chat} chat */
	constructor(net, room, mutes, chat) {
		this.#room = room;
		this.#mutes = mutes;
		/** @param {string} id @param {(person: Participant) => void} act */
		const on = (id, act) =>
			press(`person-${id}`, () => {
				this.#dialog.close();
				if (this.#person) act(this.#person);
			});
		on("dm", (person) => chat.writeTo(person));
		on("notes", ({ _id }) => mutes.toggle("notes", _id));
		on("chat", ({ _id }) => mutes.toggle("chat", _id));
		on("crown", ({ id }) => net.send({ m: "chown", id }));
		on("beside", ({ _id }) => net.send({ m: "coowner", _id, on: true }));
		on("alone", ({ _id }) => net.send({ m: "coowner", _id, on: false }));
		on("invite", ({ _id }) => net.send({ m: "invite", _id, on: true }));
		on("silence", ({ _id }) => net.send({ m: "mute", _id, notes: true, chat: true }));
		on("unsilence", ({ _id }) => net.send({ m: "mute", _id }));
		submit("person-form", () => {
			const minutes = this.#minutes.valueAsNumber;
			if (this.#person && minutes >= 0) net.send({ m: "kickban", _id: this.#person._id, ms: minutes * 60_000 });
			this.#dialog.close();
		});
		room.on("changed", () => this.#draw());
		room.on("left", (id) => {
			if (id === this.#person?.id) this.#dialog.close();
		});
	}

	/** @param {Participant} person */
	open(person) {
		this.#person = person;
		this.#draw();
		this.#dialog.showModal();
	}

	#draw() {
		const person = this.#person;
		if (!person) return;
		element("person-name").textContent = person.name;
		const { notes, chat } = this.#mutes;
		element("person-notes").textContent = t(notes.has(person._id) ? "Hear again" : "Do not hear");
		element("person-chat").textContent = t(chat.has(person._id) ? "Show messages" : "Hide messages");
		element("person-holder").hidden = !this.#room.holdsCrown;
		const beside = this.#room.coowners.has(person._id);
		element("person-beside").hidden = beside;
		element("person-alone").hidden = !beside;
		element("person-rule").hidden = !this.#room.canModerate;
		element("person-invite").hidden = !(this.#room.canModerate && this.#room.settings.inviteOnly === true);
	}
}
